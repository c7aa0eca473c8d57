#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/application/application_on_a_loop.h"
#include "node/rooms/room_packet.h"
#include "test/fakes/fake_backplane.h"
#include "test/fakes/fake_socket.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr Epoch kEpoch(0xe);

// An event whose data is the number n is told as "n"; a gap as "gap {...}"; all
// else as it is.
std::string Short(const std::string& sent) {
  static constexpr absl::string_view kEvent = "2[\"m\",";
  static constexpr absl::string_view kGap = "2[\"roomlog:gap\",";
  if (absl::StartsWith(sent, kEvent)) {
    return sent.substr(kEvent.size(),
                       sent.find(',', kEvent.size()) - kEvent.size());
  }
  if (absl::StartsWith(sent, kGap)) {
    return absl::StrCat(
        "gap ", sent.substr(kGap.size(), sent.size() - kGap.size() - 1));
  }
  return sent;
}

std::string Joined(int ack_id, absl::string_view offset, int replayed,
                   absl::string_view gap = "null") {
  return absl::StrCat(ack_id, "[{\"ok\":true,\"room\":\"r\",\"offset\":\"",
                      offset, "\",\"replayed\":", replayed, ",\"gap\":", gap,
                      "}]");
}

std::string Gap(absl::string_view reason, absl::string_view from,
                absl::string_view to) {
  return absl::StrCat("{\"reason\":\"", reason, "\",\"from\":\"", from,
                      "\",\"to\":\"", to, "\"}");
}

std::string GapTold(absl::string_view reason, absl::string_view from,
                    absl::string_view to) {
  return absl::StrCat("gap {\"room\":\"r\",", Gap(reason, from, to).substr(1));
}

std::string Refused(int ack_id, absl::string_view code) {
  return absl::StrCat(ack_id, "[{\"ok\":false,\"error\":{\"code\":\"", code,
                      "\"");
}

// A node with its application, and a room "r" whose n-th event says n.
class RoomApplicationTest : public ::testing::Test {
 protected:
  FakeSocket& Connect(const std::string& name_space = "/") {
    sockets_.push_back(std::make_unique<FakeSocket>(
        absl::StrCat("socket", sockets_.size()), name_space));
    app_.OnConnect(*sockets_.back());
    return *sockets_.back();
  }

  // `arguments` without the name, as in `"r",{"last":5}`.
  void Emit(FakeSocket& socket, absl::string_view name,
            absl::string_view arguments,
            std::optional<uint64_t> ack_id = std::nullopt) {
    const std::string json =
        arguments.empty() ? absl::StrCat("[\"", name, "\"]")
                          : absl::StrCat("[\"", name, "\",", arguments, "]");
    app_.OnEvent(socket, {name, json, ack_id});
  }

  // Another node says the next `count` events in the room.
  void Say(int count = 1) {
    for (int i = 0; i < count; ++i) {
      backplane_.Append(room_, MakeRoomPacket("/", "m", absl::StrCat(++said_)));
    }
  }

  static std::vector<std::string> Heard(FakeSocket& socket) {
    std::vector<std::string> heard;
    for (const std::string& sent : socket.TakeSent()) {
      heard.push_back(Short(sent));
    }
    return heard;
  }

  // What joining so is told, once all has come to rest.
  std::vector<std::string> HeardOnJoining(absl::string_view options) {
    FakeSocket& socket = Connect();
    Emit(socket, "join", absl::StrCat("\"r\",", options), 1);
    backplane_.Settle();
    std::vector<std::string> heard = Heard(socket);
    app_.OnDisconnect(socket, "transport close");
    return heard;
  }

  const RoomKey room_ = *RoomKey::Make("/", "r");
  int said_ = 0;
  FakeBackplane backplane_{kEpoch};
  ApplicationOnALoop app_{{.node_name = "node \"1\""}, backplane_};
  std::vector<std::unique_ptr<FakeSocket>> sockets_;
};

TEST_F(RoomApplicationTest, MembersOfOneRoomHearWhatOneOfThemPublishes) {
  FakeSocket& ann = Connect();
  FakeSocket& bob = Connect();
  Emit(ann, "join", R"("r")", 1);
  Emit(bob, "join", R"("r")", 2);
  EXPECT_THAT(ann.TakeSent(), IsEmpty());
  backplane_.Settle();
  EXPECT_THAT(ann.TakeSent(), ElementsAre(Joined(1, "e-0", 0)));
  EXPECT_THAT(bob.TakeSent(), ElementsAre(Joined(2, "e-0", 0)));

  Emit(ann, "publish", R"("r","msg",{"a": 1},{"id":"x"})", 3);
  backplane_.Settle();
  const std::string event =
      R"(2["msg",{"a": 1},{"room":"r","id":"x","time":1000},"e-1"])";
  EXPECT_THAT(
      ann.TakeSent(),
      ElementsAre(event, R"(3[{"ok":true,"offset":"e-1","duplicate":false}])"));
  EXPECT_THAT(bob.TakeSent(), ElementsAre(event));
  EXPECT_EQ(ann.frames().back(), bob.frames().back());  // One frame for both.

  Emit(bob, "publish", R"("r","msg",2,{"id":"x"})", 4);
  backplane_.Settle();
  EXPECT_THAT(bob.TakeSent(),
              ElementsAre(R"(4[{"ok":true,"offset":"e-1","duplicate":true}])"));
  EXPECT_THAT(ann.TakeSent(), IsEmpty());
}

