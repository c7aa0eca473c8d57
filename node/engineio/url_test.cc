#include "node/engineio/url.h"

#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace roomlog {
namespace {

TEST(PercentDecodeTest, DecodesOnlyWhatIsWellFormed) {
  const std::vector<std::pair<absl::string_view, std::optional<std::string>>>
      cases = {
          {"", ""},
          {"/a b+c", "/a b+c"},
          {"%41%2f%c3%A9", "A/\xc3\xa9"},
          {"%00", std::string(1, '\0')},
          {"100%", std::nullopt},
          {"%4", std::nullopt},
          {"%4g", std::nullopt},
          {"%%41", std::nullopt},
      };
  for (const auto& [text, want] : cases) {
    EXPECT_EQ(PercentDecode(text), want) << text;
  }
}

TEST(QueryValueTest, FindsAValueThatIsThereOnce) {
  const std::vector<std::pair<absl::string_view, std::optional<std::string>>>
      cases = {
          {"EIO=4", "4"},
          {"a=1&EIO=4&b=2", "4"},
          {"EIO=%34", "4"},
          {"EIO=", ""},
          {"EIO", ""},
          {"EIO=a=b", "a=b"},
          {"", std::nullopt},
          {"eio=4", std::nullopt},
          {"EIOX=4", std::nullopt},
          {"EIO=4&EIO=4", std::nullopt},
          {"EIO=%", std::nullopt},
      };
  for (const auto& [query, want] : cases) {
    EXPECT_EQ(QueryValue(query, "EIO"), want) << query;
  }
}

}  // namespace
}  // namespace roomlog
