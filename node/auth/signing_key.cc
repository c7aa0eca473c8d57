#include "node/auth/signing_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

std::string NumberOf(EVP_PKEY* key, const char* name, int bytes) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  std::string text(bytes > 0 ? bytes : BN_num_bytes(number), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(text.data()),
               static_cast<int>(text.size()));
  BN_free(number);
  return EncodeBase64Url(text);
}

// From DER to two numbers side by side.
std::string RawSignature(const std::string& der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* const pair =
      d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size()));
  std::string raw(64, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32);
  ECDSA_SIG_free(pair);
  return raw;
}

}  // namespace

std::string EncodeBase64Url(absl::string_view bytes) {
  return absl::WebSafeBase64Escape(bytes);  // Without padding.
}

SigningKey::SigningKey(SignatureAlgorithm algorithm, int rsa_bits)
    : algorithm_(algorithm) {
  EVP_PKEY* key = nullptr;
  switch (algorithm) {
    case SignatureAlgorithm::kHs256:
      secret_.resize(48);
      RAND_bytes(reinterpret_cast<unsigned char*>(secret_.data()), 48);
      // No line ends in it, as it is to go into a file.
      secret_ = EncodeBase64Url(secret_);
      return;
    case SignatureAlgorithm::kRs256:
      key = EVP_RSA_gen(static_cast<unsigned int>(rsa_bits));
      break;
    case SignatureAlgorithm::kEs256:
      key = EVP_EC_gen("P-256");
      break;
    case SignatureAlgorithm::kEdDsa:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
  }
  key_ = std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
}

std::string SigningKey::FileText() const {
  if (key_ == nullptr) return secret_ + "\n";
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()),
                                                      BIO_free);
  PEM_write_bio_PUBKEY(out.get(), key_.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

std::string SigningKey::Jwk(absl::string_view kid,
                            absl::string_view more) const {
  std::string members;
  switch (algorithm_) {
    case SignatureAlgorithm::kHs256:
      members = absl::StrCat(R"("kty":"oct","k":")", EncodeBase64Url(secret_));
      break;
    case SignatureAlgorithm::kRs256:
      members = absl::StrCat(R"("kty":"RSA","n":")",
                             NumberOf(key_.get(), OSSL_PKEY_PARAM_RSA_N, 0),
                             R"(","e":")",
                             NumberOf(key_.get(), OSSL_PKEY_PARAM_RSA_E, 0));
      break;
    case SignatureAlgorithm::kEs256:
      members = absl::StrCat(
          R"("kty":"EC","crv":"P-256","x":")",
          NumberOf(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, 32), R"(","y":")",
          NumberOf(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, 32));
      break;
    case SignatureAlgorithm::kEdDsa: {
      std::string raw(32, '\0');
      size_t size = raw.size();
      EVP_PKEY_get_raw_public_key(
          key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
      members = absl::StrCat(R"("kty":"OKP","crv":"Ed25519","x":")",
                             EncodeBase64Url(raw));
      break;
    }
  }
  return absl::StrCat("{", members, "\"",
                      kid.empty() ? "" : absl::StrCat(R"(,"kid":")", kid, "\""),
                      more, "}");
}

std::string SigningKey::SignatureOf(absl::string_view text) const {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (key_ == nullptr) {
    std::string mac(32, '\0');
    HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()), bytes,
         text.size(), reinterpret_cast<unsigned char*>(mac.data()), nullptr);
    return mac;
  }
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
      EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestSignInit(
      context.get(), nullptr,
      algorithm_ == SignatureAlgorithm::kEdDsa ? nullptr : EVP_sha256(),
      nullptr, key_.get());
  size_t size = 0;
  EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size());
  std::string signature(size, '\0');
  EVP_DigestSign(context.get(),
                 reinterpret_cast<unsigned char*>(signature.data()), &size,
                 bytes, text.size());
  signature.resize(size);
  return algorithm_ == SignatureAlgorithm::kEs256 ? RawSignature(signature)
                                                  : signature;
}

std::string SigningKey::Sign(absl::string_view header,
                             absl::string_view claims) const {
  const std::string text =
      absl::StrCat(EncodeBase64Url(header), ".", EncodeBase64Url(claims));
  return absl::StrCat(text, ".", EncodeBase64Url(SignatureOf(text)));
}

std::string SigningKey::Token(absl::string_view claims,
                              absl::string_view kid) const {
  return Sign(
      absl::StrCat(R"({"typ":"JWT","alg":")", NameOf(algorithm_), "\"",
                   kid.empty() ? "" : absl::StrCat(R"(,"kid":")", kid, "\""),
                   "}"),
      claims);
}

}  // namespace roomlog
