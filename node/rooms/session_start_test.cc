#include "node/rooms/session_start.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

TEST(SessionStartTest, IsReadAsItWasWritten) {
  const Position at{Epoch(0xe), Offset(0x2a)};
  const std::vector<std::pair<std::string, SessionStart>> cases = {
      {"1 start", {1, FromStart{}}},
      {"2 last 50", {2, LastEvents{50}}},
      {"3 after e-2a", {3, AfterPosition{at}}},
      {"4 since -5", {4, SinceTime{-5}}},
  };
  for (const auto& [text, start] : cases) {
    EXPECT_EQ(FormatSessionStart(start), text);
    const absl::StatusOr<SessionStart> parsed = ParseSessionStart(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, start) << text;
  }
}

TEST(SessionStartTest, OfAJoinWithoutHistoryThereIsNone) {
  EXPECT_EQ(FormatSessionStart({7, FromNow{}}), "");
}

TEST(SessionStartTest, TheLongestFitsIntoASession) {
  const Position last{Epoch(UINT64_MAX), Offset(UINT64_MAX)};
  EXPECT_LE(FormatSessionStart({UINT64_MAX, AfterPosition{last}}).size(),
            kSessionStartBytesMax);
}

TEST(SessionStartTest, RefusesWhatNoNodeMakes) {
  for (const char* text :
       {"", " ", "1", "start", " start", "x start", "1 Start", "1 start ",
        "1 start 2", "01 start", "1 last", "1 last -1", "1 last 10001",
        "1 last 050", "1 after", "1 after e", "1 since", "1 since x"}) {
    EXPECT_EQ(ParseSessionStart(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

}  // namespace
}  // namespace roomlog
