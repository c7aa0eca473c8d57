// Signs tokens, for tests: what an identity provider has.
#ifndef ROOMLOG_NODE_AUTH_SIGNING_KEY_H_
#define ROOMLOG_NODE_AUTH_SIGNING_KEY_H_

#include <openssl/evp.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "node/auth/signature_key.h"

namespace roomlog {

std::string EncodeBase64Url(absl::string_view bytes);

// Drawn at random.
class SigningKey {
 public:
  explicit SigningKey(SignatureAlgorithm algorithm, int rsa_bits = 2048);

  // What FromPem(), or FromSecret(), takes.
  std::string FileText() const;
  // A JSON object; `kid` and `more` members (",\"use\":\"sig\"") may be empty.
  std::string Jwk(absl::string_view kid, absl::string_view more = "") const;

  // A token with this header and these claims, whatever they say.
  std::string Sign(absl::string_view header, absl::string_view claims) const;
  // The same with the right header, and a `kid` if it is not empty.
  std::string Token(absl::string_view claims, absl::string_view kid = "") const;

  std::string SignatureOf(absl::string_view text) const;

 private:
  const SignatureAlgorithm algorithm_;
  std::string secret_;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_SIGNING_KEY_H_