TEST_F(RoomApplicationTest, RoomsBelongToTheNamespaceOfTheSocket) {
  FakeSocket& here = Connect("/");
  FakeSocket& there = Connect("/chat");
  Emit(here, "join", R"("r")");
  Emit(there, "join", R"("r")");
  Emit(there, "publish", R"("r","m",1)");
  backplane_.Settle();
  EXPECT_THAT(here.TakeSent(), IsEmpty());
  EXPECT_THAT(
      there.TakeSent(),
      ElementsAre(
          R"(2/chat,["m",1,{"room":"r","id":null,"time":1000},"e-1"])"));
}

TEST_F(RoomApplicationTest, JoiningBringsTheHistoryThatWasAskedFor) {
  Say(5);
  const std::vector<std::pair<const char*, std::vector<std::string>>> cases = {
      {"{}", {Joined(1, "e-5", 0)}},
      {R"({"last":0})", {Joined(1, "e-5", 0)}},
      {R"({"last":2})", {"4", "5", Joined(1, "e-5", 2)}},
      {R"({"last":5})", {"1", "2", "3", "4", "5", Joined(1, "e-5", 5)}},
      {R"({"last":9})", {"1", "2", "3", "4", "5", Joined(1, "e-5", 5)}},
      {R"({"after":"e-0"})", {"1", "2", "3", "4", "5", Joined(1, "e-5", 5)}},
      {R"({"after":"e-3"})", {"4", "5", Joined(1, "e-5", 2)}},
      {R"({"after":"e-5"})", {Joined(1, "e-5", 0)}},
      {R"({"since":3001})", {"4", "5", Joined(1, "e-5", 2)}},
      {R"({"since":3000})", {"3", "4", "5", Joined(1, "e-5", 3)}},
      {R"({"since":-1})", {"1", "2", "3", "4", "5", Joined(1, "e-5", 5)}},
      {R"({"since":9000})", {Joined(1, "e-5", 0)}},
      {R"({"from":"start"})", {"1", "2", "3", "4", "5", Joined(1, "e-5", 5)}},
  };
  for (const size_t page_events_max : {1, 2, 5, 100}) {
    backplane_.set_page_events_max(page_events_max);
    for (const auto& [options, want] : cases) {
      EXPECT_THAT(HeardOnJoining(options), ElementsAreArray(want))
          << options << " in pages of " << page_events_max;
    }
  }
}

TEST_F(RoomApplicationTest, AnEmptyRoomHasNothingToReplay) {
  for (const char* options : {"{}", R"({"last":9})", R"({"after":"e-0"})",
                              R"({"since":0})", R"({"from":"start"})"}) {
    EXPECT_THAT(HeardOnJoining(options), ElementsAre(Joined(1, "e-0", 0)))
        << options;
  }
}

TEST_F(RoomApplicationTest, WhatRetentionTookIsToldAsAGap) {
  Say(5);
  backplane_.Trim(room_, Offset(3));
  const std::string from_start = Gap("retention", "e-0", "e-3");
  const std::vector<std::pair<const char*, std::vector<std::string>>> cases = {
      {"{}", {Joined(1, "e-5", 0)}},
      {R"({"last":2})", {"4", "5", Joined(1, "e-5", 2)}},
      {R"({"last":3})", {"4", "5", Joined(1, "e-5", 2, from_start)}},
      {R"({"after":"e-4"})", {"5", Joined(1, "e-5", 1)}},
      {R"({"after":"e-3"})", {"4", "5", Joined(1, "e-5", 2)}},
      {R"({"after":"e-2"})",
       {"4", "5", Joined(1, "e-5", 2, Gap("retention", "e-2", "e-3"))}},
      {R"({"after":"e-0"})", {"4", "5", Joined(1, "e-5", 2, from_start)}},
      {R"({"from":"start"})", {"4", "5", Joined(1, "e-5", 2, from_start)}},
      // 4 is still there and too old, so the older ones were not asked for.
      {R"({"since":5000})", {"5", Joined(1, "e-5", 1)}},
      {R"({"since":9000})", {Joined(1, "e-5", 0)}},
      // Whether 3 was asked for nobody knows any more.
      {R"({"since":4000})", {"4", "5", Joined(1, "e-5", 2, from_start)}},
  };
  for (const size_t page_events_max : {1, 100}) {
    backplane_.set_page_events_max(page_events_max);
    for (const auto& [options, want] : cases) {
      EXPECT_THAT(HeardOnJoining(options), ElementsAreArray(want))
          << options << " in pages of " << page_events_max;
    }
  }

  backplane_.Trim(room_, Offset(5));  // All of it.
  const std::string all = Gap("retention", "e-0", "e-5");
  for (const char* options :
       {R"({"last":1})", R"({"since":9000})", R"({"from":"start"})"}) {
    EXPECT_THAT(HeardOnJoining(options), ElementsAre(Joined(1, "e-5", 0, all)))
        << options;
  }
  EXPECT_THAT(HeardOnJoining(R"({"after":"e-5"})"),
              ElementsAre(Joined(1, "e-5", 0)));
}

