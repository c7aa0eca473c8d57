#include "node/auth/signature_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/auth/auth_limits.h"

namespace roomlog {
namespace {

constexpr size_t kP256NumberBytes = 32;

using KeyContext = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;
using Digest = std::array<uint8_t, SHA256_DIGEST_LENGTH>;

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

Digest Sha256(absl::string_view text) {
  Digest digest;
  SHA256(Bytes(text), text.size(), digest.data());
  return digest;
}

// Appends a positive number of `bytes`, big-endian, as DER writes it.
void AppendDerInteger(absl::string_view bytes, std::string* der) {
  while (bytes.size() > 1 && bytes.front() == 0) bytes.remove_prefix(1);
  const bool looks_negative = (static_cast<uint8_t>(bytes.front()) & 0x80) != 0;
  der->push_back(0x02);
  der->push_back(static_cast<char>(bytes.size() + (looks_negative ? 1 : 0)));
  if (looks_negative) der->push_back(0);
  der->append(bytes.data(), bytes.size());
}

// A token has the two numbers of an ECDSA signature side by side; OpenSSL wants
// them as a DER sequence. `signature` is of twice kP256NumberBytes.
std::string DerSignature(absl::string_view signature) {
  std::string numbers;
  AppendDerInteger(signature.substr(0, kP256NumberBytes), &numbers);
  AppendDerInteger(signature.substr(kP256NumberBytes), &numbers);
  return absl::StrCat("\x30", std::string(1, static_cast<char>(numbers.size())),
                      numbers);
}

bool VerifiesHmac(absl::string_view secret, absl::string_view text,
                  absl::string_view signature) {
  Digest mac;
  unsigned int size = 0;
  return signature.size() == mac.size() &&
         HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
              Bytes(text), text.size(), mac.data(), &size) != nullptr &&
         CRYPTO_memcmp(mac.data(), signature.data(), mac.size()) == 0;
}

bool VerifiesDigest(EVP_PKEY* key, bool is_rsa, const Digest& digest,
                    absl::string_view signature) {
  const KeyContext context(EVP_PKEY_CTX_new(key, nullptr), EVP_PKEY_CTX_free);
  if (context == nullptr || EVP_PKEY_verify_init(context.get()) != 1) {
    return false;
  }
  if (is_rsa &&
      (EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
       EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) != 1)) {
    return false;
  }
  return EVP_PKEY_verify(context.get(), Bytes(signature), signature.size(),
                         digest.data(), digest.size()) == 1;
}

bool VerifiesEd25519(EVP_PKEY* key, absl::string_view text,
                     absl::string_view signature) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
      EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) ==
             1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(),
                          Bytes(text), text.size()) == 1;
}

// By an exponent of 1 everybody could sign, by an even one nobody; a long one
// keeps a loop busy with each token.
bool HasSoundExponent(const EVP_PKEY* key) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &number) != 1) {
    return false;
  }
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> exponent(number, BN_free);
  return BN_is_odd(number) && !BN_is_one(number) &&
         BN_num_bits(number) <= kRsaExponentBitsMax;
}

bool IsOnP256(const EVP_PKEY* key) {
  char name[32] = {};
  size_t size = 0;
  return EVP_PKEY_get_group_name(key, name, sizeof(name), &size) == 1 &&
         absl::string_view(name, size) == "prime256v1";
}

}  // namespace

absl::string_view NameOf(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kHs256:
      return "HS256";
    case SignatureAlgorithm::kRs256:
      return "RS256";
    case SignatureAlgorithm::kEs256:
      return "ES256";
    case SignatureAlgorithm::kEdDsa:
      return "EdDSA";
  }
  return "";
}

std::optional<SignatureAlgorithm> SignatureAlgorithmOf(absl::string_view name) {
  for (const SignatureAlgorithm algorithm :
       {SignatureAlgorithm::kHs256, SignatureAlgorithm::kRs256,
        SignatureAlgorithm::kEs256, SignatureAlgorithm::kEdDsa}) {
    if (NameOf(algorithm) == name) return algorithm;
  }
  return std::nullopt;
}

absl::StatusOr<SignatureKey> SignatureKey::FromSecret(
    absl::string_view secret) {
  if (secret.size() < kSecretBytesMin) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a secret of ", secret.size(),
        " bytes can be guessed; HS256 takes at least ", kSecretBytesMin));
  }
  return SignatureKey(SignatureAlgorithm::kHs256, std::string(secret), nullptr);
}

absl::StatusOr<SignatureKey> SignatureKey::FromPublicKey(
    std::shared_ptr<EVP_PKEY> key) {
  const int bits = EVP_PKEY_get_bits(key.get());
  switch (EVP_PKEY_get_base_id(key.get())) {
    case EVP_PKEY_RSA:
      if (bits < kRsaBitsMin || bits > kRsaBitsMax) {
        return absl::InvalidArgumentError(
            absl::StrCat("an RSA key of ", bits, " bits; RS256 takes ",
                         kRsaBitsMin, " to ", kRsaBitsMax));
      }
      if (!HasSoundExponent(key.get())) {
        return absl::InvalidArgumentError(
            absl::StrCat("an RSA key whose exponent is not odd, from 3 to ",
                         kRsaExponentBitsMax, " bits"));
      }
      return SignatureKey(SignatureAlgorithm::kRs256, "", std::move(key));
    case EVP_PKEY_EC:
      if (!IsOnP256(key.get())) {
        return absl::InvalidArgumentError(
            "an EC key that is not on P-256, which ES256 needs");
      }
      return SignatureKey(SignatureAlgorithm::kEs256, "", std::move(key));
    case EVP_PKEY_ED25519:
      return SignatureKey(SignatureAlgorithm::kEdDsa, "", std::move(key));
    default:
      return absl::InvalidArgumentError(
          "a key that is neither RSA nor EC on P-256 nor Ed25519");
  }
}

bool SignatureKey::Verifies(absl::string_view text,
                            absl::string_view signature) const {
  bool verifies = false;
  switch (algorithm_) {
    case SignatureAlgorithm::kHs256:
      return VerifiesHmac(secret_, text, signature);
    case SignatureAlgorithm::kRs256:
      verifies =
          VerifiesDigest(key_.get(), /*is_rsa=*/true, Sha256(text), signature);
      break;
    case SignatureAlgorithm::kEs256:
      if (signature.size() != 2 * kP256NumberBytes) return false;
      verifies = VerifiesDigest(key_.get(), /*is_rsa=*/false, Sha256(text),
                                DerSignature(signature));
      break;
    case SignatureAlgorithm::kEdDsa:
      verifies = VerifiesEd25519(key_.get(), text, signature);
      break;
  }
  // Why not is of interest to nobody, least of all to TLS on this thread.
  if (!verifies) ERR_clear_error();
  return verifies;
}

}  // namespace roomlog
