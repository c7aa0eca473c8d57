#include "node/engineio/http_reader.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <limits>

#include "absl/strings/match.h"
#include "base/limits.h"

namespace roomlog {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

absl::string_view View(beast::string_view text) {
  return absl::string_view(text.data(), text.size());
}

}  // namespace

void HttpReader::NextRequest() {
  parser_.emplace();
  parser_->header_limit(kHttpHeaderBytesMax);
  // Ours: AllowBody() decides, when it is known whose body it is.
  parser_->body_limit(boost::none);
  parser_->eager(false);
  reads_body_ = false;
  is_body_told_ = false;
  head_bytes_ = 0;
}

HttpReader::Event HttpReader::Read(absl::string_view* input) {
  const bool in_head = !parser_->is_header_done();
  if (!in_head && !reads_body_) return Event::kNothing;
  while (true) {
    if (!in_head && parser_->is_done()) {
      if (is_body_told_) return Event::kNothing;
      is_body_told_ = true;
      return Event::kBody;
    }
    if (input->empty()) return Event::kNothing;
    boost::system::error_code error;
    const size_t taken =
        parser_->put(boost::asio::buffer(input->data(), input->size()), error);
    input->remove_prefix(taken);
    if (in_head) head_bytes_ += taken;
    if (head_bytes_ > kHttpHeaderBytesMax) return Event::kTooLarge;
    if (!in_head && body().size() > body_bytes_max_) return Event::kTooLarge;
    if (error == http::error::need_more) {
      // Beast takes no part of a line, so what is left must stay within bounds
      // here.
      return input->size() > kHttpHeaderBytesMax && taken == 0
                 ? Event::kTooLarge
                 : Event::kNothing;
    }
    if (error == http::error::header_limit ||
        error == http::error::body_limit) {
      return Event::kTooLarge;
    }
    if (error) return Event::kMalformed;
    if (in_head && parser_->is_header_done()) return Event::kHead;
    if (taken == 0) return Event::kNothing;
  }
}

HttpRequest HttpReader::request() const {
  const auto& message = parser_->get();
  HttpRequest request;
  request.method = View(message.method_string());
  request.target = View(message.target());
  request.asks_websocket = beast::websocket::is_upgrade(message);
  for (const auto& field : message) {
    request.headers.Add(View(field.name_string()), View(field.value()));
  }
  return request;
}

bool HttpReader::expects_continue() const {
  return absl::EqualsIgnoreCase(View(parser_->get()[http::field::expect]),
                                "100-continue");
}

HttpReader::Event HttpReader::AllowBody(size_t bytes_max) {
  reads_body_ = true;
  body_bytes_max_ = bytes_max;
  parser_->eager(true);
  const auto length = parser_->content_length();
  if (length && *length > bytes_max) return Event::kTooLarge;
  return Event::kNothing;
}

}  // namespace roomlog
