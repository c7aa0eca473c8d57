#include "node/auth/token_check.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/auth/auth_limits.h"
#include "node/auth/signing_key.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::HasSubstr;

constexpr absl::StatusCode kUnauthenticated =
    absl::StatusCode::kUnauthenticated;
constexpr absl::StatusCode kTooLate = absl::StatusCode::kDeadlineExceeded;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);
constexpr absl::string_view kAnn = R"({"sub":"ann","exp":1000060})";

constexpr SignatureAlgorithm kAlgorithms[] = {
    SignatureAlgorithm::kHs256, SignatureAlgorithm::kRs256,
    SignatureAlgorithm::kEs256, SignatureAlgorithm::kEdDsa};

KeySet KeysOf(SignatureAlgorithm algorithm, const SigningKey& key) {
  return *(algorithm == SignatureAlgorithm::kHs256
               ? KeySet::FromSecret(key.FileText())
               : KeySet::FromPublicKeys(key.FileText()));
}

class TokenCheckTest : public ::testing::Test {
 protected:
  absl::StatusOr<Claims> Check(absl::string_view token,
                               const TokenRules& rules = {}) const {
    return CheckToken(token, keys_, rules, kNow);
  }
  absl::StatusOr<Claims> CheckClaims(absl::string_view claims,
                                     const TokenRules& rules = {}) const {
    return Check(key_.Token(claims), rules);
  }

  const SigningKey key_{SignatureAlgorithm::kHs256};
  const KeySet keys_ = *KeySet::FromSecret(key_.FileText());
};

TEST_F(TokenCheckTest, TakesEachAlgorithmFromAFileAndFromAJwks) {
  for (const SignatureAlgorithm algorithm : kAlgorithms) {
    const SigningKey key(algorithm);
    const absl::StatusOr<KeySet> jwks = KeySet::FromPublicKeys(
        absl::StrCat(R"({"keys":[)", key.Jwk("one"), "]}"));
    ASSERT_THAT(jwks, IsOk()) << NameOf(algorithm);
    for (const KeySet& keys : {KeysOf(algorithm, key), *jwks}) {
      for (const absl::string_view kid : {"", "one"}) {
        const absl::StatusOr<Claims> claims =
            CheckToken(key.Token(kAnn, kid), keys, {}, kNow);
        ASSERT_THAT(claims, IsOk()) << NameOf(algorithm);
        EXPECT_EQ(claims->user, "ann");
        EXPECT_EQ(claims->expires, absl::FromUnixSeconds(1'000'060));
      }
    }
  }
}

TEST_F(TokenCheckTest, RefusesTheSignatureOfAnotherKeyAndAnotherText) {
  for (const SignatureAlgorithm algorithm : kAlgorithms) {
    const SigningKey key(algorithm);
    const SigningKey other(algorithm);
    const KeySet keys = KeysOf(algorithm, key);
    const auto check = [&](const std::string& token) {
      return CheckToken(token, keys, {}, kNow);
    };
    const std::string token = key.Token(kAnn);
    EXPECT_THAT(check(other.Token(kAnn)), StatusIs(kUnauthenticated));
    const std::vector<std::string> parts = absl::StrSplit(token, '.');
    EXPECT_THAT(
        check(absl::StrCat(parts[0], ".",
                           EncodeBase64Url(R"({"sub":"bob","exp":1000060})"),
                           ".", parts[2])),
        StatusIs(kUnauthenticated));
    // No signature, half of one, one with a byte too many, only zeros.
    const std::string signature = key.SignatureOf(parts[0] + "." + parts[1]);
    for (const std::string& wrong :
         {std::string(), signature.substr(0, signature.size() / 2),
          signature + "x", std::string(signature.size(), '\0')}) {
      EXPECT_THAT(check(absl::StrCat(parts[0], ".", parts[1], ".",
                                     EncodeBase64Url(wrong))),
                  StatusIs(kUnauthenticated))
          << NameOf(algorithm) << " " << wrong.size();
    }
  }
}

