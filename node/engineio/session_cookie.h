// The cookie by which a balancer may keep a client on one node.
#ifndef ROOMLOG_NODE_ENGINEIO_SESSION_COOKIE_H_
#define ROOMLOG_NODE_ENGINEIO_SESSION_COOKIE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace roomlog {

// As the option `cookie` of Engine.IO's own server.
struct CookieOptions {
  std::string name = "io";
  std::string path = "/";
  std::string domain;  // Empty: not said.
  bool http_only = true;
  bool secure = false;
  std::string same_site = "Lax";  // Empty: not said.
  std::optional<int> max_age_seconds;
};

// What stands behind "Set-Cookie: " in the answer to a session's first request.
std::string SessionCookie(const CookieOptions& options,
                          absl::string_view session_id);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_SESSION_COOKIE_H_
