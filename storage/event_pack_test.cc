#include "storage/event_pack.h"

#include "absl/strings/str_join.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/log_keys.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

EventView Event(uint64_t offset, uint64_t previous, absl::string_view packet) {
  EventView event;
  event.offset = Offset(offset);
  event.previous = Offset(previous);
  event.time_ms = 1000;
  event.packet = packet;
  return event;
}

std::string Value(EventPackWriter* writer, Offset previous,
                  const std::vector<EventView>& events) {
  writer->Begin(RoomId(5), previous, 100, 5000);
  for (const EventView& event : events) writer->Add(event);
  EXPECT_EQ(writer->key().view(),
            PackKey(RoomId(5), events.front().offset).view());
  return absl::StrJoin(writer->Finish(), "");
}

TEST(EventPackTest, ComesBackAsItWas) {
  EventPackWriter writer;  // One for all: nothing sticks from pack to pack.
  EventPackReader reader;
  EventView full = Event(7, 3, "packet");
  full.flags = 3;
  full.id = "id";
  for (const std::vector<EventView>& events :
       {std::vector<EventView>{full, Event(9, 7, ""), Event(10, 9, "x")},
        std::vector<EventView>{Event(7, 3, "alone")},
        std::vector<EventView>{Event(7, 3, ""), Event(8, 7, "")}}) {
    const std::string value = Value(&writer, Offset(3), events);
    ASSERT_THAT(reader.Read(PackKey(RoomId(5), Offset(7)).view(), value),
                IsOk());
    EXPECT_EQ(reader.room(), RoomId(5));
    EXPECT_THAT(reader.events(), ElementsAreArray(events));
    EXPECT_EQ(reader.events_ever(), 100 + events.size());
    EXPECT_EQ(reader.bytes_ever(), 5000 + writer.packet_bytes());
  }
}

TEST(EventPackTest, RefusesWhatItDidNotWrite) {
  EventPackWriter writer;
  EventPackReader reader;
  const std::vector<EventView> events = {Event(7, 3, "one"),
                                         Event(8, 7, "two")};
  const std::string good = Value(&writer, Offset(3), events);
  const std::string key(PackKey(RoomId(5), Offset(7)).view());
  const std::string later_key(PackKey(RoomId(5), Offset(8)).view());
  const struct {
    std::string key;
    std::string value;
    const char* why;
  } cases[] = {
      {key, "", "cut off"},
      {key, good.substr(0, 3), "cut off"},
      {key, good.substr(0, good.size() - 1), "overrun"},
      {key, good + "x", "left over"},
      {key, std::string(1, '\0'), "empty"},
      {key, "\x01\xff", "unreadable"},
      {key, Value(&writer, Offset(7), events), "do not rise"},
      {later_key, good, "begins at 7"},
      {key.substr(1), good, "15 bytes"},
  };
  for (const auto& [bad_key, value, why] : cases) {
    const absl::Status status = reader.Read(bad_key, value);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss)) << why;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }
}

TEST(EventPackTest, TheNextPackGoesOnWhereTheLastOneEnded) {
  EventPackWriter writer;
  const std::string packet(kPackBytesMax / 2, 'x');
  writer.Begin(RoomId(5), Offset(3), 0, 0);
  writer.Add(Event(7, 3, packet));
  EXPECT_FALSE(writer.full());
  writer.Add(Event(8, 7, packet));
  EXPECT_TRUE(writer.full());
  writer.Finish();
  writer.BeginNext();
  EXPECT_FALSE(writer.full());
  writer.Add(Event(9, 8, "last"));
  const std::string value = absl::StrJoin(writer.Finish(), "");
  EventPackReader reader;
  ASSERT_THAT(reader.Read(writer.key().view(), value), IsOk());
  EXPECT_THAT(reader.events(), ElementsAreArray({Event(9, 8, "last")}));
  EXPECT_EQ(reader.events_ever(), 3u);
  EXPECT_EQ(reader.bytes_ever(), kPackBytesMax + 4);
}

TEST(LogKeysTest, SortAsTheyCount) {
  const NumberPairKey keys[] = {
      PackKey(RoomId(1), Offset(0)),   PackKey(RoomId(1), Offset(255)),
      PackKey(RoomId(1), Offset(256)), PackKey(RoomId(1), Offset(~uint64_t{0})),
      PackKey(RoomId(2), Offset(0)),   PackKey(RoomId(256), Offset(0)),
  };
  for (size_t i = 1; i < std::size(keys); ++i) {
    EXPECT_LT(keys[i - 1].view(), keys[i].view()) << i;
  }
  EXPECT_EQ(NumberPairKey::Load(keys[3].view().data() + 8), ~uint64_t{0});
}

}  // namespace
}  // namespace roomlog
