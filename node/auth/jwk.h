// One key as JSON (RFC 7517).
#ifndef ROOMLOG_NODE_AUTH_JWK_H_
#define ROOMLOG_NODE_AUTH_JWK_H_

#include <simdjson.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "node/auth/signature_key.h"

namespace roomlog {

struct Jwk {
  std::optional<std::string> id;
  SignatureKey key;
};

// Nothing if it is for another use, or of another kind, than signing tokens by
// the algorithms taken here. INVALID_ARGUMENT: it is broken, too weak, or holds
// a private key, which has no business where tokens are only checked.
absl::StatusOr<std::optional<Jwk>> ReadJwk(simdjson::dom::object json);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_JWK_H_
