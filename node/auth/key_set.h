// The keys by which tokens may be signed.
#ifndef ROOMLOG_NODE_AUTH_KEY_SET_H_
#define ROOMLOG_NODE_AUTH_KEY_SET_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "node/auth/signature_key.h"

namespace roomlog {

// Does not change; any thread. Each way of making one refuses, with
// INVALID_ARGUMENT, what is not wholly understood, what holds no key and what
// holds more than kKeysMax.
class KeySet {
 public:
  // One secret: the bytes of the file but for a line end after them.
  static absl::StatusOr<KeySet> FromSecret(absl::string_view text);
  // What begins with `{` is a JWKS, anything else is PEM.
  static absl::StatusOr<KeySet> FromPublicKeys(absl::string_view text);
  // Public keys, "-----BEGIN PUBLIC KEY-----", one after the other.
  static absl::StatusOr<KeySet> FromPem(absl::string_view text);
  // RFC 7517. Keys for other uses and of other kinds are passed over.
  static absl::StatusOr<KeySet> FromJwks(absl::string_view text);

  // Whether a token's `text` was signed by one of these keys: by the one that
  // the token names, or, if it names none or keys have no names, by any.
  // UNAUTHENTICATED, with what is wrong: no such key, no name where several
  // keys have one, or not its signature.
  absl::Status Verify(SignatureAlgorithm algorithm,
                      const std::optional<std::string>& key_id,
                      absl::string_view text,
                      absl::string_view signature) const;

  size_t size() const { return keys_.size(); }

 private:
  struct Named {
    std::optional<std::string> id;
    SignatureKey key;
  };

  absl::Status Add(std::optional<std::string> id, SignatureKey key);

  std::vector<Named> keys_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_KEY_SET_H_
