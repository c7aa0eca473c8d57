#include "node/engineio/http_message.h"

namespace roomlog {

HttpAnswer TextAnswer(int status, absl::string_view text) {
  HttpAnswer answer;
  answer.status = status;
  answer.content_type = "text/plain; charset=UTF-8";
  answer.body = std::string(text);
  return answer;
}

}  // namespace roomlog
