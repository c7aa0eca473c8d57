#include "node/engineio/session_cookie.h"

#include "absl/strings/str_cat.h"

namespace roomlog {

std::string SessionCookie(const CookieOptions& options,
                          absl::string_view session_id) {
  std::string text = absl::StrCat(options.name, "=", session_id);
  if (options.max_age_seconds.has_value()) {
    absl::StrAppend(&text, "; Max-Age=", *options.max_age_seconds);
  }
  if (!options.domain.empty()) {
    absl::StrAppend(&text, "; Domain=", options.domain);
  }
  if (!options.path.empty()) absl::StrAppend(&text, "; Path=", options.path);
  if (options.http_only) absl::StrAppend(&text, "; HttpOnly");
  if (options.secure) absl::StrAppend(&text, "; Secure");
  if (!options.same_site.empty()) {
    absl::StrAppend(&text, "; SameSite=", options.same_site);
  }
  return text;
}

}  // namespace roomlog
