#include "node/auth/base64url.h"

#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

TEST(DecodeBase64UrlTest, DecodesEachLength) {
  const std::vector<std::pair<absl::string_view, absl::string_view>> cases = {
      {"", ""},           {"Zg", "f"},
      {"Zm8", "fo"},      {"Zm9v", "foo"},
      {"Zm9vYg", "foob"}, {"-_-_", "\xfb\xff\xbf"},
      {"_w", "\xff"},     {"AAAA", {"\0\0\0", 3}},
  };
  for (const auto& [text, want] : cases) {
    EXPECT_EQ(DecodeBase64Url(text), want) << text;
  }
}

TEST(DecodeBase64UrlTest, RefusesWhatIsNotTheOneWayOfWritingSomeBytes) {
  for (const absl::string_view text : {
           "Z",
           "Zm9vY",  // A length that nothing has.
           "Zg==",
           "Zm8=",  // Padding.
           "Zh",
           "Zm9",
           "Zm9vYh",  // Bits that say nothing.
           "+/+/",
           "Zm9v\n",
           " Zm9v",
           "Zm 9v",
           "Zm9v.",
           "\xc3\xa9\xc3\xa9",
       }) {
    EXPECT_EQ(DecodeBase64Url(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace roomlog
