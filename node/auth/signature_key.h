// A key that tells whether a token was signed by who may sign tokens.
#ifndef ROOMLOG_NODE_AUTH_SIGNATURE_KEY_H_
#define ROOMLOG_NODE_AUTH_SIGNATURE_KEY_H_

#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roomlog {

// The four that are taken. `none` is not among them, on purpose.
enum class SignatureAlgorithm { kHs256, kRs256, kEs256, kEdDsa };

// "HS256" and so on, as RFC 7518 and 8037 write them.
absl::string_view NameOf(SignatureAlgorithm algorithm);
std::optional<SignatureAlgorithm> SignatureAlgorithmOf(absl::string_view name);

// Serves one algorithm only, that of its kind: so a public key is never taken
// for a secret, whatever a token says of itself. Does not change; copies share
// it; any thread.
class SignatureKey {
 public:
  // HS256. INVALID_ARGUMENT: shorter than kSecretBytesMin.
  static absl::StatusOr<SignatureKey> FromSecret(absl::string_view secret);
  // A public key: RSA, EC on P-256, or Ed25519. INVALID_ARGUMENT: another kind,
  // or of a length that is not taken.
  static absl::StatusOr<SignatureKey> FromPublicKey(
      std::shared_ptr<EVP_PKEY> key);

  SignatureAlgorithm algorithm() const { return algorithm_; }

  // Whether `signature`, as a token has it, is that of `text` by this key.
  bool Verifies(absl::string_view text, absl::string_view signature) const;

 private:
  SignatureKey(SignatureAlgorithm algorithm, std::string secret,
               std::shared_ptr<EVP_PKEY> key)
      : algorithm_(algorithm),
        secret_(std::move(secret)),
        key_(std::move(key)) {}

  SignatureAlgorithm algorithm_;
  std::string secret_;             // Of kHs256.
  std::shared_ptr<EVP_PKEY> key_;  // Of the others.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_SIGNATURE_KEY_H_