TEST_F(RoomApplicationTest, WhatRetentionTakesDuringAReplayIsToldAsAGap) {
  Say(6);
  backplane_.set_page_events_max(2);
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r",{"after":"e-1"})", 1);
  backplane_.TakeRequest();
  backplane_.Deliver();
  backplane_.RunRead();
  backplane_.AnswerRead();
  backplane_.Trim(room_, Offset(5));
  backplane_.Settle();
  EXPECT_THAT(Heard(socket),
              ElementsAre("2", "3", "6",
                          Joined(1, "e-6", 3, Gap("retention", "e-3", "e-5"))));
}

TEST_F(RoomApplicationTest, OfTooLongAHistoryTheNewestIsReplayed) {
  constexpr int kMax = static_cast<int>(kReplayEventsMax);
  Say(kMax + 2);
  for (const char* options :
       {R"({"from":"start"})", R"({"since":0})", R"({"after":"e-0"})"}) {
    const std::vector<std::string> heard = HeardOnJoining(options);
    ASSERT_THAT(heard, SizeIs(kMax + 1)) << options;
    EXPECT_EQ(heard.front(), "3");
    EXPECT_EQ(heard.back(),
              Joined(1, "e-2712", kMax, Gap("limit", "e-0", "e-2")));
  }
  EXPECT_THAT(HeardOnJoining(R"({"last":10000})").back(),
              Joined(1, "e-2712", kMax));
  EXPECT_THAT(HeardOnJoining(R"({"after":"e-2"})").back(),
              Joined(1, "e-2712", kMax));
}

TEST_F(RoomApplicationTest, AnOffsetOfAnotherEpochBringsAllThereIs) {
  Say(2);
  EXPECT_THAT(
      HeardOnJoining(R"({"after":"f-1"})"),
      ElementsAre("1", "2", Joined(1, "e-2", 2, Gap("epoch", "f-1", "e-0"))));
  backplane_.Trim(room_, Offset(1));
  EXPECT_THAT(
      HeardOnJoining(R"({"after":"f-1"})"),
      ElementsAre("2", Joined(1, "e-2", 1, Gap("epoch", "f-1", "e-1"))));
}

TEST_F(RoomApplicationTest, AnOffsetBeyondTheLogIsRefused) {
  Say(2);
  EXPECT_THAT(HeardOnJoining(R"({"after":"e-3"})"),
              ElementsAre(StartsWith(Refused(1, "bad_offset"))));
  EXPECT_EQ(app_.room_count(), 0u);
  EXPECT_EQ(backplane_.rooms_followed(), 0u);
}

TEST_F(RoomApplicationTest, AnOffsetMayComeFromAnotherRoom) {
  Say(1);
  const RoomKey other = *RoomKey::Make("/", "other");
  backplane_.Append(other, MakeRoomPacket("/", "m", "0"));
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("other")");
  backplane_.Settle();
  Emit(socket, "join", R"("r",{"after":"e-2"})", 1);
  backplane_.Settle();
  Say(1);
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre(Joined(1, "e-2", 0), "2"));
}

// What a member hears between asking and the answer is not history to it.
TEST_F(RoomApplicationTest, AMemberIsNotSentAgainWhatCameSinceItJoined) {
  Say(1);
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r")", 1);
  backplane_.Settle();
  Say(2);
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre(Joined(1, "e-1", 0), "2", "3"));
  Emit(socket, "join", R"("r",{"after":"e-2"})", 2);
  EXPECT_THAT(Heard(socket), ElementsAre(Joined(2, "e-3", 0)));
  Say(1);
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre("4"));
}

TEST_F(RoomApplicationTest, WhoLeftIsSentWhatCameSinceItJoined) {
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r")");
  backplane_.Settle();
  Say(2);
  backplane_.Settle();
  Heard(socket);
  Emit(socket, "leave", R"("r")");
  Emit(socket, "join", R"("r",{"after":"e-1"})", 2);
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre("2", Joined(2, "e-2", 1)));
}

TEST_F(RoomApplicationTest, AMemberIsSentAgainWhatWasToldToBeMissing) {
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r")", 1);
  backplane_.Settle();
  Say(2);
  backplane_.LoseDeliveries(room_, GapReason::kDamage);
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre(Joined(1, "e-0", 0),
                                         GapTold("damage", "e-0", "e-2")));
  Emit(socket, "join", R"("r",{"after":"e-0"})", 2);
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre("1", "2", Joined(2, "e-2", 2)));
}

