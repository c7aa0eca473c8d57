#include "bench/delivery_check.h"

#include <string>
#include <utility>
#include <vector>

#include "bench/publish_run.h"
#include "gtest/gtest.h"

namespace roomlog::bench {
namespace {

struct Made {
  std::string room;
  std::string bytes;
};

std::vector<Made> Publish(uint64_t count, uint32_t rooms) {
  PublishPlan plan;
  plan.rooms = rooms;
  plan.in_flight = count;
  plan.events_max = count;
  PublishRun run(plan);
  const std::vector<std::string> names = RoomNames(rooms);
  std::vector<Made> made;
  while (!run.made_all()) {
    EventBytes bytes;
    const uint32_t room = run.MakeNext(&bytes);
    made.push_back({names[room], std::string(bytes.data(), bytes.size())});
  }
  return made;
}

TEST(DeliveryCheckTest, IsCompleteWithTheLastMissingEvent) {
  const std::vector<Made> made = Publish(100, 7);
  DeliveryCheck check(7);
  for (const Made& event : made) {
    EXPECT_FALSE(check.complete());
    EXPECT_TRUE(check.Take(event.room, event.bytes, NowNanos()).ok());
  }
  EXPECT_TRUE(check.complete());
  EXPECT_EQ(check.taken(), 100u);
  EXPECT_EQ(check.delivery_times().count(), 100u);
}

TEST(DeliveryCheckTest, RefusesWhatAPublisherDidNotMakeInThisOrder) {
  using Events = std::vector<Made>;
  const std::vector<std::pair<const char*, void (*)(Events*)>> cases = {
      {"missing", [](Events* e) { e->erase(e->begin() + 3); }},
      {"twice", [](Events* e) { e->insert(e->begin() + 3, (*e)[3]); }},
      {"swapped", [](Events* e) { std::swap((*e)[3], (*e)[4]); }},
      {"other room", [](Events* e) { (*e)[3].room = "room-9"; }},
      {"short", [](Events* e) { (*e)[3].bytes.pop_back(); }},
      {"flipped bit", [](Events* e) { (*e)[3].bytes[100] ^= 1; }},
  };
  for (const auto& [name, spoil] : cases) {
    Events events = Publish(10, 1);
    spoil(&events);
    DeliveryCheck check(1);
    absl::Status status;
    for (const Made& event : events) {
      status = check.Take(event.room, event.bytes, NowNanos());
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << name;
    EXPECT_FALSE(check.complete()) << name;
  }
}

TEST(DeliveryCheckTest, IsNotCompleteWhileTheLastEventIsMissing) {
  std::vector<Made> made = Publish(10, 1);
  made.pop_back();
  DeliveryCheck check(1);
  for (const Made& event : made) {
    EXPECT_TRUE(check.Take(event.room, event.bytes, NowNanos()).ok());
  }
  EXPECT_FALSE(check.complete());
}

TEST(PublishRunTest, EvenSpreadGivesEveryRoomTheSame) {
  for (uint32_t rooms : {1, 2, 10, 1000, 1024}) {
    PublishPlan plan;
    plan.rooms = rooms;
    plan.spread = Spread::kEven;
    plan.in_flight = plan.events_max = uint64_t{3} * rooms;
    PublishRun run(plan);
    std::vector<int> counts(rooms);
    while (!run.made_all()) {
      EventBytes bytes;
      ++counts[run.MakeNext(&bytes)];
    }
    EXPECT_EQ(counts, std::vector<int>(rooms, 3)) << rooms;
  }
}

TEST(PublishRunTest, KeepsItsWindow) {
  PublishPlan plan;
  plan.in_flight = 2;
  plan.events_max = 3;
  PublishRun run(plan);
  EventBytes bytes;
  run.MakeNext(&bytes);
  run.MakeNext(&bytes);
  EXPECT_EQ(run.room_in_window(), 0u);
  run.Acknowledge(1);
  EXPECT_EQ(run.room_in_window(), 1u);
  run.MakeNext(&bytes);
  EXPECT_TRUE(run.made_all());
  EXPECT_FALSE(run.finished());
  run.Acknowledge(2);
  EXPECT_TRUE(run.finished());
  EXPECT_EQ(run.acknowledgement_times().count(), 3u);
}

}  // namespace
}  // namespace roomlog::bench
