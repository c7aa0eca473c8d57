// A client that comes back gets what it missed, once and in order, or is told
// that it cannot.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/rooms/layer_on_a_loop.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RecoveryTest : public LayerTest {
 protected:
  // Of a client whose session was opened at the beginning.
  Outcome OutcomeOf(std::vector<SessionRoomEntry> rooms, absl::string_view has,
                    Offset opened = Offset()) {
    FakeSocket& socket = NewSocket(absl::StrCat("back", sockets_.size()));
    const auto outcome = Recover(socket, opened, std::move(rooms), has);
    backplane_.Settle();
    EXPECT_TRUE(outcome->has_value());
    EXPECT_THAT(socket.TakeSent(), IsEmpty());
    last_ = &socket;
    return outcome->value_or(Outcome());
  }

  static RecoveryGap Gap(GapReason reason, std::string room, uint64_t from,
                         uint64_t oldest) {
    return {reason,
            std::move(room),
            {kEpoch, Offset(from)},
            {kEpoch, Offset(oldest)}};
  }

  FakeSocket* last_ = nullptr;
};

TEST_F(RecoveryTest, BringsWhatTheClientMissedInTheOrderOfTheLog) {
  Say("", "n1");
  Say("a", "a2");
  Say("b", "b3");
  Say("", "n4");
  Say("a", "a5");
  const Outcome outcome = OutcomeOf(
      {{"", Offset(0), ""}, {"a", Offset(0), ""}, {"b", Offset(0), ""}}, "e-2");
  EXPECT_TRUE(outcome.recovered);
  EXPECT_THAT(outcome.missed, ElementsAre("b3@e-3", "n4@e-4", "a5@e-5"));
  // And then it flows.
  Say("a", "a6");
  Say("b", "b7");
  backplane_.Settle();
  EXPECT_THAT(Heard(*last_), ElementsAre("a6@e-6", "b7@e-7"));
  EXPECT_THAT(layer_.RoomsOf(*last_), ElementsAre("a", "b"));
}

TEST_F(RecoveryTest, OwesNothingFromBeforeARoomWasJoined) {
  Say("a", "a1");
  Say("a", "a2");
  Say("", "n3");
  EXPECT_THAT(OutcomeOf({{"", Offset(0), ""}, {"a", Offset(1), ""}}, "").missed,
              ElementsAre("a2@e-2", "n3@e-3"));
  EXPECT_THAT(
      OutcomeOf({{"", Offset(0), ""}, {"a", Offset(2), ""}}, "e-1").missed,
      ElementsAre("n3@e-3"));
}

TEST_F(RecoveryTest, WithoutAnOffsetOfTheSessionAllSinceItsOpeningIsOwed) {
  for (int i = 1; i <= 4; ++i) Say("", absl::StrCat("n", i));
  // None; of another life of the log; of an earlier session.
  for (const char* has : {"", "d-9", "e-1", "e-1~e-1~9"}) {
    EXPECT_THAT(OutcomeOf({{"", Offset(2), "1 start"}}, has, Offset(2)).missed,
                ElementsAre("n1@e-1~e-2~1", "n2@e-2~e-2~1", "n3@e-3", "n4@e-4"))
        << has;
  }
}

TEST_F(RecoveryTest, NothingMissedIsWholeToo) {
  Say("a", "a1");
  const Outcome outcome = OutcomeOf({{"", Offset(0), ""}}, "e-1");
  EXPECT_TRUE(outcome.recovered);
  EXPECT_THAT(outcome.missed, IsEmpty());
}

TEST_F(RecoveryTest, SelectsAsLiveDeliveryDoes) {
  proto::Envelope both;
  both.add_rooms("a");
  both.add_rooms("b");
  SayTo("a", both, "once");
  both.set_through(1);
  SayTo("b", both, "once");
  proto::Envelope except;
  except.add_rooms("a");
  except.add_except("b");
  SayTo("a", except, "not for it");
  proto::Envelope direct;
  direct.add_rooms("back0");
  SayTo("", direct, "for it");
  proto::Envelope other;
  other.add_rooms("somebody");
  SayTo("", other, "for somebody");
  proto::Envelope control;
  control.mutable_sockets_join()->add_rooms("c");
  SayTo("", control, "");
  SayTo(DirectRoom("/", "loop", "back0").room(), direct, "directed");
  SayTo(DirectRoom("/", "loop", "back0").room(), other, "not directed");
  SayVolatile("a", "volatile");
  backplane_.Settle();
  EXPECT_THAT(OutcomeOf({{"", Offset(0), ""},
                         {"a", Offset(0), ""},
                         {"b", Offset(0), ""},
                         {std::string(DirectRoom("/", "loop", "back0").room()),
                          Offset(0), ""}},
                        "")
                  .missed,
              ElementsAre("once@e-1", "for it@e-4", "directed@e-7"));
}

