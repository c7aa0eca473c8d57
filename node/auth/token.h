// A token in its compact form (RFC 7515), taken apart.
#ifndef ROOMLOG_NODE_AUTH_TOKEN_H_
#define ROOMLOG_NODE_AUTH_TOKEN_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "node/auth/signature_key.h"

namespace roomlog {

// What a token says before anybody knows whether it is true.
struct Token {
  SignatureAlgorithm algorithm;
  std::optional<std::string> key_id;
  absl::string_view signed_text;  // Of the text that it was read from.
  std::string signature;
  std::string claims_json;
};

// Takes exactly what we can judge. UNAUTHENTICATED, with what is wrong: longer
// than kTokenBytesMax; not three parts of base64url; a header that is not one
// JSON object, has a member twice, or names an algorithm that is not taken
// (`none` among them), another kind of token, or extensions that must be
// understood (`crit`, `b64`). Keys within the header are not looked at.
absl::StatusOr<Token> ReadToken(absl::string_view text);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_TOKEN_H_
