// What browsers are told of who may read answers (CORS), as npm's `cors` does.
#ifndef ROOMLOG_NODE_ENGINEIO_CORS_H_
#define ROOMLOG_NODE_ENGINEIO_CORS_H_

#include <optional>
#include <string>
#include <vector>

#include "node/engineio/http_message.h"

namespace roomlog {

struct CorsOptions {
  // Said to everybody. "*" lets any page in, but not with credentials.
  std::string origin = "*";
  // If there are any: an origin among them is said back, instead of `origin`.
  std::vector<std::string> origins;
  // Any origin is said back, instead of either.
  bool reflects_origin = false;
  bool credentials = false;
  std::string methods = "GET,HEAD,PUT,PATCH,POST,DELETE";
  std::string allowed_headers;  // Empty: those that are asked for.
  std::string exposed_headers;
  std::optional<int> max_age_seconds;
};

// The headers for any answer but that to a preflight.
HttpHeaders CorsHeaders(const CorsOptions& options, const HttpRequest& request);

// The answer to OPTIONS. An origin that may not is not told so: the answer
// only lacks its name.
HttpAnswer AnswerPreflight(const CorsOptions& options,
                           const HttpRequest& request);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_CORS_H_