// A client that was on a node that is ahead must not hear twice here what it
// heard there.
TEST_F(RoomApplicationTest, AnOffsetMayBeAheadOfWhatThisNodeHasSeen) {
  Say(1);
  FakeSocket& first = Connect();
  Emit(first, "join", R"("r")");
  backplane_.Settle();
  Say(3);  // On their way to this node.
  FakeSocket& second = Connect();
  Emit(second, "join", R"("r",{"after":"e-3"})", 1);
  backplane_.RunRead();
  backplane_.AnswerRead();
  EXPECT_THAT(Heard(second), ElementsAre(Joined(1, "e-3", 0)));
  backplane_.Settle();
  EXPECT_THAT(Heard(second), ElementsAre("4"));
  EXPECT_THAT(Heard(first), ElementsAre("2", "3", "4"));
}

TEST_F(RoomApplicationTest, AMemberAheadOfItsNodeMayAskForThePastAgain) {
  Say(1);
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r")");
  backplane_.Settle();
  Say(3);  // On their way to this node.
  Emit(socket, "join", R"("r",{"after":"e-3"})", 1);
  backplane_.RunRead();
  backplane_.AnswerRead();
  Emit(socket, "join", R"("r")", 2);
  Emit(socket, "join", R"("r",{"after":"e-0"})", 3);
  backplane_.RunRead();
  backplane_.AnswerRead();
  backplane_.Settle();
  EXPECT_THAT(Heard(socket),
              ElementsAre(Joined(1, "e-3", 0), Joined(2, "e-3", 0), "1",
                          Joined(3, "e-1", 1), "2", "3", "4"));
}

// ---- The seam between past and present ----

TEST_F(RoomApplicationTest, WhatIsSaidWhileThePastIsReadComesAfterIt) {
  Say(2);
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r",{"from":"start"})", 1);
  backplane_.TakeRequest();
  Say();  // After the broker subscribed, before the node knows.
  backplane_.Deliver();
  Say();  // After the node knows, before the broker reads.
  backplane_.RunRead();
  Say();  // After the broker has read.
  while (backplane_.Deliver()) {
  }
  EXPECT_THAT(Heard(socket), IsEmpty());
  backplane_.AnswerRead();
  EXPECT_THAT(Heard(socket),
              ElementsAre("1", "2", Joined(1, "e-2", 2), "3", "4", "5"));
  Say();
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre("6"));
}

TEST_F(RoomApplicationTest, MoreThanIsHeldMeanwhileIsReadFromTheLog) {
  Say(1);
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r",{"last":1})", 1);
  backplane_.TakeRequest();
  backplane_.Deliver();
  const int more = static_cast<int>(kHeldEventsMax) + 5;
  Say(more);
  while (backplane_.Deliver()) {
  }
  backplane_.Settle();
  const std::vector<std::string> heard = Heard(socket);
  ASSERT_THAT(heard, SizeIs(1 + 1 + more));
  EXPECT_EQ(heard[0], "1");
  EXPECT_EQ(heard[1], Joined(1, "e-1", 1));
  for (int i = 2; i < more + 2; ++i) EXPECT_EQ(heard[i], absl::StrCat(i));
}

TEST_F(RoomApplicationTest, RequestsForOneRoomAreDoneInTheirOrder) {
  Say(2);
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r",{"last":1})", 1);
  Emit(socket, "join", R"("r",{"last":2})", 2);
  Emit(socket, "leave", R"("r")", 3);
  Emit(socket, "join", R"("r")", 4);
  Emit(socket, "leave", R"("r")", 5);
  Emit(socket, "leave", R"("r")", 6);
  backplane_.Settle();
  EXPECT_THAT(
      Heard(socket),
      ElementsAre("2", Joined(1, "e-2", 1), "1", "2", Joined(2, "e-2", 2),
                  "3[{\"ok\":true}]", Joined(4, "e-2", 0), "5[{\"ok\":true}]",
                  "6[{\"ok\":true}]"));
  EXPECT_EQ(app_.room_count(), 0u);
  EXPECT_EQ(backplane_.rooms_followed(), 0u);
}

TEST_F(RoomApplicationTest, AMemberWhoJoinsAgainHearsThePastAgain) {
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r")", 1);
  backplane_.Settle();
  Say(2);
  backplane_.Settle();
  Heard(socket);
  Emit(socket, "join", R"("r",{"last":1})", 2);
  Say();
  while (backplane_.Deliver()) {
  }
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre("2", Joined(2, "e-2", 1), "3"));
  // And one who joins again wrongly stays a member.
  Emit(socket, "join", R"("r",{"after":"e-9"})", 3);
  Say();
  backplane_.Settle();
  EXPECT_THAT(Heard(socket),
              ElementsAre(StartsWith(Refused(3, "bad_offset")), "4"));
}

TEST_F(RoomApplicationTest, WhoLeavesHearsNoMore) {
  FakeSocket& ann = Connect();
  FakeSocket& bob = Connect();
  Emit(ann, "join", R"("r")");
  Emit(bob, "join", R"("r")");
  backplane_.Settle();
  Emit(ann, "leave", R"("r")");
  Say();
  backplane_.Settle();
  EXPECT_THAT(Heard(ann), IsEmpty());
  EXPECT_THAT(Heard(bob), ElementsAre("1"));
  app_.OnDisconnect(bob, "transport close");
  EXPECT_EQ(backplane_.rooms_followed(), 0u);
  EXPECT_EQ(app_.client_count(), 1u);
}

