#include "node/link/ordered_rooms.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/events.pb.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr RoomHandle kA(1);
constexpr RoomHandle kB(2);
constexpr Epoch kOld(1);
constexpr Epoch kNew(2);
constexpr size_t kMuch = 1 << 20;

// Notes what it is told: "A 7" is event 7 of room A, "A gap 3-7 retention" says
// that 3 is the last it has and 7 the last that is gone.
class NotingFollower final : public RoomFollower {
 public:
  void OnFollowing(RoomHandle room, Position head) override {
    Note(room, absl::StrCat(" from ", head.offset.value()));
  }
  void OnFollowFailed(RoomHandle room, const absl::Status&) override {
    Note(room, " failed");
  }
  void OnEvents(absl::Span<const RoomEvent> events) override {
    for (const RoomEvent& event : events) {
      Note(event.room, absl::StrCat(" ", event.event.offset.value()));
      EXPECT_EQ(event.event.packet, absl::StrCat(event.event.offset.value()));
    }
  }
  void OnGap(RoomHandle room, Position from, Position to,
             GapReason reason) override {
    static constexpr const char* kReasons[] = {"retention", "epoch", "limit",
                                               "damage"};
    Note(room,
         absl::StrCat(" gap ", from.offset.value(), "-", to.offset.value(), " ",
                      kReasons[static_cast<int>(reason)]));
    if (on_gap) on_gap(room);
  }

  std::vector<std::string> Take() { return std::exchange(heard_, {}); }
  std::function<void(RoomHandle)> on_gap;

 private:
  void Note(RoomHandle room, const std::string& what) {
    heard_.push_back((room == kA ? "A" : "B") + what);
  }
  std::vector<std::string> heard_;
};

struct At {
  uint64_t offset;
  uint64_t previous;
  RoomHandle room = kA;
  bool ephemeral = false;
};

class OrderedRoomsTest : public ::testing::Test {
 protected:
  explicit OrderedRoomsTest(size_t held_bytes_max = kMuch)
      : rooms_(follower_, held_bytes_max) {}

  void Begin(RoomHandle room, uint64_t head) {
    rooms_.Begin(room, {kOld, Offset(head)});
    follower_.Take();
  }
  void Resume(RoomHandle room, uint64_t head, Epoch epoch = kOld) {
    rooms_.Resume(room, {epoch, Offset(head)});
  }
  void Live(const std::vector<At>& all) {
    std::vector<RoomEvent> events;
    for (const At& at : all) {
      EventView view = ViewOf(at.offset);
      view.previous = Offset(at.previous);
      if (at.ephemeral) view.flags = proto::EVENT_FLAG_EPHEMERAL;
      events.push_back({at.room, view, Packet(&view)});
      events.back().event = view;
    }
    rooms_.OnLive(std::move(events));
  }
  // What is to be read: "A 3-9" is what lies between the two.
  std::vector<std::string> Missing(size_t most = 16) {
    std::vector<std::string> all;
    for (const MissingEvents& missing : rooms_.TakeMissing(most)) {
      all.push_back(absl::StrCat(missing.room == kA ? "A " : "B ",
                                 missing.after.value(), "-",
                                 missing.before.value()));
    }
    return all;
  }

  struct Page {
    std::vector<uint64_t> offsets = {};
    uint64_t trimmed_through = 0;
    bool more = false;
    Epoch epoch = kOld;
  };
  void Read(RoomHandle room, const Page& given) {
    HistoryPage page;
    page.epoch = given.epoch;
    page.trimmed_through = Offset(given.trimmed_through);
    page.more = given.more;
    for (const uint64_t offset : given.offsets) {
      EventView view = ViewOf(offset);
      page.bytes.push_back(Packet(&view));
      page.events.push_back(view);
    }
    rooms_.OnRead(room, page);
  }

  NotingFollower follower_;
  OrderedRooms rooms_;

 private:
  static EventView ViewOf(uint64_t offset) {
    EventView view;
    view.offset = Offset(offset);
    return view;
  }
  // An event's packet is its offset.
  static SharedBytes Packet(EventView* view) {
    SharedBytes bytes(absl::StrCat(view->offset.value()));
    view->packet = bytes.view();
    return bytes;
  }
};

