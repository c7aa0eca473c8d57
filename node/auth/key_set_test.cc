#include "node/auth/key_set.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/auth/auth_limits.h"
#include "node/auth/signing_key.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::HasSubstr;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
constexpr SignatureAlgorithm kEs = SignatureAlgorithm::kEs256;

std::string Jwks(absl::string_view keys) {
  return absl::StrCat(R"({"keys":[)", keys, "]}");
}

absl::Status Verify(const KeySet& keys, SignatureAlgorithm algorithm,
                    std::optional<std::string> kid, const SigningKey& by) {
  return keys.Verify(algorithm, kid, "text", by.SignatureOf("text"));
}

// While a key is replaced both are there.
TEST(KeySetTest, TakesEachOfSeveralKeysWithoutNames) {
  const SigningKey old_key(kEs), new_key(kEs), other(kEs);
  const absl::StatusOr<KeySet> keys = KeySet::FromPem(
      old_key.FileText() + "\n# the new one\n" + new_key.FileText());
  ASSERT_THAT(keys, IsOk());
  EXPECT_EQ(keys->size(), 2);
  EXPECT_THAT(Verify(*keys, kEs, std::nullopt, old_key), IsOk());
  EXPECT_THAT(Verify(*keys, kEs, std::nullopt, new_key), IsOk());
  EXPECT_THAT(Verify(*keys, kEs, "any", new_key), IsOk());
  EXPECT_FALSE(Verify(*keys, kEs, std::nullopt, other).ok());
}

TEST(KeySetTest, TakesOfNamedKeysTheOneThatIsNamed) {
  const SigningKey a(kEs), b(kEs), ed(SignatureAlgorithm::kEdDsa);
  const absl::StatusOr<KeySet> keys = KeySet::FromJwks(
      Jwks(absl::StrCat(a.Jwk("a"), ",", b.Jwk("b"), ",", ed.Jwk("ed"))));
  ASSERT_THAT(keys, IsOk());
  EXPECT_THAT(Verify(*keys, kEs, "a", a), IsOk());
  EXPECT_THAT(Verify(*keys, kEs, "b", b), IsOk());
  EXPECT_FALSE(Verify(*keys, kEs, "a", b).ok());
  EXPECT_FALSE(Verify(*keys, kEs, "c", a).ok());
  EXPECT_FALSE(Verify(*keys, kEs, "", a).ok());
  EXPECT_FALSE(Verify(*keys, SignatureAlgorithm::kEdDsa, "a", a).ok());
  EXPECT_THAT(Verify(*keys, kEs, std::nullopt, a).message(),
              HasSubstr("does not say which"));
  // There is but one of its kind.
  EXPECT_THAT(Verify(*keys, SignatureAlgorithm::kEdDsa, std::nullopt, ed),
              IsOk());
}

TEST(KeySetTest, PassesOverKeysThatAreForSomethingElse) {
  const SigningKey key(kEs);
  for (const std::string& other : {
           key.Jwk("x", R"(,"use":"enc")"),
           key.Jwk("x", R"(,"alg":"ECDH-ES")"),
           key.Jwk("x", R"(,"key_ops":["sign"])"),
           std::string(R"({"kty":"EC","crv":"P-521","x":"AA","y":"AA"})"),
           std::string(R"({"kty":"OKP","crv":"X25519","x":"AA"})"),
           std::string(R"({"kty":"new"})"),
       }) {
    const absl::StatusOr<KeySet> keys =
        KeySet::FromJwks(Jwks(absl::StrCat(other, ",", key.Jwk("key"))));
    ASSERT_THAT(keys, IsOk()) << other;
    EXPECT_EQ(keys->size(), 1) << other;
    EXPECT_THAT(KeySet::FromJwks(Jwks(other)), StatusIs(kInvalid)) << other;
  }
  EXPECT_THAT(KeySet::FromJwks(Jwks(key.Jwk(
                  "x", R"(,"use":"sig","alg":"ES256","key_ops":["verify"])"))),
              IsOk());
}

