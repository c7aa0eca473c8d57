#include "node/auth/token_check.h"

#include "absl/algorithm/container.h"
#include "node/auth/token.h"

namespace roomlog {
namespace {

absl::Status Refuse(absl::string_view why) {
  return absl::UnauthenticatedError(why);
}

absl::Status CheckClaims(const Claims& claims, const TokenRules& rules,
                         absl::Time now) {
  if (!rules.issuer.empty() && claims.issuer != rules.issuer) {
    return Refuse("its iss is not the one expected");
  }
  if (rules.audience.empty() && !claims.audiences.empty()) {
    return Refuse("it has an aud, and none is configured here");
  }
  if (!rules.audience.empty() &&
      !absl::c_linear_search(claims.audiences, rules.audience)) {
    return Refuse("its aud does not name us");
  }
  if (claims.not_before.has_value() &&
      *claims.not_before > now + rules.leeway) {
    return Refuse("it is not valid yet (nbf)");
  }
  if (claims.issued_at.has_value() && *claims.issued_at > now + rules.leeway) {
    return Refuse("it comes from the future (iat)");
  }
  if (claims.expires + rules.leeway <= now) {
    return absl::DeadlineExceededError("its time is over (exp)");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Claims> CheckToken(absl::string_view text, const KeySet& keys,
                                  const TokenRules& rules, absl::Time now) {
  const absl::StatusOr<Token> token = ReadToken(text);
  if (!token.ok()) return token.status();
  const absl::Status signature = keys.Verify(
      token->algorithm, token->key_id, token->signed_text, token->signature);
  if (!signature.ok()) return signature;
  absl::StatusOr<Claims> claims = ReadClaims(token->claims_json);
  if (!claims.ok()) return claims;
  const absl::Status valid = CheckClaims(*claims, rules, now);
  if (!valid.ok()) return valid;
  return claims;
}

}  // namespace roomlog