TEST_F(RecoveryTest, WhatIsSaidMeanwhileComesOnce) {
  for (size_t page_events : {1, 3, 1000}) {
    backplane_.set_page_events_max(page_events);
    const Offset opened = backplane_.last_offset();
    std::vector<std::string> said;
    const auto say = [&] {
      const std::string room = said.size() % 3 == 0 ? "a" : "";
      const std::string data = absl::StrCat("n", said.size());
      const Offset at = Say(room, data);
      said.push_back(absl::StrCat(data, "@", FormatPosition({kEpoch, at})));
    };
    for (int i = 0; i < 10; ++i) say();
    FakeSocket& bob = NewSocket(absl::StrCat("bob", page_events));
    const auto outcome =
        Recover(bob, opened, {{"", opened, ""}, {"a", opened, ""}}, "");
    for (int i = 0; i < 1000; ++i) {
      if (i % 3 == 0 && said.size() < 60) say();
      if (!backplane_.TakeRequest() && !backplane_.Deliver() &&
          !backplane_.RunRead()) {
        backplane_.AnswerRead();
      }
    }
    backplane_.Settle();
    ASSERT_TRUE(outcome->has_value());
    std::vector<std::string> heard = (*outcome)->missed;
    for (const std::string& live : Heard(bob)) heard.push_back(live);
    EXPECT_THAT(heard, ElementsAreArray(said));
    layer_.RemoveClient(bob);
  }
}

// ---- Histories ----

TEST_F(RecoveryTest, AHistoryThatWasAskedForIsOwedToo) {
  Say("a", "a1");
  Say("a", "a2");
  Say("b", "b3");
  Say("", "n4");
  Say("a", "a5");
  Say("b", "b6");
  const std::vector<SessionRoomEntry> rooms = {{"", Offset(0), ""},
                                               {"a", Offset(4), "1 last 1"},
                                               {"b", Offset(4), "2 start"}};
  const std::vector<std::string> rest = {"a5@e-5", "b6@e-6"};
  struct Case {
    const char* has;
    std::vector<std::string> histories;
  };
  for (const Case& c :
       std::vector<Case>{// It was told nothing of either.
                         {"e-4", {"a2@e-2~e-4~1", "b3@e-3~e-4~2"}},
                         // It has all of the first, or of both.
                         {"e-2~e-4~1", {"b3@e-3~e-4~2"}},
                         {"e-3~e-4~2", {}}}) {
    std::vector<std::string> want = c.histories;
    want.insert(want.end(), rest.begin(), rest.end());
    EXPECT_THAT(OutcomeOf(rooms, c.has).missed, ElementsAreArray(want))
        << c.has;
  }
  // Its last event came live, so the histories had come before.
  EXPECT_THAT(OutcomeOf(rooms, "e-5").missed, ElementsAre("b6@e-6"));
}

// As it was live: so an offset says of each history whether the client has it.
TEST_F(RecoveryTest, AHistoryComesWhereTheClientJoined) {
  Say("a", "a1");
  Say("", "n2");
  Say("a", "a3");
  Say("", "n4");
  EXPECT_THAT(
      OutcomeOf({{"", Offset(0), ""}, {"a", Offset(3), "1 start"}}, "e-1")
          .missed,
      ElementsAre("n2@e-2", "a1@e-1~e-3~1", "a3@e-3~e-3~1", "n4@e-4"));
}

TEST_F(RecoveryTest, OfAHistoryThatBrokeOffTheRestIsOwed) {
  for (int i = 1; i <= 6; ++i) Say("a", absl::StrCat("a", i));
  EXPECT_THAT(OutcomeOf({{"a", Offset(4), "3 start"}}, "e-2~e-4~3").missed,
              ElementsAre("a3@e-3~e-4~3", "a4@e-4~e-4~3", "a5@e-5", "a6@e-6"));
}

TEST_F(RecoveryTest, JoinsAreCountedOn) {
  Say("a", "a1");
  OutcomeOf({{"", Offset(0), ""}, {"a", Offset(0), "5 start"}}, "e-1");
  FakeSocket& bob = *last_;
  Join(bob, "b", FromStart{});
  backplane_.Settle();
  EXPECT_THAT(sessions_.TakeAsked(),
              ElementsAre(absl::StrCat(bob.id(), " +b@1(6 start)")));
}

