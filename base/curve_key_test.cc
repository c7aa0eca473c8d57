#include "base/curve_key.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

TEST(CurveKeyTest, ComesBackFromItsFile) {
  const CurveKeyPair key = CurveKeyPair::Generate();
  const absl::StatusOr<CurveKeyPair> again =
      CurveKeyPair::Parse(key.ToFileText());
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->secret_bytes(), key.secret_bytes());
  EXPECT_EQ(again->public_key(), key.public_key());
  EXPECT_THAT(CurvePublicKey::Parse(key.public_key().ToHex()),
              IsOkAndHolds(key.public_key()));
  EXPECT_FALSE(CurveKeyPair::Generate().public_key() == key.public_key());
}

TEST(CurveKeyTest, RefusesWhatIsNoKeyAndShowsNothingOfIt) {
  const std::string key =
      absl::BytesToHexString(CurveKeyPair::Generate().secret_bytes());
  for (const std::string& text :
       {std::string(), std::string("# only words\n"), key.substr(1), key + "0",
        key + "\n" + key, "x" + key.substr(1), "secret " + key}) {
    const absl::StatusOr<CurveKeyPair> parsed = CurveKeyPair::Parse(text);
    EXPECT_THAT(parsed, StatusIs(absl::StatusCode::kInvalidArgument)) << text;
    EXPECT_THAT(std::string(parsed.status().message()),
                ::testing::Not(::testing::HasSubstr(key.substr(1, 8))));
  }
}

}  // namespace
}  // namespace roomlog
