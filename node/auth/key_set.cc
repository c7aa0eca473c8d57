#include "node/auth/key_set.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <memory>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "node/auth/auth_limits.h"
#include "node/auth/jwk.h"
#include "node/auth/unique_members.h"

namespace roomlog {
namespace {

constexpr absl::string_view kPemBegin = "-----BEGIN ";

absl::Status NoKeys() { return absl::InvalidArgumentError("it holds no key"); }

absl::StatusOr<SignatureKey> ReadPemKey(BIO* file) {
  EVP_PKEY* const key = PEM_read_bio_PUBKEY(file, nullptr, nullptr, nullptr);
  ERR_clear_error();
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        "no PEM of a public key (-----BEGIN PUBLIC KEY-----)");
  }
  return SignatureKey::FromPublicKey(
      std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

}  // namespace

absl::Status KeySet::Add(std::optional<std::string> id, SignatureKey key) {
  if (keys_.size() == kKeysMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("it holds more than ", kKeysMax, " keys"));
  }
  if (id.has_value() && absl::c_any_of(keys_, [&](const Named& named) {
        return named.id == id;
      })) {
    return absl::InvalidArgumentError(
        absl::StrCat("two keys are named \"", *id, "\""));
  }
  keys_.push_back({std::move(id), std::move(key)});
  return absl::OkStatus();
}

absl::StatusOr<KeySet> KeySet::FromSecret(absl::string_view text) {
  if (absl::ConsumeSuffix(&text, "\n")) absl::ConsumeSuffix(&text, "\r");
  if (absl::StrContains(text, kPemBegin)) {
    return absl::InvalidArgumentError(
        "it is a key in PEM, which is no secret to share with who signs");
  }
  absl::StatusOr<SignatureKey> key = SignatureKey::FromSecret(text);
  if (!key.ok()) return key.status();
  KeySet keys;
  const absl::Status added = keys.Add(std::nullopt, *std::move(key));
  if (!added.ok()) return added;
  return keys;
}

absl::StatusOr<KeySet> KeySet::FromPublicKeys(absl::string_view text) {
  return absl::StartsWith(absl::StripLeadingAsciiWhitespace(text), "{")
             ? FromJwks(text)
             : FromPem(text);
}

absl::StatusOr<KeySet> KeySet::FromPem(absl::string_view text) {
  if (absl::StrContains(text, "PRIVATE KEY-----")) {
    return absl::InvalidArgumentError(
        "it holds a private key; tokens are checked by the public one");
  }
  KeySet keys;
  for (size_t at = text.find(kPemBegin); at != text.npos;) {
    const size_t next = text.find(kPemBegin, at + 1);
    const absl::string_view block = text.substr(at, next - at);
    at = next;
    const std::unique_ptr<BIO, decltype(&BIO_free)> file(
        BIO_new_mem_buf(block.data(), static_cast<int>(block.size())),
        BIO_free);
    absl::StatusOr<SignatureKey> key = ReadPemKey(file.get());
    if (!key.ok()) return key.status();
    const absl::Status added = keys.Add(std::nullopt, *std::move(key));
    if (!added.ok()) return added;
  }
  if (keys.keys_.empty()) return NoKeys();
  return keys;
}

absl::StatusOr<KeySet> KeySet::FromJwks(absl::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::object members;
  simdjson::dom::array list;
  simdjson::error_code error =
      parser.parse(text.data(), text.size()).get(members);
  if (!error) error = members["keys"].get(list);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("no JWKS: ", simdjson::error_message(error)));
  }
  if (!HasUniqueMembers(members)) {
    return absl::InvalidArgumentError("no JWKS: it says a thing twice");
  }
  KeySet keys;
  size_t number = 0;
  for (const simdjson::dom::element element : list) {
    ++number;
    const auto wrong = [&](absl::string_view what) {
      return absl::InvalidArgumentError(
          absl::StrCat("key ", number, ": ", what));
    };
    simdjson::dom::object json;
    if (element.get(json)) return wrong("it is no object");
    absl::StatusOr<std::optional<Jwk>> jwk = ReadJwk(json);
    if (!jwk.ok()) return wrong(jwk.status().message());
    if (!jwk->has_value()) continue;
    const absl::Status added =
        keys.Add(std::move((*jwk)->id), std::move((*jwk)->key));
    if (!added.ok()) return added;
  }
  if (keys.keys_.empty()) return NoKeys();
  return keys;
}

absl::Status KeySet::Verify(SignatureAlgorithm algorithm,
                            const std::optional<std::string>& key_id,
                            absl::string_view text,
                            absl::string_view signature) const {
  std::vector<const SignatureKey*> candidates;
  size_t named_count = 0;
  for (const Named& named : keys_) {
    if (named.key.algorithm() != algorithm) continue;
    if (named.id.has_value()) {
      ++named_count;
      if (key_id.has_value() && key_id != named.id) continue;
    }
    candidates.push_back(&named.key);
  }
  if (candidates.empty()) {
    return absl::UnauthenticatedError("no key of that name and algorithm");
  }
  if (!key_id.has_value() && named_count > 1) {
    return absl::UnauthenticatedError("it does not say which of the keys");
  }
  for (const SignatureKey* key : candidates) {
    if (key->Verifies(text, signature)) return absl::OkStatus();
  }
  return absl::UnauthenticatedError("the signature is wrong");
}

}  // namespace roomlog
