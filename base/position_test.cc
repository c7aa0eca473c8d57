#include "base/position.h"

#include <limits>

#include "gtest/gtest.h"

namespace roomlog {
namespace {

TEST(PositionTest, ComesBackFromItsText) {
  for (const uint64_t number : {uint64_t{0}, uint64_t{1}, uint64_t{0x1f},
                                std::numeric_limits<uint64_t>::max()}) {
    const Position position{Epoch(number), Offset(number)};
    absl::StatusOr<Position> parsed = ParsePosition(FormatPosition(position));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, position);
  }
}

TEST(PositionTest, RefusesWhatIsNotAnOffset) {
  for (const char* text :
       {"", "-", "1", "1-", "-1", "1-2-3", "01-2", "1-02", "A-1", "1-g", " 1-2",
        "1-2 ", "+1-2", "1--2", "0x1-2", "11111111111111111-1"}) {
    EXPECT_FALSE(ParsePosition(text).ok()) << text;
  }
}

}  // namespace
}  // namespace roomlog