TEST(KeySetTest, RefusesFilesThatAreBroken) {
  const SigningKey key(kEs);
  const SigningKey rsa(SignatureAlgorithm::kRs256);
  for (const std::string& text : {
           std::string(),
           std::string("{}"),
           std::string("{\"keys\":{}}"),
           Jwks(""),
           Jwks("5"),
           Jwks(key.Jwk("a")) + "x",
           Jwks(absl::StrCat(key.Jwk("a"), ",", rsa.Jwk("a"))),  // One name.
           Jwks(key.Jwk("a", R"(,"d":"AAAA")")),  // A private key.
           Jwks(R"({"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"})"),
           Jwks(absl::StrReplaceAll(key.Jwk("a"), {{"\"x\":\"", "\"x\":\"="}})),
           Jwks(R"({"kty":"RSA","n":"AQAB","e":"AQAB"})"),
           Jwks(R"({"kty":"RSA","n":"","e":"AQAB"})"),
           std::string("null"),
           std::string("\xff\xfe"),
           Jwks("{}"),
           Jwks("null"),
           Jwks(key.Jwk("a") + "," + "[]"),
           Jwks(R"({"kty":5})"),
           // Who reads this and who signs might take another one of the two.
           Jwks(key.Jwk("a", R"(,"x":"AAAA")")),
           absl::StrCat(R"({"keys":[)", key.Jwk("a"), R"(],"keys":[]})"),
           // With these everybody could sign.
           Jwks(absl::StrReplaceAll(rsa.Jwk("a"), {{"AQAB", "AQ"}})),
           Jwks(absl::StrReplaceAll(rsa.Jwk("a"), {{"AQAB", "Ag"}})),
           // And this would keep a loop busy.
           Jwks(absl::StrReplaceAll(
               rsa.Jwk("a"), {{"AQAB", EncodeBase64Url(std::string(100, 1))}})),
           Jwks(R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})"),
           Jwks(R"({"kty":"oct","k":"c2hvcnQ"})"),
           Jwks(R"({"kty":"oct"})"),
           Jwks(absl::StrReplaceAll(key.Jwk("a"), {{R"("a")", "5"}})),
       }) {
    EXPECT_THAT(KeySet::FromPublicKeys(text), StatusIs(kInvalid)) << text;
  }
  // A point beside the curve.
  std::string far = std::string(31, '\0') + "\5";
  EXPECT_THAT(KeySet::FromJwks(Jwks(absl::StrCat(
                  R"({"kty":"EC","crv":"P-256","x":")", EncodeBase64Url(far),
                  R"(","y":")", EncodeBase64Url(far), R"("})"))),
              StatusIs(kInvalid));
}

TEST(KeySetTest, RefusesPemThatIsBroken) {
  const std::string pem = SigningKey(kEs).FileText();
  for (const std::string& text : {
           std::string("hello"),
           pem.substr(0, pem.size() / 2),
           absl::StrReplaceAll(pem, {{"PUBLIC", "PRIVATE"}}),
           absl::StrReplaceAll(pem, {{"PUBLIC KEY", "CERTIFICATE"}}),
           pem + "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n",
           SigningKey(SignatureAlgorithm::kRs256, 1024).FileText(),
       }) {
    EXPECT_THAT(KeySet::FromPem(text), StatusIs(kInvalid)) << text;
  }
}

TEST(KeySetTest, TakesSoManyKeysAndNoMore) {
  const std::string pem = SigningKey(kEs).FileText();
  std::string text;
  for (size_t i = 0; i < kKeysMax; ++i) text += pem;
  EXPECT_THAT(KeySet::FromPem(text), IsOk());
  EXPECT_THAT(KeySet::FromPem(text + pem), StatusIs(kInvalid));
}

TEST(KeySetTest, TakesNoSecretThatCanBeGuessed) {
  EXPECT_THAT(KeySet::FromSecret(std::string(31, 's') + "\n"),
              StatusIs(kInvalid));
  EXPECT_THAT(KeySet::FromSecret(std::string(32, 's') + "\r\n"), IsOk());
  EXPECT_THAT(KeySet::FromSecret(""), StatusIs(kInvalid));
}

}  // namespace
}  // namespace roomlog
