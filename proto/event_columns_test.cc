#include "proto/event_columns.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

constexpr ColumnChoice kAll = {
    .rooms = true, .offsets = true, .previous = true};

EventView Event(uint64_t offset, absl::string_view packet) {
  EventView event;
  event.offset = Offset(offset);
  event.packet = packet;
  return event;
}

// Writes `events`, reads them back and expects the same.
proto::EventColumns ExpectRoundTrip(const std::vector<EventView>& events) {
  proto::EventColumns columns;
  EventColumnsWriter writer(kAll, &columns);
  std::string blob;
  for (const EventView& event : events) {
    writer.Add(event);
    blob.append(event.packet.data(), event.packet.size());
  }
  std::vector<EventView> read;
  const absl::Status status = ReadEventColumns(columns, blob, &read);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(read, ElementsAreArray(events));
  return columns;
}

TEST(EventColumnsTest, ComesBackAsItWas) {
  EventView full = Event(12, "packet");
  full.previous = Offset(3);
  full.time_ms = 1000;
  full.flags = 3;
  full.room = 7;
  full.id = "id-1";
  EventView later = full;
  later.offset = Offset(40);
  later.time_ms = 900;  // The clock may go back between two commits.
  later.id = "";
  ExpectRoundTrip({});
  ExpectRoundTrip({full});
  ExpectRoundTrip({Event(1, ""), full, Event(12, "same offset, other room"),
                   later, Event(41, "x")});
}

TEST(EventColumnsTest, LeavesOutWhatSaysNothing) {
  const proto::EventColumns columns =
      ExpectRoundTrip({Event(5, "a"), Event(6, "b"), Event(7, "c")});
  EXPECT_THAT(columns.offset_steps(), IsEmpty());
  EXPECT_THAT(columns.time_steps(), IsEmpty());
  EXPECT_THAT(columns.flags(), IsEmpty());
  EXPECT_THAT(columns.id_sizes(), IsEmpty());
}

TEST(EventColumnsTest, RefusesColumnsThatDoNotFit) {
  const auto good = [] {
    proto::EventColumns columns;
    columns.set_count(2);
    columns.add_packet_sizes(1);
    columns.add_packet_sizes(2);
    columns.set_first_offset(10);
    return columns;
  };
  std::vector<EventView> events;
  ASSERT_TRUE(ReadEventColumns(good(), "abb", &events).ok());
  ASSERT_EQ(events.size(), 2u);

  std::vector<proto::EventColumns> bad(9, good());
  bad[0].set_count(3);
  bad[1].set_count(1);
  bad[2].set_packet_sizes(1, 3);
  bad[3].set_packet_sizes(0, 0);
  bad[4].add_flags(1);
  bad[5].set_ids("x");
  bad[6].add_id_sizes(1), bad[6].add_id_sizes(0);
  bad[7].add_offset_steps(0);
  bad[7].add_offset_steps(std::numeric_limits<uint64_t>::max() - 9);
  bad[8].add_previous_steps(11), bad[8].add_previous_steps(0);
  for (size_t i = 0; i < bad.size(); ++i) {
    EXPECT_FALSE(ReadEventColumns(bad[i], "abb", &events).ok()) << i;
    EXPECT_EQ(events.size(), 2u) << i;
  }
}

TEST(RoomNamesTest, ComeBackAsTheyWere) {
  proto::RoomNames names;
  AddRoomName("one", &names);
  AddRoomName("", &names);
  AddRoomName("three", &names);
  std::vector<absl::string_view> read;
  ASSERT_TRUE(ReadRoomNames(names, &read).ok());
  EXPECT_THAT(read, ElementsAre("one", "", "three"));
}

TEST(RoomNamesTest, RefusesSizesThatDoNotAddUp) {
  proto::RoomNames names;
  names.set_names("abc");
  std::vector<absl::string_view> read;
  EXPECT_FALSE(ReadRoomNames(names, &read).ok());
  names.add_sizes(4);
  EXPECT_FALSE(ReadRoomNames(names, &read).ok());
  names.set_sizes(0, 2);
  EXPECT_FALSE(ReadRoomNames(names, &read).ok());
  EXPECT_THAT(read, IsEmpty());
}

}  // namespace
}  // namespace roomlog