TEST_F(RoomApplicationTest, AnswersThatComeTooLateFindNobody) {
  Say(3);
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r",{"last":2})", 1);
  Emit(socket, "publish", R"("r","m",9)", 2);
  Emit(socket, "history", R"("r")", 3);
  backplane_.TakeRequest();
  backplane_.Deliver();
  backplane_.RunRead();
  backplane_.RunRead();
  app_.OnDisconnect(socket, "transport close");
  sockets_.clear();
  backplane_.Settle();
  EXPECT_EQ(app_.client_count(), 0u);
  EXPECT_EQ(app_.room_count(), 0u);
}

TEST_F(RoomApplicationTest, ARoomFollowedAnewIgnoresReadsOfItsFormerLife) {
  Say(3);
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r",{"last":1})", 1);
  backplane_.Settle();
  Heard(socket);
  Emit(socket, "join", R"("r",{"last":3})", 2);
  backplane_.RunRead();  // Its page stays on the way.
  app_.OnDisconnect(socket, "transport close");
  app_.OnConnect(socket);
  Emit(socket, "join", R"("r",{"last":2})", 3);
  backplane_.TakeRequest();
  backplane_.Deliver();
  backplane_.AnswerRead();  // The old one.
  EXPECT_THAT(Heard(socket), IsEmpty());
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre("2", "3", Joined(3, "e-3", 2)));
}

// ---- Clients that cannot keep up ----

TEST_F(RoomApplicationTest, ASlowMemberIsSentTheRestWhenItHasRoom) {
  FakeSocket& slow = Connect();
  FakeSocket& quick = Connect();
  Emit(slow, "join", R"("r")");
  Emit(quick, "join", R"("r")");
  backplane_.Settle();
  Say();
  backplane_.Settle();
  slow.StopReading();
  slow.QueueBytes(kClientBufferBytesMax + 1);
  Say(3);
  backplane_.Settle();
  EXPECT_THAT(Heard(quick), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(Heard(slow), ElementsAre("1"));
  slow.Read(app_);
  EXPECT_EQ(backplane_.reads_waiting(), 0u);  // They were held.
  EXPECT_THAT(Heard(slow), ElementsAre("2", "3", "4"));

  slow.StopReading();
  slow.QueueBytes(kClientBufferBytesMax + 1);
  const int more = static_cast<int>(kHeldEventsMax) * 2;
  Say(more);
  backplane_.Settle();
  EXPECT_THAT(Heard(slow), IsEmpty());
  slow.Read(app_);
  backplane_.Settle();
  EXPECT_THAT(Heard(slow), SizeIs(more));
  Say();
  backplane_.Settle();
  EXPECT_THAT(Heard(slow), ElementsAre(absl::StrCat(said_)));
}

TEST_F(RoomApplicationTest, ASlowMemberLearnsWhatRetentionTookMeanwhile) {
  FakeSocket& slow = Connect();
  Emit(slow, "join", R"("r")");
  Say(1);
  backplane_.Settle();
  Heard(slow);
  slow.QueueBytes(kClientBufferBytesMax + 1);
  Say(static_cast<int>(kHeldEventsMax) + 10);
  backplane_.Settle();
  backplane_.Trim(room_, Offset(8));
  slow.Read(app_);
  backplane_.Settle();
  const std::vector<std::string> heard = Heard(slow);
  ASSERT_THAT(heard, SizeIs(kHeldEventsMax + 10 - 7 + 1));
  EXPECT_EQ(heard[0], GapTold("retention", "e-1", "e-8"));
  EXPECT_EQ(heard[1], "9");
}

TEST_F(RoomApplicationTest, AReplayGoesNoFasterThanItsClientReads) {
  const std::string large(300'000, 'x');
  for (int i = 0; i < 12; ++i) {
    backplane_.Append(
        room_, MakeRoomPacket("/", "m", absl::StrCat("\"", large, "\"")));
  }
  FakeSocket& socket = Connect();
  socket.StopReading();
  Emit(socket, "join", R"("r",{"from":"start"})", 1);
  size_t heard = 0;
  for (int reads = 0; reads < 20 && heard < 13; ++reads) {
    backplane_.Settle();
    EXPECT_LE(socket.queued_bytes(), kClientBufferBytesMax + 400'000);
    heard += socket.TakeSent().size();
    socket.Read(app_);
    socket.StopReading();
  }
  EXPECT_EQ(heard, 13u);
}

TEST_F(RoomApplicationTest, HistoryWaitsForAClientThatIsFull) {
  Say(1);
  FakeSocket& socket = Connect();
  Emit(socket, "history", R"("r")", 1);
  backplane_.RunRead();
  socket.QueueBytes(kClientBufferBytesMax + 1);
  backplane_.AnswerRead();
  EXPECT_THAT(socket.TakeSent(), IsEmpty());
  EXPECT_EQ(backplane_.reads_waiting(), 0u);
  socket.Read(app_);
  backplane_.Settle();
  EXPECT_THAT(socket.TakeSent(), ElementsAre(StartsWith("1[{\"ok\":true")));
}

// ---- When the link tells of trouble ----

TEST_F(RoomApplicationTest, MembersLearnWhatTheLinkMissed) {
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r")");
  backplane_.Settle();
  Say(1);
  backplane_.Settle();
  Say(3);
  backplane_.LoseDeliveries(room_, GapReason::kRetention);
  Say(1);
  backplane_.Settle();
  EXPECT_THAT(Heard(socket),
              ElementsAre("1", GapTold("retention", "e-1", "e-4"), "5"));
}

TEST_F(RoomApplicationTest, MembersLearnOfANewEpoch) {
  FakeSocket& live = Connect();
  FakeSocket& slow = Connect();
  Emit(live, "join", R"("r")");
  Emit(slow, "join", R"("r")");
  backplane_.Settle();
  Say(1);
  backplane_.Settle();
  slow.QueueBytes(kClientBufferBytesMax + 1);
  Say(1);
  backplane_.Settle();
  backplane_.BeginEpoch(Epoch(0xf));
  backplane_.Settle();
  EXPECT_THAT(Heard(live),
              ElementsAre("1", "2", GapTold("epoch", "e-2", "f-2")));
  EXPECT_THAT(Heard(slow), ElementsAre("1", GapTold("epoch", "e-1", "f-2")));
  slow.Read(app_);
  Say(1);
  backplane_.Settle();
  EXPECT_THAT(Heard(live), ElementsAre("3"));
  EXPECT_THAT(Heard(slow), ElementsAre("3"));
}

TEST_F(RoomApplicationTest, AJoinInANewEpochBeginsAnew) {
  Say(4);
  backplane_.set_page_events_max(2);
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r",{"after":"e-0"})", 1);
  backplane_.TakeRequest();
  backplane_.Deliver();
  backplane_.RunRead();
  backplane_.AnswerRead();
  EXPECT_THAT(Heard(socket), ElementsAre("1", "2"));
  backplane_.BeginEpoch(Epoch(0xf));
  // The page of the new epoch comes before the news of it.
  backplane_.RunRead();
  backplane_.AnswerRead();
  EXPECT_THAT(Heard(socket), IsEmpty());
  backplane_.Settle();
  EXPECT_THAT(Heard(socket),
              ElementsAre("1", "2", "3", "4",
                          Joined(1, "f-4", 4, Gap("epoch", "e-0", "f-0"))));
}

TEST_F(RoomApplicationTest, AMemberJoiningAnewInANewEpochHearsOfTheGapToo) {
  Say(2);
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r")");
  backplane_.Settle();
  Heard(socket);
  Emit(socket, "join", R"("r",{"last":1})", 1);
  backplane_.BeginEpoch(Epoch(0xf));
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre(GapTold("epoch", "e-2", "f-2"), "2",
                                         Joined(1, "f-2", 1)));
}

