// A client is at one place in the order of the log, in all of its rooms.
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/rooms/layer_on_a_loop.h"

namespace roomlog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ClientPlaceTest : public LayerTest {};

TEST_F(ClientPlaceTest, ASlowClientHearsItsRoomsInTheOrderOfTheLog) {
  FakeSocket& ann = Connect("ann");
  for (const char* room : {"a", "b", "c"}) Join(ann, room);
  backplane_.Settle();
  Fill(ann);
  ann.StopReading();
  std::vector<std::string> said;
  for (int i = 0; i < 30; ++i) {
    const std::string room(1, "abcba"[i % 5]);
    said.push_back(absl::StrCat(room, i));
    Say(room, said.back());
  }
  backplane_.Settle();
  EXPECT_THAT(Heard(ann), IsEmpty());
  Read(ann);
  backplane_.Settle();
  EXPECT_THAT(Heard(ann), ElementsAreArray(said));
}

// Too much to be held: pages of each room are merged.
TEST_F(ClientPlaceTest, WhatIsReadFromTheLogIsMerged) {
  for (const size_t page_events : {1, 7, 1000}) {
    backplane_.set_page_events_max(page_events);
    FakeSocket& ann = Connect(absl::StrCat("ann", page_events));
    for (const char* room : {"a", "b", "c"}) Join(ann, room);
    backplane_.Settle();
    Fill(ann);
    std::vector<std::string> said;
    for (size_t i = 0; i < 2 * kHeldEventsMax; ++i) {
      const std::string room(1, i % 7 == 0 ? 'b' : i % 3 == 0 ? 'c' : 'a');
      said.push_back(absl::StrCat(room, i));
      Say(room, said.back());
    }
    backplane_.Settle();
    Read(ann);
    backplane_.Settle();
    EXPECT_THAT(Heard(ann), ElementsAreArray(said));
    layer_.RemoveClient(ann);
  }
}

TEST_F(ClientPlaceTest, APageThatComesLateHoldsTheOthersBack) {
  FakeSocket& ann = Connect("ann");
  Join(ann, "a");
  Join(ann, "b");
  backplane_.Settle();
  Fill(ann);
  Say("a", "a1");
  Say("b", "b2");
  for (size_t i = 0; i <= kHeldEventsMax; ++i) Say("b", "b");
  while (backplane_.Deliver()) {
  }
  Read(ann);
  ASSERT_EQ(backplane_.reads_waiting(), 2u);
  backplane_.RunRead(0);
  backplane_.RunRead(0);
  backplane_.AnswerRead(1);
  EXPECT_THAT(Heard(ann), IsEmpty());
  backplane_.AnswerRead(0);
  const std::vector<std::string> heard = Heard(ann);
  ASSERT_GT(heard.size(), 3u);
  EXPECT_EQ(heard[0] + heard[1] + heard[2], "a1b2b");
}

TEST_F(ClientPlaceTest, AGapIsToldWhereItBegins) {
  FakeSocket& ann = Connect("ann");
  Join(ann, "a");
  Join(ann, "b");
  backplane_.Settle();
  Fill(ann);
  Say("b", "b1");
  const Offset lost = Say("a", "a2");
  Say("b", "b3");
  Say("a", "a4");
  // So that the log is read.
  for (size_t i = 0; i <= kHeldEventsMax; ++i) Say("a", "a");
  backplane_.Settle();
  backplane_.Trim(Key("a"), lost);
  Read(ann);
  backplane_.Settle();
  std::vector<std::string> heard = Heard(ann);
  heard.resize(4);
  EXPECT_THAT(heard,
              ElementsAre(R"(2["roomlog:gap",{"room":"a","reason":"retention",)"
                          R"("from":"e-0","to":"e-2"}])",
                          "b1", "b3", "a4"));
}

