// Whether a token is true, and whether it is meant for us.
#ifndef ROOMLOG_NODE_AUTH_TOKEN_CHECK_H_
#define ROOMLOG_NODE_AUTH_TOKEN_CHECK_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "node/auth/claims.h"
#include "node/auth/key_set.h"

namespace roomlog {

struct TokenRules {
  std::string issuer;  // Empty: any, or none.
  // Empty: tokens that are meant for somebody in particular are refused, as
  // RFC 7519 wants it.
  std::string audience;
  // The clocks of who signs and who checks may be apart by this.
  absl::Duration leeway = absl::Seconds(5);
};

// The claims of a token that is signed by one of `keys` and valid at `now`.
// UNAUTHENTICATED, with what is wrong, for all that is not; DEADLINE_EXCEEDED
// if only its time is over. Nothing of the claims is looked at before the
// signature was found to be right. Any thread.
absl::StatusOr<Claims> CheckToken(absl::string_view text, const KeySet& keys,
                                  const TokenRules& rules, absl::Time now);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_TOKEN_CHECK_H_