// A public key is known to all: who signs with it by HS256 must get nowhere.
TEST_F(TokenCheckTest, TakesNoPublicKeyForASecret) {
  const SigningKey rsa(SignatureAlgorithm::kRs256);
  const KeySet keys = KeysOf(SignatureAlgorithm::kRs256, rsa);
  const absl::StatusOr<Claims> claims =
      CheckToken(rsa.Sign(R"({"alg":"HS256"})", kAnn), keys, {}, kNow);
  EXPECT_THAT(claims, StatusIs(kUnauthenticated));
  EXPECT_THAT(claims.status().message(), HasSubstr("no key"));
  EXPECT_THAT(KeySet::FromSecret(rsa.FileText()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// Of keys of several kinds the name chooses one, and that serves its own
// algorithm only, however the token was signed.
TEST_F(TokenCheckTest, TakesNoNameOfAKeyOfAnotherKind) {
  const SigningKey rsa(SignatureAlgorithm::kRs256);
  const SigningKey es(SignatureAlgorithm::kEs256);
  const KeySet keys = *KeySet::FromPublicKeys(
      absl::StrCat(R"({"keys":[)", rsa.Jwk("rsa"), ",", es.Jwk("es"), ",",
                   key_.Jwk("secret"), "]}"));
  const auto check = [&](const SigningKey& by, absl::string_view algorithm,
                         absl::string_view name) {
    return CheckToken(by.Sign(absl::StrCat(R"({"alg":")", algorithm,
                                           R"(","kid":")", name, R"("})"),
                              kAnn),
                      keys, {}, kNow);
  };
  EXPECT_THAT(check(rsa, "RS256", "rsa"), IsOk());
  EXPECT_THAT(check(es, "ES256", "es"), IsOk());
  EXPECT_THAT(check(key_, "HS256", "secret"), IsOk());
  for (const SigningKey* by : {&rsa, &es, &key_}) {
    for (const auto& [algorithm, name] :
         std::vector<std::pair<absl::string_view, absl::string_view>>{
             {"HS256", "rsa"},
             {"HS256", "es"},
             {"RS256", "es"},
             {"RS256", "secret"},
             {"ES256", "rsa"},
             {"ES256", "secret"},
             {"EdDSA", "es"},
             {"none", "rsa"},
             {"RS256", "nobody"}}) {
      EXPECT_THAT(check(*by, algorithm, name), StatusIs(kUnauthenticated))
          << algorithm << " " << name;
    }
  }
}

TEST_F(TokenCheckTest, RefusesJsonThatIsTooDeep) {
  for (const absl::string_view open : {"[", R"({"a":)"}) {
    std::string deep = R"({"sub":"ann","exp":1000060,"x":)";
    while (deep.size() < kTokenBytesMax / 2) absl::StrAppend(&deep, open);
    EXPECT_THAT(CheckClaims(deep), StatusIs(kUnauthenticated));
    EXPECT_THAT(Check(key_.Sign(deep, kAnn)), StatusIs(kUnauthenticated));
  }
}

TEST_F(TokenCheckTest, RefusesAnAlgorithmOfAnotherKind) {
  for (const SignatureAlgorithm algorithm : kAlgorithms) {
    const SigningKey key(algorithm);
    for (const absl::string_view named :
         {"none", "None", "NONE", "", "HS512", "RS512", "PS256", "ES384",
          "hs256", "HS256 ", "HS256", "RS256", "ES256", "EdDSA"}) {
      if (named == NameOf(algorithm)) continue;
      EXPECT_THAT(
          CheckToken(
              key.Sign(absl::StrCat(R"({"alg":")", named, R"("})"), kAnn),
              KeysOf(algorithm, key), {}, kNow),
          StatusIs(kUnauthenticated))
          << NameOf(algorithm) << " as " << named;
    }
  }
}

TEST_F(TokenCheckTest, RefusesHeadersThatItDoesNotWhollyUnderstand) {
  for (const absl::string_view header : {
           R"({})",
           R"([])",
           R"("HS256")",
           "",
           "{",
           R"({"alg":"HS256"}x)",
           R"({"alg":null})",
           R"({"alg":["HS256"]})",
           R"({"alg":"HS256","alg":"HS256"})",
           R"({"alg":"HS256","kid":"a","kid":"b"})",
           R"({"alg":"HS256","\u0061lg":"none"})",
           R"({"alg":"HS256","kid":5})",
           R"({"alg":"HS256","kid":null})",
           R"({"alg":"HS256","crit":["exp"]})",
           R"({"alg":"HS256","b64":false})",
           R"({"alg":"HS256","typ":"JWE"})",
           R"({"alg":"HS256","typ":1})",
           "{\"alg\":\"HS256\",\"x\":\"\xff\"}",
       }) {
    EXPECT_THAT(Check(key_.Sign(header, kAnn)), StatusIs(kUnauthenticated))
        << header;
  }
  for (const absl::string_view header : {
           R"({"alg":"HS256"})",
           R"( {"alg" : "HS256", "typ":"jwt"} )",
           R"({"typ":"at+jwt","alg":"HS256","x":1,"kid":""})",
           // Never fetched, never trusted.
           R"({"alg":"HS256","jku":"https://x.example","jwk":{"kty":"oct"}})",
       }) {
    EXPECT_THAT(Check(key_.Sign(header, kAnn)), IsOk()) << header;
  }
}

TEST_F(TokenCheckTest, RefusesWhatIsNoCompactToken) {
  const std::string token = key_.Token(kAnn);
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."),
        std::string("a.b.c"), token + ".", "." + token, token + "=",
        token + "\n", " " + token, token.substr(0, token.rfind('.')),
        token + ".e30.x", "Bearer " + token}) {
    EXPECT_THAT(Check(text), StatusIs(kUnauthenticated)) << text;
  }
}

