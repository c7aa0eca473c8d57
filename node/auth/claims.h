// What a token says of its user.
#ifndef ROOMLOG_NODE_AUTH_CLAIMS_H_
#define ROOMLOG_NODE_AUTH_CLAIMS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "node/auth/grants.h"

namespace roomlog {

struct Claims {
  std::string user;    // `sub`
  absl::Time expires;  // `exp`
  std::optional<absl::Time> not_before;
  std::optional<absl::Time> issued_at;
  std::optional<std::string> issuer;
  std::vector<std::string> audiences;
  Grants grants;  // `roomlog`
};

// UNAUTHENTICATED, with what is wrong: no JSON object, a claim twice, `sub` or
// `exp` missing, one of these claims of the wrong type, a user's name that is
// empty, too long or holds a NUL. Other claims are passed over.
absl::StatusOr<Claims> ReadClaims(absl::string_view json);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_CLAIMS_H_