TEST_F(RoomApplicationTest, AJoinByOffsetOfTheEpochThatIsAboutToBe) {
  Say(4);
  FakeSocket& first = Connect();
  Emit(first, "join", R"("r")");
  backplane_.Settle();
  backplane_.BeginEpoch(Epoch(0xf));
  FakeSocket& socket = Connect();
  // Another node had the news already.
  Emit(socket, "join", R"("r",{"after":"f-3"})", 1);
  backplane_.RunRead();
  backplane_.AnswerRead();
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre("4", Joined(1, "f-4", 1)));
}

TEST_F(RoomApplicationTest, ARoomThatCannotBeFollowedIsRefused) {
  const std::vector<std::pair<absl::Status, const char*>> cases = {
      {absl::ResourceExhaustedError("too many rooms"), "limit"},
      {absl::InvalidArgumentError("no"), "bad_room"},
      {absl::UnavailableError("closing"), "unavailable"},
  };
  for (const auto& [status, code] : cases) {
    backplane_.FailFollows(status);
    FakeSocket& socket = Connect();
    Emit(socket, "join", R"("r")", 1);
    Emit(socket, "join", R"("r",{"last":1})", 2);
    Emit(socket, "leave", R"("r")", 3);
    backplane_.Settle();
    EXPECT_THAT(socket.TakeSent(),
                ElementsAre(StartsWith(Refused(1, code)),
                            StartsWith(Refused(2, code)), "3[{\"ok\":true}]"));
    EXPECT_EQ(app_.room_count(), 0u);
  }
}

TEST_F(RoomApplicationTest, MembersOfARoomThatIsLostForAWhileMissNothing) {
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r")");
  backplane_.Settle();
  Say(1);
  backplane_.Settle();
  backplane_.RefuseRoom(room_, absl::ResourceExhaustedError("full"));
  backplane_.Settle();
  Say(2);
  FakeSocket& late = Connect();
  Emit(late, "join", R"("r",{"last":1})", 1);  // Waits with the others.
  backplane_.Settle();
  app_.OnTick();
  backplane_.Settle();
  Say(1);
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(Heard(late), ElementsAre("3", Joined(1, "e-3", 1), "4"));
}