TEST_F(ClientPlaceTest, AGapIsToldOnceAndWholeToWhoIsHeldUpWithinIt) {
  FakeSocket& ann = Connect("ann");
  Join(ann, "a");
  Join(ann, "b");
  backplane_.Settle();
  Fill(ann);
  Say("a", "a1");
  const std::string large(kClientBufferBytesMax, 'x');
  Say("b", large);
  const Offset lost = Say("a", "a3");
  Say("b", "b4");
  Say("a", "a5");
  // So that the log is read.
  for (size_t i = 0; i <= kHeldEventsMax; ++i) Say("a", "a");
  backplane_.Settle();
  backplane_.Trim(Key("a"), lost);
  Read(ann);
  ann.StopReading();
  backplane_.Settle();
  std::vector<std::string> heard = Heard(ann);
  ASSERT_EQ(heard.size(), 2u);  // Her queue is full again.
  EXPECT_THAT(heard[0], HasSubstr(R"("from":"e-0","to":"e-3")"));
  Read(ann);
  backplane_.Settle();
  heard = Heard(ann);
  heard.resize(2);
  EXPECT_THAT(heard, ElementsAre("b4", "a5"));
}

// Events of one room that come together are handed on member by member.
TEST_F(ClientPlaceTest, EventsThatComeTogetherReachEachClientInTheirOrder) {
  backplane_.set_events_at_once(100);
  FakeSocket& ann = Connect("ann");
  FakeSocket& ben = Connect("ben");
  for (FakeSocket* const socket : {&ann, &ben}) {
    Join(*socket, "a");
    Join(*socket, "b");
  }
  backplane_.Settle();
  Say("a", "a1");
  Say("a", "a2");
  Say("b", "b3");
  proto::Envelope not_ben;
  not_ben.add_rooms("a");
  not_ben.add_except("ben");
  Say("a", "a4");
  SayTo("a", not_ben, "a5");
  Say("a", "a6");
  backplane_.Settle();
  EXPECT_THAT(Heard(ann), ElementsAre("a1", "a2", "b3", "a4", "a5", "a6"));
  EXPECT_THAT(Heard(ben), ElementsAre("a1", "a2", "b3", "a4", "a6"));
}

TEST_F(ClientPlaceTest, AQueueThatIsFullWithinARunIsReadOnFromThere) {
  backplane_.set_events_at_once(100);
  FakeSocket& ann = Connect("ann");
  FakeSocket& ben = Connect("ben");
  Join(ann, "a");
  Join(ben, "a");
  backplane_.Settle();
  const std::string large(kClientBufferBytesMax / 4, 'x');
  std::vector<std::string> said;
  for (int i = 0; i < 10; ++i) {
    said.push_back(absl::StrCat(i, large));
    Say("a", said.back());
  }
  ann.StopReading();
  backplane_.Settle();
  EXPECT_TRUE(Heard(ben) == said);
  std::vector<std::string> heard = Heard(ann);
  EXPECT_THAT(heard, SizeIs(4));
  Read(ann);
  backplane_.Settle();
  for (std::string& one : Heard(ann)) heard.push_back(std::move(one));
  EXPECT_TRUE(heard == said);
}

// What is missing may be anywhere in it: half of it may be no gap.
TEST_F(ClientPlaceTest, AGapOfTheLinkIsToldWholeToWhoStoppedWithinIt) {
  FakeSocket& ann = Connect("ann");
  Join(ann, "a");
  Join(ann, "b");
  backplane_.Settle();
  Say("a", "a1");
  Say("b", "b2");
  Say("b", "b3");
  Say("a", "a4");
  backplane_.LoseDeliveries(Key("a"), GapReason::kDamage);
  ASSERT_TRUE(backplane_.Deliver());
  Fill(ann);
  backplane_.Settle();
  Say("a", "a5");
  backplane_.Settle();
  EXPECT_THAT(Heard(ann),
              ElementsAre("b2",
                          R"(2["roomlog:gap",{"room":"a","reason":"damage",)"
                          R"("from":"e-0","to":"e-4"}])"));
  Read(ann);
  backplane_.Settle();
  EXPECT_THAT(Heard(ann), ElementsAre("b3", "a5"));
}