TEST_F(RecoveryTest, AfterItRoomsAreChangedAsBefore) {
  OutcomeOf({{"", Offset(0), ""}, {"a", Offset(0), ""}}, "");
  FakeSocket& bob = *last_;
  Leave(bob, "a");
  EXPECT_THAT(sessions_.TakeAsked(),
              ElementsAre(absl::StrCat(bob.id(), " -a")));
  sessions_.Answer();
  EXPECT_THAT(TakeTold(), ElementsAre("left a"));
}

// ---- What cannot be had ----

TEST_F(RecoveryTest, WhatRetentionTookIsNotRecovered) {
  for (int i = 1; i <= 4; ++i) Say("a", absl::StrCat("a", i));
  Say("b", "b5");
  backplane_.Trim(Key("a"), Offset(2));
  const std::vector<SessionRoomEntry> rooms = {{"a", Offset(0), ""},
                                               {"b", Offset(0), ""}};
  const Outcome outcome = OutcomeOf(rooms, "e-1");
  EXPECT_FALSE(outcome.recovered);
  EXPECT_THAT(outcome.gaps, ElementsAre(Gap(GapReason::kRetention, "a", 1, 2)));
  EXPECT_EQ(layer_.client_count(), 0u);
  EXPECT_EQ(layer_.room_count(), 0u);
  // What it has need not be kept.
  EXPECT_THAT(OutcomeOf(rooms, "e-2").missed,
              ElementsAre("a3@e-3", "a4@e-4", "b5@e-5"));
}

TEST_F(RecoveryTest, ASessionOfAnotherLifeOfTheLogIsNotRecovered) {
  Say("a", "a1");
  backplane_.BeginEpoch(Epoch(0xf));
  const Outcome outcome = OutcomeOf({{"a", Offset(0), ""}}, "e-1");
  EXPECT_FALSE(outcome.recovered);
  ASSERT_THAT(outcome.gaps, SizeIs(1));
  EXPECT_EQ(outcome.gaps[0].reason, GapReason::kEpoch);
}

TEST_F(RecoveryTest, AnOffsetBeyondTheLogIsNotRecovered) {
  Say("a", "a1");
  const Outcome outcome = OutcomeOf({{"a", Offset(0), ""}}, "e-7");
  EXPECT_FALSE(outcome.recovered);
  ASSERT_THAT(outcome.gaps, SizeIs(1));
  EXPECT_EQ(outcome.gaps[0].reason, GapReason::kEpoch);
}

TEST_F(RecoveryTest, AnOffsetMayBeOfWhatThisNodeHasNotHeard) {
  Say("a", "a1");
  FakeSocket& bob = NewSocket("bob");
  RecoveredSession session;
  session.opened = {kEpoch, Offset(0)};
  session.rooms = {{"a", Offset(0), ""}};
  session.has = ClientOffset{{kEpoch, Offset(7)}, {}};
  session.restored = {kEpoch, Offset(8)};
  bool recovered = false;
  layer_.Recover(bob, session, sessions_, [&](auto result) {
    recovered = std::holds_alternative<Recovered>(result);
  });
  backplane_.Settle();
  EXPECT_TRUE(recovered);
}

// It comes from a node that was ahead of this one.
class AheadTest : public RecoveryTest {
 protected:
  FakeSocket& BackWith(uint64_t offset, std::vector<SessionRoomEntry> rooms) {
    FakeSocket& socket = NewSocket("ahead");
    RecoveredSession session;
    session.opened = {kEpoch, Offset(0)};
    session.rooms = std::move(rooms);
    session.has = ClientOffset{{kEpoch, Offset(offset)}, {}};
    session.restored = {kEpoch, Offset(offset)};
    layer_.Recover(socket, session, sessions_, [](const auto& result) {
      EXPECT_TRUE(std::holds_alternative<Recovered>(result));
    });
    backplane_.Settle();
    return socket;
  }
};

TEST_F(AheadTest, WhatTheClientHasDoesNotComeAgain) {
  Say("a", "a1");
  FakeSocket& bob = BackWith(3, {{"a", Offset(0), ""}});
  for (const char* data : {"a2", "a3", "a4"}) Say("a", data);
  backplane_.Settle();
  EXPECT_THAT(Heard(bob), ElementsAre("a4@e-4"));
}

