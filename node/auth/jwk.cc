#include "node/auth/jwk.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "node/auth/base64url.h"
#include "node/auth/unique_members.h"

namespace roomlog {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr size_t kP256NumberBytes = 32;

const unsigned char* Bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Empty if it is not there or no string.
absl::string_view Text(object json, const char* name) {
  std::string_view text;
  if (json[name].get(text)) return {};
  return {text.data(), text.size()};
}

absl::StatusOr<std::string> Decoded(object json, const char* name) {
  std::optional<std::string> bytes = DecodeBase64Url(Text(json, name));
  if (!bytes.has_value() || bytes->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name, "\" is missing, or not base64url"));
  }
  return *std::move(bytes);
}

// Makes a public key of `type` from parameters, which `add` builds.
template <typename Add>
absl::StatusOr<SignatureKey> MakePublicKey(const char* type, Add add) {
  const std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)> builder(
      OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
  EVP_PKEY* key = nullptr;
  if (builder != nullptr && add(builder.get())) {
    const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> params(
        OSSL_PARAM_BLD_to_param(builder.get()), OSSL_PARAM_free);
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), EVP_PKEY_CTX_free);
    if (context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1) {
      // Leaves `key` null if it fails.
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get());
    }
  }
  ERR_clear_error();
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the numbers are no ", type, " key"));
  }
  return SignatureKey::FromPublicKey(
      std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

absl::StatusOr<SignatureKey> RsaKey(object json) {
  const absl::StatusOr<std::string> n = Decoded(json, "n");
  if (!n.ok()) return n.status();
  const absl::StatusOr<std::string> e = Decoded(json, "e");
  if (!e.ok()) return e.status();
  using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;
  const Number modulus(
      BN_bin2bn(Bytes(*n), static_cast<int>(n->size()), nullptr), BN_free);
  const Number exponent(
      BN_bin2bn(Bytes(*e), static_cast<int>(e->size()), nullptr), BN_free);
  return MakePublicKey("RSA", [&](OSSL_PARAM_BLD* builder) {
    return OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N,
                                  modulus.get()) == 1 &&
           OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E,
                                  exponent.get()) == 1;
  });
}

absl::StatusOr<SignatureKey> EcKey(object json) {
  const absl::StatusOr<std::string> x = Decoded(json, "x");
  if (!x.ok()) return x.status();
  const absl::StatusOr<std::string> y = Decoded(json, "y");
  if (!y.ok()) return y.status();
  if (x->size() != kP256NumberBytes || y->size() != kP256NumberBytes) {
    return absl::InvalidArgumentError("\"x\" and \"y\" must be of 32 bytes");
  }
  const std::string point = absl::StrCat("\x04", *x, *y);
  return MakePublicKey("EC", [&](OSSL_PARAM_BLD* builder) {
    return OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME,
                                           "prime256v1", 0) == 1 &&
           OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY,
                                            point.data(), point.size()) == 1;
  });
}

absl::StatusOr<SignatureKey> Ed25519Key(object json) {
  const absl::StatusOr<std::string> x = Decoded(json, "x");
  if (!x.ok()) return x.status();
  EVP_PKEY* const key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                                    Bytes(*x), x->size());
  ERR_clear_error();
  if (key == nullptr) {
    return absl::InvalidArgumentError("\"x\" is no Ed25519 key");
  }
  return SignatureKey::FromPublicKey(
      std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

absl::StatusOr<SignatureKey> SecretKey(object json) {
  const absl::StatusOr<std::string> k = Decoded(json, "k");
  if (!k.ok()) return k.status();
  return SignatureKey::FromSecret(*k);
}

// The algorithm that a key of this kind serves, if it is one of ours.
std::optional<SignatureAlgorithm> AlgorithmOf(object json) {
  const absl::string_view type = Text(json, "kty");
  const absl::string_view curve = Text(json, "crv");
  if (type == "oct") return SignatureAlgorithm::kHs256;
  if (type == "RSA") return SignatureAlgorithm::kRs256;
  if (type == "EC" && curve == "P-256") return SignatureAlgorithm::kEs256;
  if (type == "OKP" && curve == "Ed25519") return SignatureAlgorithm::kEdDsa;
  return std::nullopt;
}

// Whether the key may be used to check signatures, as far as it says.
bool IsForVerifying(object json, SignatureAlgorithm algorithm) {
  const absl::string_view use = Text(json, "use");
  if (!use.empty() && use != "sig") return false;
  const absl::string_view named = Text(json, "alg");
  if (!named.empty() && named != NameOf(algorithm)) return false;
  simdjson::dom::array operations;
  if (json["key_ops"].get(operations)) return true;
  return absl::c_any_of(operations, [](element operation) {
    std::string_view name;
    return !operation.get(name) && name == "verify";
  });
}

absl::StatusOr<SignatureKey> KeyOf(object json, SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kHs256:
      return SecretKey(json);
    case SignatureAlgorithm::kRs256:
      return RsaKey(json);
    case SignatureAlgorithm::kEs256:
      return EcKey(json);
    case SignatureAlgorithm::kEdDsa:
      return Ed25519Key(json);
  }
  return absl::InvalidArgumentError("no algorithm");
}

}  // namespace

absl::StatusOr<std::optional<Jwk>> ReadJwk(object json) {
  if (!HasUniqueMembers(json)) {
    return absl::InvalidArgumentError("it says a thing twice");
  }
  const std::optional<SignatureAlgorithm> algorithm = AlgorithmOf(json);
  if (!algorithm.has_value() || !IsForVerifying(json, *algorithm)) {
    return std::nullopt;
  }
  std::optional<std::string> id;
  element kid;
  if (!json["kid"].get(kid)) {
    std::string_view text;
    if (kid.get(text) || text.empty()) {
      return absl::InvalidArgumentError("\"kid\" is no string, or empty");
    }
    id = std::string(text);
  }
  element private_part;
  if (*algorithm != SignatureAlgorithm::kHs256 &&
      !json["d"].get(private_part)) {
    return absl::InvalidArgumentError(
        "it is a private key; tokens are checked by the public one");
  }
  absl::StatusOr<SignatureKey> key = KeyOf(json, *algorithm);
  if (!key.ok()) return key.status();
  return Jwk{std::move(id), *std::move(key)};
}

}  // namespace roomlog