TEST_F(ClientPlaceTest, WhatIsHeldForAClientInManyRoomsIsBounded) {
  FakeSocket& ann = Connect("ann");
  const std::string large(200'000, 'x');
  std::vector<std::string> said;
  for (int i = 0; i < 10; ++i) Join(ann, absl::StrCat("r", i));
  backplane_.Settle();
  Fill(ann);
  for (int n = 0; n < 10; ++n) {
    for (int i = 0; i < 10; ++i) {
      said.push_back(absl::StrCat(n, "of", i, large));
      Say(absl::StrCat("r", i), said.back());
    }
  }
  backplane_.Settle();
  Read(ann);
  backplane_.Settle();
  EXPECT_TRUE(Heard(ann) == said);
}

TEST_F(ClientPlaceTest, WhileHistoryIsSentNothingElseIs) {
  FakeSocket& ann = Connect("ann");
  Join(ann, "a");
  Say("b", "b1");
  backplane_.Settle();
  Join(ann, "b", FromStart{});
  while (backplane_.TakeRequest() || backplane_.Deliver()) {
  }
  Say("a", "a2");
  Say("b", "b3");
  while (backplane_.Deliver()) {
  }
  EXPECT_THAT(Heard(ann), IsEmpty());
  backplane_.Settle();
  EXPECT_THAT(Heard(ann), ElementsAre("b1", "a2", "b3"));
}

TEST_F(ClientPlaceTest, WhoseRoomCannotBeFollowedStaysWhereItIs) {
  FakeSocket& ann = Connect("ann");
  Join(ann, "a");
  Join(ann, "b");
  backplane_.Settle();
  backplane_.RefuseRoom(Key("a"), absl::ResourceExhaustedError("too many"));
  backplane_.Settle();
  Say("a", "a1");
  Say("b", "b2");
  backplane_.Settle();
  EXPECT_THAT(Heard(ann), IsEmpty());
  layer_.OnTick();
  backplane_.Settle();
  EXPECT_THAT(Heard(ann), ElementsAre("a1", "b2"));
  Say("b", "b3");
  backplane_.Settle();
  EXPECT_THAT(Heard(ann), ElementsAre("b3"));
}

TEST_F(ClientPlaceTest, WhoLeavesTheRoomThatIsNotFollowedGoesOn) {
  FakeSocket& ann = Connect("ann");
  Join(ann, "a");
  Join(ann, "b");
  backplane_.Settle();
  backplane_.RefuseRoom(Key("a"), absl::ResourceExhaustedError("too many"));
  Say("b", "b1");
  backplane_.Settle();
  EXPECT_THAT(Heard(ann), IsEmpty());
  Leave(ann, "a");
  EXPECT_THAT(Heard(ann), ElementsAre("b1"));
}

// ---- Offsets ----

TEST_F(ClientPlaceTest, OnlyWhoMayRecoverHearsOffsets) {
  FakeSocket& ann = Connect("ann");
  Join(ann, "");
  FakeSocket& bob = ConnectRecoverable("bob");
  backplane_.Settle();
  Say("", "one");
  SayVolatile("", "two");
  backplane_.Settle();
  EXPECT_THAT(Heard(ann), ElementsAre("one", "two"));
  EXPECT_THAT(Heard(bob), ElementsAre("one@e-1", "two@e-2"));
}

TEST_F(ClientPlaceTest, OffsetsAreTheSameForWhoWasSlow) {
  FakeSocket& ann = Connect("ann");
  Join(ann, "");
  FakeSocket& bob = ConnectRecoverable("bob");
  backplane_.Settle();
  Fill(ann);
  Fill(bob);
  for (const char* data : {"one", "two"}) Say("", data);
  backplane_.Settle();
  Read(ann);
  Read(bob);
  EXPECT_THAT(Heard(ann), ElementsAre("one", "two"));
  EXPECT_THAT(Heard(bob), ElementsAre("one@e-1", "two@e-2"));
}

TEST_F(ClientPlaceTest, WhatWasSaidBeforeASessionIsNotForIt) {
  FakeSocket& ann = Connect("ann");
  Join(ann, "");
  backplane_.Settle();
  Say("", "one");
  // The node has not heard of it yet when the session is opened.
  FakeSocket& bob = ConnectRecoverable("bob");
  Say("", "two");
  backplane_.Settle();
  EXPECT_THAT(Heard(bob), ElementsAre("two@e-2"));
}

TEST_F(ClientPlaceTest, WhatWasSaidSinceASessionWasOpenedIsForIt) {
  Say("", "one");
  FakeSocket& bob = NewSocket("bob");
  Say("", "two");
  layer_.AddRecoverableClient(bob, {kEpoch, Offset(1)}, {""}, sessions_);
  Say("", "three");
  backplane_.Settle();
  EXPECT_THAT(Heard(bob), ElementsAre("two@e-2", "three@e-3"));
}

// ---- Changes of rooms ----

TEST_F(ClientPlaceTest, AJoinIsDurableBeforeAnythingElseIsSent) {
  FakeSocket& bob = ConnectRecoverable("bob");
  backplane_.Settle();
  Join(bob, "a");
  backplane_.Settle();
  EXPECT_THAT(sessions_.TakeAsked(), ElementsAre("bob +a@0"));
  Say("", "one");
  Say("a", "two");
  backplane_.Settle();
  EXPECT_THAT(Heard(bob), IsEmpty());
  EXPECT_THAT(TakeTold(), IsEmpty());
  sessions_.Answer();
  EXPECT_THAT(TakeTold(), ElementsAre("joined a"));
  EXPECT_THAT(Heard(bob), ElementsAre("one@e-1", "two@e-2"));
  Say("a", "three");
  backplane_.Settle();
  EXPECT_THAT(Heard(bob), ElementsAre("three@e-3"));
}

TEST_F(ClientPlaceTest, ChangesThatWaitGoTogether) {
  FakeSocket& bob = ConnectRecoverable("bob");
  backplane_.Settle();
  Say("", "one");
  for (const char* room : {"a", "b", "c"}) Join(bob, room);
  backplane_.Settle();
  EXPECT_THAT(sessions_.TakeAsked(), ElementsAre("bob +a@1"));
  Leave(bob, "b");  // After it is in.
  sessions_.Answer();
  EXPECT_THAT(sessions_.TakeAsked(), ElementsAre("bob +b@1 +c@1"));
  Leave(bob, "a");
  EXPECT_FALSE(layer_.WantsIn(bob, Key("a")));
  sessions_.Answer();
  EXPECT_THAT(sessions_.TakeAsked(), ElementsAre("bob -a -b"));
  EXPECT_THAT(TakeTold(), ElementsAre("joined a", "joined b", "joined c"));
  sessions_.Answer();
  EXPECT_THAT(TakeTold(), ElementsAre("left a", "left b"));
  EXPECT_THAT(layer_.RoomsOf(bob), ElementsAre("c"));
}

TEST_F(ClientPlaceTest, ALeaveTakesEffectAtOnce) {
  FakeSocket& bob = ConnectRecoverable("bob");
  Join(bob, "a");
  backplane_.Settle();
  sessions_.Answer();
  Leave(bob, "a");
  Say("a", "one");
  Say("", "two");
  backplane_.Settle();
  EXPECT_THAT(Heard(bob), ElementsAre("two@e-2"));
  EXPECT_THAT(TakeTold(), ElementsAre("joined a"));
  sessions_.Answer();
  EXPECT_THAT(TakeTold(), ElementsAre("left a"));
}

TEST_F(ClientPlaceTest, AChangeThatCannotBeKeptNowIsTriedAgain) {
  FakeSocket& bob = ConnectRecoverable("bob");
  Join(bob, "a");
  backplane_.Settle();
  sessions_.Answer(absl::UnavailableError("no broker"));
  Say("a", "one");
  backplane_.Settle();
  EXPECT_THAT(sessions_.TakeAsked(), SizeIs(1));
  EXPECT_THAT(Heard(bob), IsEmpty());
  layer_.OnTick();
  EXPECT_THAT(sessions_.TakeAsked(), ElementsAre("bob +a@0"));
  sessions_.Answer();
  EXPECT_THAT(Heard(bob), ElementsAre("one@e-1"));
}

TEST_F(ClientPlaceTest, WithoutItsSessionAClientGoesOnWithoutOne) {
  for (const absl::Status& gone : {absl::NotFoundError("expired"),
                                   absl::FailedPreconditionError("fenced")}) {
    FakeSocket& bob = ConnectRecoverable(std::string(gone.message()));
    Join(bob, "a");
    Join(bob, "b");
    backplane_.Settle();
    sessions_.Answer(gone);
    backplane_.Settle();
    EXPECT_THAT(TakeTold(), ElementsAre("joined a", "joined b"));
    EXPECT_THAT(sessions_.TakeAsked(), SizeIs(1));
    Leave(bob, "a");
    EXPECT_THAT(TakeTold(), ElementsAre("left a"));
    layer_.RemoveClient(bob);
  }
}

TEST_F(ClientPlaceTest, AJoinThatTheSessionDoesNotTakeIsRefused) {
  FakeSocket& bob = ConnectRecoverable("bob");
  Join(bob, "a");
  backplane_.Settle();
  sessions_.Answer(absl::ResourceExhaustedError("too many rooms"));
  EXPECT_THAT(TakeTold(), ElementsAre("not joined a: RESOURCE_EXHAUSTED"));
  Say("a", "one");
  Say("", "two");
  backplane_.Settle();
  EXPECT_THAT(Heard(bob), ElementsAre("two@e-2"));
}

TEST_F(ClientPlaceTest, AJoinThatFailsAfterwardsIsTakenBack) {
  FakeSocket& bob = ConnectRecoverable("bob");
  Say("a", "one");
  Join(bob, "a", FromStart{});
  while (backplane_.TakeRequest() || backplane_.Deliver()) {
  }
  backplane_.FailReads(absl::DataLossError("damaged"));
  sessions_.Answer();
  backplane_.Settle();
  EXPECT_THAT(TakeTold(), ElementsAre("not joined a: DATA_LOSS"));
  EXPECT_THAT(sessions_.TakeAsked(),
              ElementsAre("bob +a@1(1 start)", "bob -a"));
}

TEST_F(ClientPlaceTest, HistoryCarriesThePlaceAndTheJoin) {
  FakeSocket& bob = ConnectRecoverable("bob");
  Say("a", "a1");
  Say("b", "b2");
  Say("a", "a3");
  Say("", "n4");
  backplane_.Settle();
  EXPECT_THAT(Heard(bob), ElementsAre("n4@e-4"));
  Join(bob, "a", LastEvents{5});
  Join(bob, "b", FromStart{});
  backplane_.Settle();
  EXPECT_THAT(sessions_.TakeAsked(), ElementsAre("bob +a@4(1 last 5)"));
  Say("a", "a5");
  Say("b", "b6");
  Say("", "n7");
  backplane_.Settle();
  sessions_.Answer();
  EXPECT_THAT(sessions_.TakeAsked(), ElementsAre("bob +b@4(2 start)"));
  backplane_.Settle();
  EXPECT_THAT(Heard(bob), ElementsAre("a1@e-1~e-4~1", "a3@e-3~e-4~1"));
  sessions_.Answer();
  backplane_.Settle();
  EXPECT_THAT(Heard(bob),
              ElementsAre("b2@e-2~e-4~2", "a5@e-5", "b6@e-6", "n7@e-7"));
  EXPECT_THAT(TakeTold(), ElementsAre("joined a", "joined b"));
}

TEST_F(ClientPlaceTest, HistoriesOfOneClientAreSentOneAfterTheOther) {
  FakeSocket& bob = ConnectRecoverable("bob");
  for (const char* room : {"a", "b", "c"}) {
    Say(room, absl::StrCat(room, 1));
    Say(room, absl::StrCat(room, 2));
  }
  backplane_.set_page_events_max(1);
  for (const char* room : {"x", "a", "b", "c"}) Join(bob, room, FromStart{});
  backplane_.Settle();
  while (!sessions_.TakeAsked().empty()) {
    sessions_.Answer();
    backplane_.Settle();
  }
  EXPECT_THAT(Heard(bob),
              ElementsAre("a1@e-1~e-6~2", "a2@e-2~e-6~2", "b1@e-3~e-6~3",
                          "b2@e-4~e-6~3", "c1@e-5~e-6~4", "c2@e-6~e-6~4"));
}

TEST_F(ClientPlaceTest, RemovingAClientInTheMiddleOfAnythingIsSafe) {
  for (int steps = 0; steps < 12; ++steps) {
    FakeSocket& bob = ConnectRecoverable(absl::StrCat("bob", steps));
    Say("a", "one");
    Join(bob, "a", FromStart{});
    Join(bob, "b", LastEvents{1});
    bool asked = false;
    for (int i = 0; i < steps; ++i) {
      if (backplane_.TakeRequest() || backplane_.Deliver()) continue;
      if (!asked && !sessions_.TakeAsked().empty()) {
        asked = true;
        sessions_.Answer();
      } else if (!backplane_.RunRead()) {
        backplane_.AnswerRead();
      }
    }
    layer_.RemoveClient(bob);
    if (!asked && !sessions_.TakeAsked().empty()) sessions_.Answer();
    backplane_.Settle();
    layer_.OnTick();
    while (!sessions_.TakeAsked().empty()) sessions_.Answer();
  }
  backplane_.Settle();
  EXPECT_EQ(layer_.room_count(), 0u);
  EXPECT_EQ(layer_.client_count(), 0u);
}

// ---- Directed events ----

TEST_F(ClientPlaceTest, ADirectedEventIsForOneSocket) {
  const RoomKey room = DirectRoom("/", "loop", "ann");
  EXPECT_TRUE(IsDirectRoom(room.room()));
  FakeSocket& ann = ConnectRecoverable("ann");
  FakeSocket& bob = ConnectRecoverable("bob");
  layer_.JoinDirect(ann, room, Note("joined", "direct"));
  layer_.JoinDirect(ann, room, Note("joined", "direct"));
  layer_.JoinDirect(bob, room, Note("joined", "direct"));
  Join(bob, "ann");  // A room of that name.
  backplane_.Settle();
  EXPECT_THAT(sessions_.TakeAsked(), SizeIs(2));
  sessions_.Answer();
  EXPECT_THAT(TakeTold(), ElementsAre("joined direct", "joined direct"));
  layer_.JoinDirect(ann, room, Note("joined", "direct"));
  EXPECT_THAT(TakeTold(), ElementsAre("joined direct"));
  sessions_.Answer();
  sessions_.Answer();
  EXPECT_THAT(sessions_.TakeAsked(), SizeIs(1));

  proto::Envelope envelope;
  envelope.add_rooms("ann");
  SayTo(room.room(), envelope, "hello");
  backplane_.Settle();
  EXPECT_THAT(Heard(ann), ElementsAre("hello@e-1"));
  EXPECT_THAT(Heard(bob), IsEmpty());
  EXPECT_THAT(layer_.RoomsOf(ann), IsEmpty());
  Fill(ann);
  SayTo(room.room(), envelope, "again");
  backplane_.Settle();
  Read(ann);
  EXPECT_THAT(Heard(ann), ElementsAre("again@e-2"));
  EXPECT_THAT(Heard(bob), IsEmpty());
}

TEST_F(ClientPlaceTest, ARoomForDirectedEventsIsTheSameForEver) {
  EXPECT_EQ(DirectRoom("/chat", "1f", "aaaaaaaaaaaaaaaaaaaa").room(),
            "$roomlog/direct/1f/105");
  EXPECT_TRUE(IsReservedRoom("$roomlog/x"));
  EXPECT_FALSE(IsReservedRoom("$roomlog"));
}

}  // namespace
}  // namespace roomlog