// The last character of 32 bytes has two bits that say nothing.
TEST_F(TokenCheckTest, RefusesASecondWayOfWritingTheSameToken) {
  std::string token = key_.Token(kAnn);
  const std::string alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  token.back() = alphabet[alphabet.find(token.back()) ^ 1];
  EXPECT_THAT(Check(token), StatusIs(kUnauthenticated));
}

TEST_F(TokenCheckTest, TakesTheLongestTokenAndNoLongerOne) {
  const auto with = [&](size_t bytes) {
    return key_.Token(absl::StrCat(R"({"sub":"ann","exp":1000060,"x":")",
                                   std::string(bytes, 'x'), R"("})"));
  };
  size_t fits = kTokenBytesMax / 4 * 3;
  while (with(fits).size() > kTokenBytesMax) --fits;
  EXPECT_THAT(Check(with(fits)), IsOk());
  EXPECT_THAT(Check(with(fits + 3)), StatusIs(kUnauthenticated));
  EXPECT_THAT(Check(std::string(kTokenBytesMax + 1, '.')),
              StatusIs(kUnauthenticated));
}

TEST_F(TokenCheckTest, RefusesClaimsThatItDoesNotWhollyUnderstand) {
  for (const absl::string_view claims : {
           "",
           "[]",
           "5",
           R"({"sub":"ann"})",
           R"({"exp":1000060})",
           R"({"sub":"","exp":1000060})",
           R"({"sub":5,"exp":1000060})",
           R"({"sub":"a\u0000b","exp":1000060})",
           R"({"sub":"ann","exp":"1000060"})",
           R"({"sub":"ann","exp":null})",
           R"({"sub":"ann","exp":-1})",
           R"({"sub":"ann","exp":1000060000000})",  // Milliseconds.
           R"({"sub":"ann","exp":1e300})",
           R"({"sub":"ann","exp":1e400})",
           R"({"sub":"ann","exp":99999999999999999999999})",
           R"({"sub":"ann","exp":true})",
           R"({"sub":"ann","exp":[1000060]})",
           R"({"sub":"ann","sub":"bob","exp":1000060})",
           R"({"sub":"ann","s\u0075b":"bob","exp":1000060})",
           R"({"sub":"ann","exp":1000060,"roomlog":{},"roomlog":{}})",
           R"({"sub":"ann","exp":1000060,"nbf":null})",
           R"({"sub":"ann","exp":1000060,"exp":9000000})",
           R"({"sub":"ann","exp":1000060,"nbf":"0"})",
           R"({"sub":"ann","exp":1000060,"iat":true})",
           R"({"sub":"ann","exp":1000060,"iss":5})",
           R"({"sub":"ann","exp":1000060,"aud":5})",
           R"({"sub":"ann","exp":1000060,"aud":[5]})",
           R"({"sub":"ann","exp":1000060,"aud":[]})",
           R"({"sub":"ann","exp":1000060,"aud":null})",
           R"({"sub":"ann","exp":1000060,"aud":{"chat":1}})",
           R"({"sub":"ann","exp":1000060,"aud":[["chat"]]})",
           R"({"sub":"ann","exp":1000060,"aud":["chat",null]})",
           R"({"sub":"ann","exp":1000060,"roomlog":[]})",
           R"({"sub":"ann","exp":1000060,"roomlog":{"jion":["x"]}})",
           R"({"sub":"ann","exp":1000060,"roomlog":{"join":"x"}})",
           R"({"sub":"ann","exp":1000060,"roomlog":{"join":[5]}})",
           R"({"sub":"ann","exp":1000060,"roomlog":{"join":["{user}"]}})",
           R"({"sub":"ann","exp":1000060,"roomlog":{"join":[],"join":["x"]}})",
       }) {
    EXPECT_THAT(CheckClaims(claims), StatusIs(kUnauthenticated)) << claims;
  }
  const std::string long_name(kUserNameBytesMax + 1, 'a');
  EXPECT_THAT(CheckClaims(absl::StrCat(R"({"sub":")", long_name,
                                       R"(","exp":1000060})")),
              StatusIs(kUnauthenticated));
}