TEST_F(AheadTest, AHistoryReachesToWhereTheClientIs) {
  FakeSocket& ann = Connect("ann");
  Join(ann, "b");
  Say("b", "b1");
  backplane_.Settle();
  FakeSocket& bob = BackWith(3, {{"", Offset(0), ""}});
  Say("b", "b2");  // In the log, and on its way to this node.
  Join(bob, "b", FromStart{});
  sessions_.Answer();
  backplane_.Settle();
  Say("b", "b3");
  Say("b", "b4");
  backplane_.Settle();
  EXPECT_THAT(Heard(bob),
              ElementsAre("b1@e-1~e-3~1", "b2@e-2~e-3~1", "b4@e-4"));
}

TEST_F(RecoveryTest, ANewLifeOfTheLogMeanwhileEndsIt) {
  for (int i = 1; i <= 5; ++i) Say("a", "a");
  FakeSocket& bob = NewSocket("bob");
  const auto outcome = Recover(bob, Offset(0), {{"a", Offset(0), ""}}, "");
  while (backplane_.reads_waiting() == 0) {
    ASSERT_TRUE(backplane_.TakeRequest() || backplane_.Deliver());
  }
  backplane_.BeginEpoch(Epoch(0xf));
  backplane_.Settle();
  ASSERT_TRUE(outcome->has_value());
  EXPECT_FALSE((*outcome)->recovered);
  EXPECT_EQ((*outcome)->gaps[0].reason, GapReason::kEpoch);
}

TEST_F(RecoveryTest, MoreThanMayBeSentAgainIsNotRecovered) {
  for (size_t i = 0; i <= kRecoveryEventsMax; ++i) Say("a", "a");
  Outcome outcome = OutcomeOf({{"a", Offset(0), ""}}, "");
  EXPECT_FALSE(outcome.recovered);
  ASSERT_THAT(outcome.gaps, SizeIs(1));
  EXPECT_EQ(outcome.gaps[0].reason, GapReason::kLimit);
  EXPECT_EQ(outcome.gaps[0].room, "a");
  EXPECT_TRUE(OutcomeOf({{"a", Offset(0), ""}}, "e-1").recovered);

  const std::string large(kRecoveryBytesMax / 4, 'x');
  for (int i = 0; i < 4; ++i) Say("b", large);
  outcome = OutcomeOf({{"b", Offset(0), ""}}, "");
  EXPECT_FALSE(outcome.recovered);
  ASSERT_THAT(outcome.gaps, SizeIs(1));
  EXPECT_EQ(outcome.gaps[0].reason, GapReason::kLimit);
}

TEST_F(RecoveryTest, WhatIsDamagedIsNotRecovered) {
  Say("a", "a1");
  backplane_.FailReads(absl::DataLossError("damaged"));
  for (const char* start : {"", "1 start"}) {
    const Outcome outcome = OutcomeOf({{"a", Offset(0), start}}, "");
    EXPECT_FALSE(outcome.recovered);
    ASSERT_THAT(outcome.gaps, SizeIs(1));
    EXPECT_EQ(outcome.gaps[0].reason, GapReason::kDamage);
  }
  backplane_.FailReads(absl::OkStatus());
  const Outcome outcome = OutcomeOf({{"a", Offset(0), "not a start"}}, "");
  EXPECT_FALSE(outcome.recovered);
}

TEST_F(RecoveryTest, WhatCannotBeReadNowIsTriedAgain) {
  Say("a", "a1");
  Say("b", "b2");
  backplane_.FailReads(absl::UnavailableError("busy"));
  FakeSocket& bob = NewSocket("bob");
  const auto outcome = Recover(
      bob, Offset(0), {{"a", Offset(1), "1 start"}, {"b", Offset(0), ""}}, "");
  backplane_.Settle();
  layer_.OnTick();
  backplane_.Settle();
  EXPECT_FALSE(outcome->has_value());
  backplane_.FailReads(absl::OkStatus());
  layer_.OnTick();
  backplane_.Settle();
  ASSERT_TRUE(outcome->has_value());
  EXPECT_THAT((*outcome)->missed, ElementsAre("a1@e-1~e-1~1", "b2@e-2"));
}

TEST_F(RecoveryTest, ARoomThatCannotBeFollowedEndsIt) {
  backplane_.FailFollows(absl::ResourceExhaustedError("too many rooms"));
  const Outcome outcome = OutcomeOf({{"a", Offset(0), ""}}, "");
  EXPECT_FALSE(outcome.recovered);
  ASSERT_THAT(outcome.gaps, SizeIs(1));
  EXPECT_EQ(outcome.gaps[0].reason, GapReason::kLimit);
}

// ---- Storms ----

