#include "node/rooms/replay.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

TEST(ReplayTest, EndsNotBeforeTheGapThatItTellsOf) {
  constexpr Epoch kEpoch(7);
  // The loop knows of two events; there were more, and they are trimmed.
  Replay replay = Replay::ForJoin(*RoomKey::Make("/", "r"), LastEvents{10},
                                  {kEpoch, Offset(9)}, /*known=*/Offset(2));
  HistoryPage page;
  page.epoch = kEpoch;
  page.trimmed_through = Offset(5);
  page.head = Offset(5);
  ASSERT_THAT(replay.Take(page, [](const EventView&) { return true; }), IsOk());
  ASSERT_TRUE(replay.done());
  ASSERT_TRUE(replay.gap().has_value());
  EXPECT_EQ(replay.gap()->to, (Position{kEpoch, Offset(5)}));
  EXPECT_EQ(replay.last_known(), (Position{kEpoch, Offset(5)}));
}

}  // namespace
}  // namespace roomlog