TEST_F(RoomApplicationTest, AJoinWhosePastCannotBeReadIsRefused) {
  Say(2);
  for (const absl::Status& status :
       {absl::UnavailableError("busy"), absl::DataLossError("damaged")}) {
    backplane_.FailReads(status);
    EXPECT_THAT(HeardOnJoining(R"({"last":1})"),
                ElementsAre(StartsWith(Refused(1, "unavailable"))));
    EXPECT_EQ(app_.room_count(), 0u);
  }
}

TEST_F(RoomApplicationTest, ASlowMemberOutlivesReadsThatFail) {
  const int more = static_cast<int>(kHeldEventsMax) + 10;
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r")");
  backplane_.Settle();
  socket.QueueBytes(kClientBufferBytesMax + 1);
  Say(more);
  backplane_.Settle();
  backplane_.FailReads(absl::UnavailableError("busy"));
  socket.Read(app_);
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), IsEmpty());
  backplane_.FailReads(absl::OkStatus());
  app_.OnTick();
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), SizeIs(more));

  socket.QueueBytes(kClientBufferBytesMax + 1);
  Say(more);
  backplane_.Settle();
  backplane_.FailReads(absl::DataLossError("damaged"));
  socket.Read(app_);
  backplane_.Settle();
  Say(1);
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre(GapTold("damage", "e-40a", "e-814"),
                                         absl::StrCat(said_)));
}

// ---- Publishing and history ----

TEST_F(RoomApplicationTest, PublishesReachTheLogInTheirOrderAndNeedNoMember) {
  FakeSocket& socket = Connect();
  for (int i = 1; i <= 5; ++i) {
    Emit(socket, "publish", absl::StrCat(R"("r","m",)", i));
  }
  Emit(socket, "join", R"("r",{"from":"start"})");
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre("1", "2", "3", "4", "5"));
}

TEST_F(RoomApplicationTest, PublishersLearnWhyNot) {
  const std::vector<std::pair<absl::Status, const char*>> cases = {
      {absl::ResourceExhaustedError("x"), "limit"},
      {absl::InvalidArgumentError("x"), "bad_request"},
      {absl::UnavailableError("x"), "unavailable"},
      {absl::DataLossError("x"), "unavailable"},
  };
  FakeSocket& socket = Connect();
  for (const auto& [status, code] : cases) {
    backplane_.FailPublishes(status);
    Emit(socket, "publish", R"("r","m",1)", 1);
    Emit(socket, "publish", R"("r","m",1)");  // Nobody to tell.
    backplane_.Settle();
    EXPECT_THAT(socket.TakeSent(), ElementsAre(StartsWith(Refused(1, code))));
  }
}

TEST_F(RoomApplicationTest, HistoryIsPagedBothWaysToItsExactEnds) {
  Say(5);
  struct Case {
    const char* options;
    std::vector<int> events;
    bool more;
    std::string gap = "null";
  };
  const auto check = [this](const std::vector<Case>& cases) {
    for (const Case& wanted : cases) {
      FakeSocket& socket = Connect();
      Emit(socket, "history", absl::StrCat("\"r\",", wanted.options), 1);
      backplane_.Settle();
      std::string want = "1[{\"ok\":true,\"events\":[";
      for (const int event : wanted.events) {
        absl::StrAppend(&want, want.back() == '[' ? "" : ",",
                        "{\"event\":\"m\",\"data\":", event,
                        ",\"meta\":{\"room\":\"r\",\"id\":null,\"time\":",
                        event * 1000, "},\"offset\":\"e-", event, "\"}");
      }
      absl::StrAppend(&want, "],\"more\":", wanted.more ? "true" : "false",
                      ",\"gap\":", wanted.gap, "}]");
      EXPECT_THAT(socket.TakeSent(), ElementsAre(want)) << wanted.options;
    }
  };
  check({
      {"{}", {5, 4, 3, 2, 1}, false},
      {"null", {5, 4, 3, 2, 1}, false},
      {R"({"limit":2})", {5, 4}, true},
      {R"({"before":"e-4","limit":2})", {3, 2}, true},
      {R"({"before":"e-2","limit":2})", {1}, false},
      {R"({"before":"e-4","limit":3})", {3, 2, 1}, false},
      {R"({"before":"e-1"})", {}, false},
      {R"({"before":"e-0"})", {}, false},
      {R"({"before":"e-99"})", {5, 4, 3, 2, 1}, false},
      {R"({"after":"e-0","limit":2})", {1, 2}, true},
      {R"({"after":"e-2","limit":3})", {3, 4, 5}, false},
      {R"({"after":"e-5"})", {}, false},
      {R"({"after":"e-99"})", {}, false},
  });
  backplane_.Trim(room_, Offset(3));
  check({
      {R"({"limit":2})", {5, 4}, false},
      {R"({"limit":3})", {5, 4}, false, Gap("retention", "e-0", "e-3")},
      {R"({"before":"e-3"})", {}, false, Gap("retention", "e-0", "e-2")},
      {R"({"after":"e-3"})", {4, 5}, false},
      {R"({"after":"e-2","limit":1})",
       {4},
       true,
       Gap("retention", "e-2", "e-3")},
  });
}