TEST_F(RecoveryTest, EqualReadsAreMadeOnce) {
  Say("a", "a1");
  FakeSocket& ann = Connect("ann");  // So that the room is followed.
  Join(ann, "a");
  backplane_.Settle();
  std::vector<std::shared_ptr<std::optional<Outcome>>> outcomes;
  for (int i = 0; i < 100; ++i) {
    outcomes.push_back(Recover(NewSocket(absl::StrCat("bob", i)), Offset(0),
                               {{"a", Offset(0), ""}}, ""));
  }
  EXPECT_EQ(backplane_.reads_waiting(), 1u);
  backplane_.Settle();
  for (const auto& outcome : outcomes) {
    ASSERT_TRUE(outcome->has_value());
    EXPECT_THAT((*outcome)->missed, ElementsAre("a1@e-1"));
  }
}

TEST_F(RecoveryTest, SoManyAreCollectedForAtOnce) {
  Say("a", "a1");
  std::vector<std::shared_ptr<std::optional<Outcome>>> outcomes;
  for (size_t i = 0; i < 2 * kRecoveriesAtOnce + 1; ++i) {
    // Different reads for each.
    outcomes.push_back(Recover(
        NewSocket(absl::StrCat("bob", i)), Offset(0),
        {{absl::StrCat("a", i), Offset(0), ""}, {"a", Offset(0), ""}}, ""));
  }
  EXPECT_EQ(layer_.room_count(), kRecoveriesAtOnce + 1);
  layer_.RemoveClient(*sockets_[0]);      // One that is collected for,
  layer_.RemoveClient(*sockets_.back());  // and one that waits.
  backplane_.Settle();
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const bool is_gone = i == 0 || i + 1 == outcomes.size();
    EXPECT_EQ(outcomes[i]->has_value(), !is_gone) << i;
  }
  EXPECT_EQ(layer_.client_count(), outcomes.size() - 2);
}

TEST_F(RecoveryTest, RemovingAClientInTheMiddleOfItIsSafe) {
  Say("a", "a1");
  Say("b", "b2");
  for (int steps = 0; steps < 12; ++steps) {
    FakeSocket& bob = NewSocket(absl::StrCat("bob", steps));
    const auto outcome =
        Recover(bob, Offset(0),
                {{"a", Offset(1), "1 start"}, {"b", Offset(0), ""}}, "");
    for (int i = 0; i < steps; ++i) {
      if (!backplane_.TakeRequest() && !backplane_.Deliver() &&
          !backplane_.RunRead()) {
        backplane_.AnswerRead();
      }
    }
    const bool was_told = outcome->has_value();
    layer_.RemoveClient(bob);
    backplane_.Settle();
    layer_.OnTick();
    EXPECT_EQ(outcome->has_value(), was_told);
  }
  EXPECT_EQ(layer_.room_count(), 0u);
  EXPECT_EQ(layer_.client_count(), 0u);
}

TEST_F(RecoveryTest, AClientMayBeRemovedWhenItIsTold) {
  FakeSocket& bob = NewSocket("bob");
  RecoveredSession session;
  session.opened = {kEpoch, Offset(0)};
  session.rooms = {{"a", Offset(0), ""}};
  layer_.Recover(bob, session, sessions_,
                 [&](auto /*result*/) { layer_.RemoveClient(bob); });
  backplane_.Settle();
  EXPECT_EQ(layer_.client_count(), 0u);
  EXPECT_EQ(layer_.room_count(), 0u);
}

// The former self of a client may still be here.
TEST_F(RecoveryTest, ASocketMayMeetItsFormerSelf) {
  FakeSocket& former = ConnectRecoverable("bob");
  backplane_.Settle();
  FakeSocket& bob = NewSocket("bob");
  const auto outcome = Recover(bob, Offset(0), {{"", Offset(0), ""}}, "");
  backplane_.Settle();
  ASSERT_TRUE(outcome->has_value());
  layer_.RemoveClient(former);
  proto::Envelope envelope;
  envelope.add_rooms("bob");
  SayTo("", envelope, "hello");
  backplane_.Settle();
  EXPECT_THAT(Heard(bob), ElementsAre("hello@e-1"));
}

TEST_F(RecoveryTest, ASocketMayGoBeforeItsFormerSelf) {
  FakeSocket& former = ConnectRecoverable("bob");
  FakeSocket& bob = NewSocket("bob");
  const auto outcome = Recover(bob, Offset(0), {{"", Offset(0), ""}}, "");
  backplane_.Settle();
  ASSERT_TRUE(outcome->has_value());
  layer_.RemoveClient(bob);
  layer_.RemoveClient(former);
  EXPECT_EQ(layer_.client_count(), 0u);
}

}  // namespace
}  // namespace roomlog
