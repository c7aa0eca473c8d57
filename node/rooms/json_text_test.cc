#include "node/rooms/json_text.h"

#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SplitJsonArrayTest, GivesEveryElementByteForByte) {
  EXPECT_THAT(SplitJsonArray("[]", 9), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(SplitJsonArray(" [ ] \n", 9), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(
      SplitJsonArray("[ \"a,]\" ,{ \"b\" : [1, {}] },null\t,-1.50e+07]", 9),
      IsOkAndHolds(
          ElementsAre("\"a,]\"", "{ \"b\" : [1, {}] }", "null", "-1.50e+07")));
}

TEST(SplitJsonArrayTest, TakesWhateverJsonAllows) {
  for (const char* value :
       {"true", "false", "null", "0", "-0", "10", "0.5", "1e9", "1E-9",
        // What JSON.stringify() makes of 2 ** 65 is no 64-bit number.
        "36893488147419103232", "1e400", R"("")", R"("\"\\\/\b\f\n\r\t\u00e9")",
        R"("\ud800")", "\"\xe2\x80\xa8\x7f\"", "[]", "{}", "[[],{}]",
        R"({"a":{"b":[{"c":null}]},"a":2,"":3,"__proto__":4})"}) {
    EXPECT_THAT(SplitJsonArray("[" + std::string(value) + "]", 1),
                IsOkAndHolds(ElementsAre(value)))
        << value;
  }
}

TEST(SplitJsonArrayTest, RefusesWhatIsNoJsonArray) {
  for (const char* json : {"",
                           "{}",
                           "null",
                           "[",
                           "]",
                           "[1",
                           "[1,]",
                           "[,1]",
                           "[1]x",
                           "[1][2]",
                           "[tru]",
                           "[truex]",
                           "[+1]",
                           "[01]",
                           "[1.]",
                           "[.5]",
                           "[1e]",
                           "[1e+]",
                           "[-]",
                           "[NaN]",
                           "[\"a]",
                           "[\"\\x\"]",
                           "[\"\\u12\"]",
                           "[\"\n\"]",
                           "['a']",
                           "[{]",
                           "[{\"a\"}]",
                           "[{\"a\":}]",
                           "[{a:1}]",
                           "[{\"a\":1,}]",
                           "[[1}]",
                           "[{\"a\":1]",
                           "[{1:2}]",
                           "[\"\xff\"]",
                           "[\"\xc0\xaf\"]",
                           "[\"\xed\xa0\x80\"]"}) {
    EXPECT_THAT(SplitJsonArray(json, 9),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << json;
  }
  EXPECT_THAT(SplitJsonArray("[1,2,3]", 2),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(SplitJsonArray(std::string("[\"\0\"]", 5), 2),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(SplitJsonArrayTest, GoesAsDeepAsTheBoundAndNoDeeper) {
  const auto nested = [](size_t depth) {
    return "[" + std::string(depth, '[') + std::string(depth, ']') + "]";
  };
  EXPECT_THAT(SplitJsonArray(nested(kJsonDepthMax), 1), IsOk());
  EXPECT_FALSE(SplitJsonArray(nested(kJsonDepthMax + 2), 1).ok());
  EXPECT_FALSE(SplitJsonArray(nested(1'000'000), 1).ok());
}

TEST(LeadingJsonStringTest, EndsWhereTheStringEnds) {
  EXPECT_EQ(LeadingJsonString(R"("a\"b",1)"), R"("a\"b")");
  EXPECT_EQ(LeadingJsonString(R"("")"), R"("")");
  for (const char* json : {"", "1", "\"a", " \"a\""}) {
    EXPECT_EQ(LeadingJsonString(json), "") << json;
  }
}

TEST(AppendJsonStringTest, WritesWhatStringifyWrites) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", R"("")"},
      {"plain / text", R"("plain / text")"},
      {"\"\\\b\f\n\r\t", R"("\"\\\b\f\n\r\t")"},
      {std::string("\0\x1f\x7f", 3), "\"\\u0000\\u001f\x7f\""},
      {"\xe2\x80\xa8\xf0\x9f\x98\x80", "\"\xe2\x80\xa8\xf0\x9f\x98\x80\""},
      {"a\xff", "\"a\xEF\xBF\xBD\""},
  };
  for (const auto& [text, want] : cases) {
    std::string json;
    AppendJsonString(text, &json);
    EXPECT_EQ(json, want);
  }
}

}  // namespace
}  // namespace roomlog