TEST_F(OrderedRoomsTest, PassesOnWhatIsWhole) {
  rooms_.Begin(kA, {kOld, Offset(5)});
  rooms_.Begin(kB, {kOld, Offset(0)});
  Live({{6, 5}, {7, 0, kB}, {8, 6}});
  Live({{9, 7, kB}});
  EXPECT_THAT(follower_.Take(),
              ElementsAre("A from 5", "B from 0", "A 6", "B 7", "A 8", "B 9"));
  EXPECT_THAT(Missing(), IsEmpty());
  EXPECT_EQ(rooms_.held_bytes(), 0u);
}

TEST_F(OrderedRoomsTest, IgnoresWhatWasThereAndUnknownRooms) {
  Begin(kA, 5);
  Live({{4, 3}, {5, 4}, {6, 5}, {6, 5}, {7, 0, kB}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 6"));
}

TEST_F(OrderedRoomsTest, HoleIsReadAndHoldsUpAllRooms) {
  Begin(kA, 5);
  Begin(kB, 5);
  Live({{6, 5}, {9, 8}, {10, 0, kB}, {11, 9}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 6"));
  EXPECT_THAT(Missing(), ElementsAre("A 6-9"));
  EXPECT_THAT(Missing(), IsEmpty());  // It is told once.
  Live({{12, 10, kB}});
  Read(kA, {.offsets = {7, 8}});
  EXPECT_THAT(follower_.Take(),
              ElementsAre("A 7", "A 8", "A 9", "B 10", "A 11", "B 12"));
  EXPECT_EQ(rooms_.held_bytes(), 0u);
  Live({{13, 12, kB}, {14, 11}});
  EXPECT_THAT(follower_.Take(), ElementsAre("B 13", "A 14"));
}

TEST_F(OrderedRoomsTest, ARoomBeginsInItsPlaceInTheOrder) {
  Begin(kA, 5);
  Live({{6, 5}, {9, 8}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 6"));
  rooms_.Begin(kB, {kOld, Offset(8)});
  Live({{10, 8, kB}});
  EXPECT_THAT(Missing(), ElementsAre("A 6-9"));
  EXPECT_THAT(follower_.Take(), IsEmpty());
  Read(kA, {.offsets = {7, 8}});
  EXPECT_THAT(follower_.Take(),
              ElementsAre("A 7", "A 8", "B from 8", "A 9", "B 10"));
}

TEST_F(OrderedRoomsTest, ARoomThatWasToBeginBeginsInTheNewLife) {
  Begin(kA, 5);
  Live({{9, 8}});
  rooms_.Begin(kB, {kOld, Offset(8)});
  rooms_.Suspend();
  rooms_.ChangeEpoch();
  Resume(kA, 3, kNew);
  Resume(kB, 2, kNew);
  EXPECT_THAT(follower_.Take(), ElementsAre("A gap 5-3 epoch", "B from 2"));
}

TEST_F(OrderedRoomsTest, SecondHoleIsReadAfterTheFirst) {
  Begin(kA, 1);
  Live({{4, 3}});
  EXPECT_THAT(Missing(), ElementsAre("A 1-4"));
  Live({{8, 6}});
  Read(kA, {.offsets = {2, 3}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 2", "A 3"));
  EXPECT_THAT(Missing(), ElementsAre("A 3-7"));
  Read(kA, {.offsets = {4, 6}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 4", "A 6", "A 8"));
}

TEST_F(OrderedRoomsTest, PagesAreReadUntilNothingIsMissing) {
  Begin(kA, 0);
  Live({{9, 8}});
  EXPECT_THAT(Missing(), ElementsAre("A 0-9"));
  Read(kA, {.offsets = {2, 4}, .more = true});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 2", "A 4"));
  EXPECT_THAT(Missing(), ElementsAre("A 4-9"));
  Read(kA, {.offsets = {6, 8}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 6", "A 8", "A 9"));
}

TEST_F(OrderedRoomsTest, ResumedRoomsReadWhatTheyMissed) {
  Begin(kA, 5);
  Begin(kB, 5);
  rooms_.Suspend();
  EXPECT_THAT(Missing(), IsEmpty());  // It is not known yet what there is.
  Resume(kA, 8);
  Live({{10, 8}});
  EXPECT_THAT(Missing(), ElementsAre("A 5-9"));
  Read(kA, {.offsets = {6, 8}});
  // What B missed may have come before.
  EXPECT_THAT(follower_.Take(), IsEmpty());
  Resume(kB, 7);
  EXPECT_THAT(Missing(), ElementsAre("B 5-8"));
  EXPECT_THAT(follower_.Take(), IsEmpty());
  Read(kB, {.offsets = {7}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 6", "B 7", "A 8", "A 10"));
}

TEST_F(OrderedRoomsTest, RoomThatDidNotMoveGoesOnAtOnce) {
  Begin(kA, 5);
  rooms_.Suspend();
  Resume(kA, 5);
  EXPECT_THAT(Missing(), IsEmpty());
  Live({{6, 5}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 6"));
}

TEST_F(OrderedRoomsTest, SuspendedWhileCatchingUpLosesAndDoublesNothing) {
  Begin(kA, 5);
  Live({{8, 7}});
  EXPECT_THAT(Missing(), ElementsAre("A 5-8"));
  rooms_.Suspend();
  Read(kA, {.offsets = {6, 7}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 6", "A 7", "A 8"));
  Resume(kA, 10);
  EXPECT_THAT(Missing(), ElementsAre("A 8-11"));
  Read(kA, {.offsets = {9, 10}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 9", "A 10"));
}

TEST_F(OrderedRoomsTest, HeldEventsSurviveASuspensionOnce) {
  Begin(kA, 5);
  Live({{8, 7}});
  rooms_.Suspend();
  Resume(kA, 9);
  EXPECT_THAT(Missing(), ElementsAre("A 5-10"));
  Read(kA, {.offsets = {6, 7, 8, 9}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 6", "A 7", "A 8", "A 9"));
  EXPECT_EQ(rooms_.held_bytes(), 0u);
}

// The read was asked for up to 7. Meanwhile up to 12 is missing, of which its
// answer says nothing.
TEST_F(OrderedRoomsTest, ReadFromBeforeASuspensionAnswersForWhatItWasAsked) {
  Begin(kA, 5);
  Live({{8, 7}});
  EXPECT_THAT(Missing(), ElementsAre("A 5-8"));
  rooms_.Suspend();
  Resume(kA, 12);
  EXPECT_THAT(Missing(), IsEmpty());  // One read at a time.
  Read(kA, {.offsets = {6, 7}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 6", "A 7"));
  EXPECT_THAT(Missing(), ElementsAre("A 7-13"));
  Read(kA, {.offsets = {8, 11, 12}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 8", "A 11", "A 12"));
}

TEST_F(OrderedRoomsTest, FailedReadIsToldAgain) {
  Begin(kA, 5);
  Live({{8, 7}});
  EXPECT_THAT(Missing(), ElementsAre("A 5-8"));
  rooms_.OnReadFailed(kA, /*lost=*/false);
  EXPECT_THAT(follower_.Take(), IsEmpty());
  EXPECT_THAT(Missing(), ElementsAre("A 5-8"));
}

TEST_F(OrderedRoomsTest, WhatCannotBeReadIsAGapByDamage) {
  Begin(kA, 5);
  Live({{8, 7}});
  EXPECT_THAT(Missing(), ElementsAre("A 5-8"));
  rooms_.OnReadFailed(kA, /*lost=*/true);
  EXPECT_THAT(follower_.Take(), ElementsAre("A gap 5-7 damage", "A 8"));
}

TEST_F(OrderedRoomsTest, AGapBeginsAfterWhatWasToldOfOtherRooms) {
  Begin(kA, 5);
  Begin(kB, 5);
  Live({{6, 5, kB}, {7, 6, kB}});
  rooms_.Suspend();
  Resume(kA, 9);
  Resume(kB, 7);
  EXPECT_THAT(Missing(), ElementsAre("A 7-10"));
  follower_.Take();
  rooms_.OnReadFailed(kA, /*lost=*/true);
  EXPECT_THAT(follower_.Take(), ElementsAre("A gap 7-9 damage"));
}

TEST_F(OrderedRoomsTest, TrimmedEventsAreAGapInTheOrderOfTheLog) {
  Begin(kA, 5);
  Begin(kB, 5);
  Live({{13, 12}, {14, 9, kB}});
  EXPECT_THAT(Missing(), ElementsAre("A 5-13", "B 5-10"));
  Read(kA, {.offsets = {11, 12}, .trimmed_through = 10});
  EXPECT_THAT(follower_.Take(), IsEmpty());
  Read(kB, {.offsets = {6, 9}});
  EXPECT_THAT(follower_.Take(),
              ElementsAre("B 6", "B 9", "A gap 5-10 retention", "A 11", "A 12",
                          "A 13", "B 14"));
}

TEST_F(OrderedRoomsTest, GapEndsAtWhatTheReadWasAskedFor) {
  // The log has trimmed beyond it by the time it is read.
  Begin(kA, 5);
  Live({{8, 7}});
  EXPECT_THAT(Missing(), ElementsAre("A 5-8"));
  Read(kA, {.trimmed_through = 20});
  EXPECT_THAT(follower_.Take(), ElementsAre("A gap 5-7 retention", "A 8"));
}

TEST_F(OrderedRoomsTest, EventsGoneFromTheEndAreAGap) {
  Begin(kA, 5);
  Live({{9, 8}});
  EXPECT_THAT(Missing(), ElementsAre("A 5-9"));
  Read(kA, {.offsets = {6}});
  EXPECT_THAT(follower_.Take(),
              ElementsAre("A 6", "A gap 6-8 retention", "A 9"));
}

// Held are 8 and, after a second hole, 12. When that is read all up to 10 is
// trimmed: 8 must not be told before the gap that it lies in.
TEST_F(OrderedRoomsTest, NoEventIsToldFromWithinAGap) {
  Begin(kA, 5);
  Live({{8, 7}, {12, 11}});
  EXPECT_THAT(Missing(), ElementsAre("A 5-12"));
  Read(kA, {.offsets = {11}, .trimmed_through = 10});
  EXPECT_THAT(follower_.Take(),
              ElementsAre("A gap 5-10 retention", "A 11", "A 12"));
  EXPECT_EQ(rooms_.held_bytes(), 0u);
}

TEST_F(OrderedRoomsTest, NewLifeOfTheLogIsAGapInEachRoom) {
  Begin(kA, 5);
  Begin(kB, 6);
  Live({{9, 8}});  // Is held, and has no meaning in the new life.
  rooms_.Suspend();
  rooms_.ChangeEpoch();
  EXPECT_EQ(rooms_.held_bytes(), 0u);
  Resume(kA, 100, kNew);
  Live({{102, 100}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A gap 5-100 epoch"));
  Resume(kB, 0, kNew);
  EXPECT_THAT(follower_.Take(), ElementsAre("B gap 6-0 epoch", "A 102"));
  Live({{103, 0, kB}});
  EXPECT_THAT(follower_.Take(), ElementsAre("B 103"));
  EXPECT_THAT(Missing(), IsEmpty());
}

// A log restored from a copy may count from below what its first life reached.
TEST_F(OrderedRoomsTest, ReadAskedInAnEarlierLifeSaysNothingOfThisOne) {
  Begin(kA, 1000);
  Live({{2001, 2000}});
  EXPECT_THAT(Missing(), ElementsAre("A 1000-2001"));
  rooms_.Suspend();
  rooms_.ChangeEpoch();
  Resume(kA, 10, kNew);
  EXPECT_THAT(follower_.Take(), ElementsAre("A gap 1000-10 epoch"));
  // The link asked again, of the broker that is there now.
  Read(kA, {.epoch = kNew});
  EXPECT_THAT(follower_.Take(), IsEmpty());
  Live({{11, 10}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 11"));
}

TEST_F(OrderedRoomsTest, FollowerMayEndARoomWhenItHearsOfItsGap) {
  Begin(kA, 5);
  Begin(kB, 6);
  rooms_.Suspend();
  rooms_.ChangeEpoch();
  follower_.on_gap = [this](RoomHandle room) { rooms_.End(room); };
  Resume(kA, 100, kNew);
  EXPECT_FALSE(rooms_.contains(kA));
  EXPECT_EQ(rooms_.rooms_behind(), 1u);
  Resume(kB, 100, kNew);
  EXPECT_EQ(rooms_.rooms_behind(), 0u);
  EXPECT_THAT(Missing(), IsEmpty());
}

TEST_F(OrderedRoomsTest, EndedRoomHoldsUpNobody) {
  Begin(kA, 5);
  Begin(kB, 5);
  Live({{8, 7}, {9, 5, kB}});
  EXPECT_THAT(Missing(), ElementsAre("A 5-8"));
  rooms_.End(kA);
  EXPECT_THAT(follower_.Take(), ElementsAre("B 9"));
  EXPECT_EQ(rooms_.held_bytes(), 0u);
  Read(kA, {.offsets = {6, 7}});
  rooms_.OnReadFailed(kA, /*lost=*/true);
  Live({{10, 8}, {11, 9, kB}});
  EXPECT_THAT(follower_.Take(), ElementsAre("B 11"));
}

TEST_F(OrderedRoomsTest, FailedRoomIsToldAndHoldsUpNobody) {
  Begin(kA, 5);
  Begin(kB, 5);
  rooms_.Suspend();
  Resume(kB, 5);
  Live({{9, 5, kB}});
  rooms_.Fail(kA, absl::ResourceExhaustedError("too many rooms"));
  EXPECT_THAT(follower_.Take(), ElementsAre("B 9", "A failed"));
}

TEST_F(OrderedRoomsTest, RoomBegunWhileAnotherIsBehindWaitsItsTurn) {
  Begin(kA, 5);
  Live({{8, 7}});
  rooms_.Begin(kB, {kOld, Offset(9)});
  Live({{10, 9, kB}});
  EXPECT_THAT(follower_.Take(), IsEmpty());
  EXPECT_THAT(Missing(), ElementsAre("A 5-8"));
  Read(kA, {.offsets = {7}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 7", "A 8", "B from 9", "B 10"));
}

TEST_F(OrderedRoomsTest, ThoseWhoHoldUpTheOthersAreReadFirst) {
  Begin(kA, 7);
  Begin(kB, 5);
  Live({{20, 18}, {21, 19, kB}});
  EXPECT_THAT(Missing(1), ElementsAre("B 5-20"));
  EXPECT_THAT(Missing(1), ElementsAre("A 7-19"));
}

// Holds two events at most.
TEST_F(OrderedRoomsTest, EphemeralEventsComeInTheirPlaceAndLeaveNoHole) {
  Begin(kA, 5);
  Live({{6, 5}, {7, 6, kA, true}, {8, 6}, {9, 8, kA, true}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 6", "A 7", "A 8", "A 9"));
  // One that was missed is not asked for: the room's last event is 8.
  rooms_.Suspend();
  Resume(kA, 8);
  EXPECT_THAT(Missing(), IsEmpty());
  Live({{11, 8}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 11"));
}

TEST_F(OrderedRoomsTest, EphemeralEventsWaitForWhatIsMissingBeforeThem) {
  Begin(kA, 5);
  Live({{8, 7, kA, true}, {9, 7}});
  EXPECT_THAT(follower_.Take(), IsEmpty());
  EXPECT_THAT(Missing(), ElementsAre("A 5-8"));
  Read(kA, {{6, 7}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 6", "A 7", "A 8", "A 9"));
}

class OrderedRoomsWithLittleMemoryTest : public OrderedRoomsTest {
 protected:
  OrderedRoomsWithLittleMemoryTest()
      : OrderedRoomsTest(sizeof(RoomEvent) + 2) {}
};

TEST_F(OrderedRoomsWithLittleMemoryTest, WhatIsLetGoIsReadInItsTurn) {
  Begin(kA, 5);
  Begin(kB, 5);
  Live({{8, 7}, {9, 5, kB}});  // Held. The rest is not:
  Live({{10, 8}, {11, 9, kB}, {12, 11, kB}, {13, 10}});
  EXPECT_THAT(rooms_.held_bytes(), ::testing::Le(2 * (sizeof(RoomEvent) + 2)));
  // Only A holds up others while there is no room to hold more.
  EXPECT_THAT(Missing(), ElementsAre("A 5-14"));
  Read(kA, {.offsets = {6, 7, 8, 10, 13}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 6", "A 7", "A 8", "B 9"));
  EXPECT_THAT(Missing(), ElementsAre("B 9-13"));
  Read(kB, {.offsets = {11, 12}});
  EXPECT_THAT(follower_.Take(), ElementsAre("A 10", "B 11", "B 12", "A 13"));
  EXPECT_EQ(rooms_.held_bytes(), 0u);
  Live({{14, 12, kB}, {15, 13}});
  EXPECT_THAT(follower_.Take(), ElementsAre("B 14", "A 15"));
}

TEST_F(OrderedRoomsWithLittleMemoryTest, EphemeralEventsThatAreLetGoAreMissed) {
  Begin(kA, 5);
  Begin(kB, 5);
  // Room B waits; the first event of A fills what may be held.
  Live({{8, 7, kB}, {9, 5}, {10, 9, kA, true}, {11, 9, kA, true}});
  EXPECT_THAT(Missing(), ElementsAre("B 5-8"));
  Read(kB, {{6, 7}});
  for (int i = 0; i < 3; ++i) {
    for (const std::string& read : Missing()) {
      if (read == "B 7-9") Read(kB, {{8}});
      if (read == "A 5-10") Read(kA, {{9}});
    }
  }
  EXPECT_THAT(Missing(), IsEmpty());
  EXPECT_THAT(follower_.Take(), ElementsAre("B 6", "B 7", "B 8", "A 9"));
}

}  // namespace
}  // namespace roomlog