TEST_F(RoomApplicationTest, HistoryOfAnotherEpochIsRefused) {
  Say(1);
  FakeSocket& socket = Connect();
  Emit(socket, "history", R"("r",{"after":"f-0"})", 1);
  Emit(socket, "history", R"("r",{"before":"f-9"})", 2);
  backplane_.Settle();
  EXPECT_THAT(socket.TakeSent(),
              ElementsAre(StartsWith(Refused(1, "bad_offset")),
                          StartsWith(Refused(2, "bad_offset"))));
}

TEST_F(RoomApplicationTest, APageOfHistoryIsBoundedInBytesButNeverEmpty) {
  const std::string data = absl::StrCat("\"", std::string(300'000, 'x'), "\"");
  const std::string huge = absl::StrCat("\"", std::string(900'000, 'x'), "\"");
  backplane_.Append(room_, MakeRoomPacket("/", "m", data));
  backplane_.Append(room_, MakeRoomPacket("/", "m", data));
  backplane_.Append(room_, MakeRoomPacket("/", "m", huge));
  FakeSocket& socket = Connect();
  for (const char* options :
       {"{}", R"({"before":"e-3"})", R"({"after":"e-0"})"}) {
    Emit(socket, "history", absl::StrCat("\"r\",", options), 1);
    backplane_.Settle();
    EXPECT_THAT(socket.TakeSent(), ElementsAre(HasSubstr("\"more\":true")))
        << options;
  }
}

// ---- Bounds, and what is no request ----

TEST_F(RoomApplicationTest, RequestsOfOneClientAreBounded) {
  FakeSocket& socket = Connect();
  for (size_t i = 0; i < kUnansweredRequestsPerClientMax; ++i) {
    Emit(socket, "publish", R"("r","m",1)");
  }
  Emit(socket, "publish", R"("r","m",1)", 1);
  Emit(socket, "join", R"("r")", 2);
  EXPECT_THAT(socket.TakeSent(), ElementsAre(StartsWith(Refused(1, "limit")),
                                             StartsWith(Refused(2, "limit"))));
  backplane_.Settle();
  Emit(socket, "publish", R"("r","m",1)", 3);
  backplane_.Settle();
  EXPECT_THAT(socket.TakeSent(), ElementsAre(StartsWith("3[{\"ok\":true")));
}

TEST_F(RoomApplicationTest, RoomsOfOneClientAreBounded) {
  FakeSocket& socket = Connect();
  for (size_t i = 0; i < kRoomsPerClientMax; ++i) {
    Emit(socket, "join", absl::StrCat("\"room ", i, "\""));
  }
  backplane_.Settle();
  Emit(socket, "join", R"("one more")", 1);
  Emit(socket, "join", R"("room 0")", 2);  // Is in it already.
  Emit(socket, "leave", R"("room 1")");
  Emit(socket, "join", R"("one more")", 3);
  backplane_.Settle();
  EXPECT_THAT(socket.TakeSent(), ElementsAre(StartsWith(Refused(1, "limit")),
                                             StartsWith("2[{\"ok\":true"),
                                             StartsWith("3[{\"ok\":true")));
}

TEST_F(RoomApplicationTest, ReadsOfOneClientAreBounded) {
  FakeSocket& socket = Connect();
  for (int i = 0; i < 20; ++i) Emit(socket, "history", R"("r")", i);
  EXPECT_EQ(backplane_.reads_waiting(), kReadsPerClientMax);
  backplane_.Settle();
  EXPECT_THAT(socket.TakeSent(), SizeIs(20));
}

TEST_F(RoomApplicationTest, TellsWhichNodeItIs) {
  FakeSocket& socket = Connect();
  Emit(socket, "node", "", 1);
  EXPECT_THAT(socket.TakeSent(),
              ElementsAre(R"(1[{"ok":true,"node":"node \"1\""}])"));
}

TEST_F(RoomApplicationTest, WhatIsNoRequestIsAnsweredIfItCanBe) {
  FakeSocket& socket = Connect();
  Emit(socket, "shout", "", 1);
  Emit(socket, "shout", "");
  Emit(socket, "join", "", 2);
  Emit(socket, "join", "");
  EXPECT_THAT(socket.TakeSent(),
              ElementsAre(StartsWith(Refused(1, "bad_request")),
                          StartsWith(Refused(2, "bad_request"))));
}

TEST_F(RoomApplicationTest, WhatCannotBeSentAsTextIsLeftOutAndCounted) {
  FakeSocket& socket = Connect();
  Emit(socket, "join", R"("r")");
  backplane_.Settle();
  backplane_.Append(room_, "no packet");
  backplane_.Append(room_, MakeRoomPacket("/elsewhere", "m", "1"));
  Say(1);
  backplane_.Settle();
  EXPECT_THAT(Heard(socket), ElementsAre("1"));
  EXPECT_EQ(app_.unsendable_events(), 2u);
}

}  // namespace
}  // namespace roomlog
