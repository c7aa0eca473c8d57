#include "node/engineio/http_message.h"

#include <boost/beast/http/status.hpp>

#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

absl::string_view ReasonOf(int status) {
  const auto text = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  return absl::string_view(text.data(), text.size());
}

}  // namespace

HttpAnswer TextAnswer(int status, absl::string_view text) {
  HttpAnswer answer;
  answer.status = status;
  answer.content_type = "text/plain; charset=UTF-8";
  answer.body = std::string(text);
  return answer;
}

std::string EncodeAnswerHead(const HttpAnswer& answer, uint64_t body_bytes,
                             bool keeps_alive) {
  std::string head = absl::StrCat("HTTP/1.1 ", answer.status, " ",
                                  ReasonOf(answer.status), "\r\n");
  const bool is_switch = answer.status == 101;
  if (!is_switch) {
    absl::StrAppend(&head, "X-Content-Type-Options: nosniff\r\nConnection: ",
                    keeps_alive ? "keep-alive" : "close", "\r\n");
    if (answer.status != 304 && answer.status != 204) {
      absl::StrAppend(&head, "Content-Length: ", body_bytes, "\r\n");
    }
  }
  if (!answer.content_type.empty()) {
    absl::StrAppend(&head, "Content-Type: ", answer.content_type, "\r\n");
  }
  for (const auto& [name, value] : answer.headers) {
    absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  return head += "\r\n";
}

}  // namespace roomlog
