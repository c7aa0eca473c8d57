#include "node/engineio/cors.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

// Appends the header with the origin; true if the answer varies by it.
bool AddOrigin(const CorsOptions& options, absl::string_view origin,
               HttpHeaders* headers) {
  constexpr char kName[] = "Access-Control-Allow-Origin";
  const std::vector<std::string>& list = options.origins;
  if (options.reflects_origin || !list.empty()) {
    const bool is_allowed =
        options.reflects_origin ||
        std::find(list.begin(), list.end(), origin) != list.end();
    if (is_allowed && !origin.empty()) {
      headers->emplace_back(kName, std::string(origin));
    }
    return true;
  }
  headers->emplace_back(kName, options.origin);
  return options.origin != "*";
}

void AddCredentials(const CorsOptions& options, HttpHeaders* headers) {
  if (options.credentials) {
    headers->emplace_back("Access-Control-Allow-Credentials", "true");
  }
}

void AddExposed(const CorsOptions& options, HttpHeaders* headers) {
  if (!options.exposed_headers.empty()) {
    headers->emplace_back("Access-Control-Expose-Headers",
                          options.exposed_headers);
  }
}

}  // namespace

HttpHeaders CorsHeaders(const CorsOptions& options,
                        const HttpRequest& request) {
  HttpHeaders headers;
  if (AddOrigin(options, request.headers.Find("Origin"), &headers)) {
    headers.emplace_back("Vary", "Origin");
  }
  AddCredentials(options, &headers);
  AddExposed(options, &headers);
  return headers;
}

HttpAnswer AnswerPreflight(const CorsOptions& options,
                           const HttpRequest& request) {
  HttpAnswer answer;
  answer.status = 204;
  HttpHeaders& headers = answer.headers;
  std::string vary;
  if (AddOrigin(options, request.headers.Find("Origin"), &headers)) {
    vary = "Origin";
  }
  AddCredentials(options, &headers);
  headers.emplace_back("Access-Control-Allow-Methods", options.methods);
  std::string allowed = options.allowed_headers;
  if (allowed.empty()) {
    allowed =
        std::string(request.headers.Find("Access-Control-Request-Headers"));
    absl::StrAppend(&vary, vary.empty() ? "" : ", ",
                    "Access-Control-Request-Headers");
  }
  if (!vary.empty()) headers.emplace_back("Vary", vary);
  if (!allowed.empty()) {
    headers.emplace_back("Access-Control-Allow-Headers", allowed);
  }
  if (options.max_age_seconds.has_value()) {
    headers.emplace_back("Access-Control-Max-Age",
                         absl::StrCat(*options.max_age_seconds));
  }
  AddExposed(options, &headers);
  // Some browsers wait for a body otherwise.
  headers.emplace_back("Content-Length", "0");
  return answer;
}

}  // namespace roomlog