// It is 1,000,000 s, and clocks may be 5 s apart.
TEST_F(TokenCheckTest, KeepsToTheTimesOfTheToken) {
  const std::vector<std::pair<absl::string_view, absl::StatusCode>> cases = {
      {R"("exp":1000060)", absl::StatusCode::kOk},
      {R"("exp":1000000)", absl::StatusCode::kOk},
      {R"("exp":999996)", absl::StatusCode::kOk},
      {R"("exp":999995.5)", absl::StatusCode::kOk},
      {R"("exp":999995)", kTooLate},
      {R"("exp":0)", kTooLate},
      {R"("exp":1000060,"nbf":1000005)", absl::StatusCode::kOk},
      {R"("exp":1000060,"nbf":1000006)", kUnauthenticated},
      {R"("exp":1000060,"iat":1000005)", absl::StatusCode::kOk},
      {R"("exp":1000060,"iat":1000006)", kUnauthenticated},
      {R"("exp":1000060,"iat":0,"nbf":0)", absl::StatusCode::kOk},
  };
  for (const auto& [times, want] : cases) {
    EXPECT_THAT(CheckClaims(absl::StrCat(R"({"sub":"ann",)", times, "}")),
                StatusIs(want))
        << times;
  }
}

TEST_F(TokenCheckTest, KeepsToIssuerAndAudience) {
  const TokenRules none;
  const TokenRules issuer = {.issuer = "https://id.example"};
  const TokenRules audience = {.audience = "chat"};
  struct Case {
    absl::string_view claims;
    bool with_none, with_issuer, with_audience;
  };
  for (const Case& c : std::vector<Case>{
           {R"("x":1)", true, false, false},
           {R"("iss":"https://id.example")", true, true, false},
           {R"("iss":"https://id.example/")", true, false, false},
           {R"("aud":"chat")", false, false, true},
           {R"("aud":["shop","chat"])", false, false, true},
           {R"("aud":["shop"])", false, false, false},
           {R"("aud":"chat2")", false, false, false},
       }) {
    const std::string claims =
        absl::StrCat(R"({"sub":"ann","exp":1000060,)", c.claims, "}");
    EXPECT_EQ(CheckClaims(claims, none).ok(), c.with_none) << claims;
    EXPECT_EQ(CheckClaims(claims, issuer).ok(), c.with_issuer) << claims;
    EXPECT_EQ(CheckClaims(claims, audience).ok(), c.with_audience) << claims;
  }
}

TEST_F(TokenCheckTest, GrantsWhatTheClaimSays) {
  const absl::StatusOr<Claims> claims = CheckClaims(
      R"({"sub":"ann","exp":1000060,"roomlog":{"join":["chat/*"]}})");
  ASSERT_THAT(claims, IsOk());
  EXPECT_TRUE(claims->grants.Allow(Right::kJoin, "/", "chat/1", "ann"));
  EXPECT_FALSE(claims->grants.Allow(Right::kPublish, "/", "chat/1", "ann"));
}

}  // namespace
}  // namespace roomlog
