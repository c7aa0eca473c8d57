#include "broker/fanout/fanout.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/event_columns.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr NodeNumber kAnn(1);
constexpr NodeNumber kBen(2);
constexpr RoomId kLobby(10);
constexpr RoomId kAttic(20);
constexpr uint64_t kMuchCredit = 1 << 30;

struct Heard {
  uint64_t handle;
  uint64_t offset;
  uint64_t previous;
  friend bool operator==(const Heard&, const Heard&) = default;
  friend void PrintTo(const Heard& heard, std::ostream* out) {
    *out << "{" << heard.handle << ", " << heard.offset << ", "
         << heard.previous << "}";
  }
};

class FanoutTest : public ::testing::Test, private DeliverySink {
 protected:
  explicit FanoutTest(size_t recent_bytes_max = 1 << 20)
      : fanout_(*this, recent_bytes_max) {}

  // Adds a commit of one event for each of `rooms`, at the next offsets, and
  // ends the turn.
  void Commit(const std::vector<RoomId>& rooms, size_t packet_bytes = 1) {
    auto batch = std::make_shared<PublishBatch>();
    batch->packets = SharedBytes(std::string(packet_bytes, 'p'));
    auto commit = std::make_shared<roomlog::Commit>();
    commit->time_ms = 77;
    for (const RoomId room : rooms) {
      NewEvent event;
      event.room = room;
      event.offset = Offset(++last_offset_);
      event.packet = batch->packets.view();
      event.previous = std::exchange(heads_[room], event.offset);
      commit->events.push_back(event);
    }
    commit->batches.push_back(std::move(batch));
    fanout_.Add(std::move(commit));
    EndTurn();
  }
  void EndTurn() { fanout_.SendOn(&released_); }

  void Subscribe(NodeNumber node, uint64_t handle, RoomId room) {
    EXPECT_TRUE(
        fanout_.Subscribe(node, RoomHandle(handle), room, heads_[room]));
  }
  // The node has consumed all that it was sent, and the turn ends.
  void Consume(NodeNumber node) {
    fanout_.SetConsumed(node, bytes_[node]);
    EndTurn();
  }
  std::vector<uint64_t> OffsetsHeardBy(NodeNumber node) {
    std::vector<uint64_t> offsets;
    for (const Heard& heard : heard_[node]) offsets.push_back(heard.offset);
    return offsets;
  }
  static std::vector<uint64_t> UpTo(uint64_t last, uint64_t first = 1) {
    std::vector<uint64_t> offsets;
    for (uint64_t i = first; i <= last; ++i) offsets.push_back(i);
    return offsets;
  }

  Fanout fanout_;
  std::map<NodeNumber, std::vector<Heard>> heard_;
  std::map<NodeNumber, uint64_t> bytes_;
  std::map<NodeNumber, int> messages_;
  std::map<NodeNumber, int> told_lagging_;
  std::vector<RoomId> released_;

 private:
  size_t Deliver(NodeNumber node, proto::EventColumns events,
                 std::string packets) override {
    std::vector<EventView> views;
    EXPECT_TRUE(ReadEventColumns(events, packets, &views).ok());
    EXPECT_THAT(views.size(), Le(kEventsPerMessageMax));
    for (const EventView& view : views) {
      EXPECT_EQ(view.time_ms, 77);
      heard_[node].push_back(
          {view.room, view.offset.value(), view.previous.value()});
    }
    const size_t bytes = 10 + packets.size();
    EXPECT_THAT(bytes + events.ByteSizeLong(), Le(kMessageBytesMax));
    bytes_[node] += bytes;
    ++messages_[node];
    return bytes;
  }
  void TellLagging(NodeNumber node) override { ++told_lagging_[node]; }

  uint64_t last_offset_ = 0;
  std::map<RoomId, Offset> heads_;
};

TEST_F(FanoutTest, NodesGetWhatTheySubscribedToInOrder) {
  fanout_.AddNode(kAnn, kMuchCredit);
  fanout_.AddNode(kBen, kMuchCredit);
  Subscribe(kAnn, 1, kLobby);
  Subscribe(kAnn, 2, kAttic);
  Subscribe(kBen, 7, kAttic);
  Commit({kLobby, kAttic, RoomId(30), kLobby});
  Commit({kAttic});
  EXPECT_THAT(heard_[kAnn], ElementsAre(Heard{1, 1, 0}, Heard{2, 2, 0},
                                        Heard{1, 4, 1}, Heard{2, 5, 2}));
  EXPECT_THAT(heard_[kBen], ElementsAre(Heard{7, 2, 0}, Heard{7, 5, 2}));
  EXPECT_EQ(messages_[kAnn], 2);  // One for each commit.
}

TEST_F(FanoutTest, OnlyWhatIsBeyondTheHeadIsSent) {
  fanout_.AddNode(kAnn, kMuchCredit);
  ASSERT_TRUE(fanout_.Subscribe(kAnn, RoomHandle(1), kLobby, Offset(2)));
  Commit({kLobby, kLobby, kLobby});
  EXPECT_THAT(heard_[kAnn], ElementsAre(Heard{1, 3, 2}));
}

TEST_F(FanoutTest, RefusesWhatCannotBeSubscribed) {
  fanout_.AddNode(kAnn, kMuchCredit);
  Subscribe(kAnn, 1, kLobby);
  EXPECT_FALSE(fanout_.Subscribe(kAnn, RoomHandle(1), kAttic, Offset()));
  EXPECT_FALSE(fanout_.Subscribe(kBen, RoomHandle(1), kAttic, Offset()));
  EXPECT_EQ(fanout_.subscription_count(kAnn), 1u);
  EXPECT_EQ(fanout_.subscription_count(kBen), 0u);
  Commit({kAttic});
  EXPECT_THAT(heard_[kAnn], IsEmpty());
}

TEST_F(FanoutTest, UnsubscribedRoomsAreSilentAndGivenBack) {
  fanout_.AddNode(kAnn, kMuchCredit);
  fanout_.AddNode(kBen, kMuchCredit);
  Subscribe(kAnn, 1, kLobby);
  Subscribe(kAnn, 2, kAttic);
  Subscribe(kBen, 1, kLobby);
  EXPECT_EQ(fanout_.Unsubscribe(kAnn, RoomHandle(1)), kLobby);
  EXPECT_EQ(fanout_.Unsubscribe(kAnn, RoomHandle(1)), std::nullopt);
  EXPECT_EQ(fanout_.Unsubscribe(NodeNumber(9), RoomHandle(1)), std::nullopt);
  Commit({kLobby, kAttic});
  EXPECT_THAT(OffsetsHeardBy(kAnn), ElementsAre(2));
  EXPECT_THAT(OffsetsHeardBy(kBen), ElementsAre(1));
  EXPECT_THAT(fanout_.RemoveNode(kAnn), ElementsAre(kAttic));
  EXPECT_THAT(fanout_.RemoveNode(kAnn), IsEmpty());
  Commit({kLobby, kAttic});
  EXPECT_THAT(OffsetsHeardBy(kAnn), ElementsAre(2));
  EXPECT_THAT(OffsetsHeardBy(kBen), ElementsAre(1, 3));
}

TEST_F(FanoutTest, WithoutCreditNothingIsSentAndThenAllOfIt) {
  fanout_.AddNode(kAnn, 25);  // Two messages of 11 and a beginning.
  fanout_.AddNode(kBen, kMuchCredit);
  Subscribe(kAnn, 1, kLobby);
  Subscribe(kBen, 1, kLobby);
  for (int i = 0; i < 8; ++i) Commit({kLobby});
  EXPECT_FALSE(fanout_.HasCredit(kAnn));
  EXPECT_EQ(OffsetsHeardBy(kAnn), UpTo(3));
  EXPECT_EQ(OffsetsHeardBy(kBen), UpTo(8));  // Others see no delay.
  Consume(kAnn);
  EXPECT_EQ(OffsetsHeardBy(kAnn), UpTo(6));
  Commit({kLobby});  // Does not overtake what waits.
  EXPECT_EQ(OffsetsHeardBy(kAnn), UpTo(6));
  Consume(kAnn);
  Consume(kAnn);
  Commit({kLobby});
  EXPECT_EQ(OffsetsHeardBy(kAnn), UpTo(10));
  EXPECT_EQ(told_lagging_[kAnn], 0);
}

TEST_F(FanoutTest, CreditForWhatWasNeverSentIsNotGiven) {
  fanout_.AddNode(kAnn, 11);
  Subscribe(kAnn, 1, kLobby);
  fanout_.SetConsumed(kAnn, UINT64_MAX);
  Commit({kLobby});
  EXPECT_FALSE(fanout_.HasCredit(kAnn));
  fanout_.SetConsumed(kAnn, 5);
  EXPECT_TRUE(fanout_.HasCredit(kAnn));
  fanout_.SetConsumed(kAnn, 0);  // It never falls.
  EXPECT_TRUE(fanout_.HasCredit(kAnn));
  fanout_.UseCredit(kAnn, 5);
  EXPECT_FALSE(fanout_.HasCredit(kAnn));
}

TEST_F(FanoutTest, CommitOfSeveralMessagesIsSentOnceThoughCreditEndsInIt) {
  fanout_.AddNode(kAnn, 1);  // Used up by the first message of a commit.
  fanout_.AddNode(kBen, kMuchCredit);
  Subscribe(kAnn, 1, kLobby);
  Subscribe(kBen, 1, kLobby);
  const std::vector<RoomId> large(2 * kEventsPerMessageMax + 5, kLobby);
  Commit(large);
  EXPECT_EQ(messages_[kAnn], 3);
  EXPECT_EQ(OffsetsHeardBy(kAnn), UpTo(large.size()));
  // And once more, with Ann behind when it comes.
  Commit(large);
  EXPECT_EQ(OffsetsHeardBy(kAnn), UpTo(large.size()));
  Consume(kAnn);
  EXPECT_EQ(OffsetsHeardBy(kAnn), UpTo(2 * large.size()));
  EXPECT_EQ(OffsetsHeardBy(kBen), UpTo(2 * large.size()));
}

TEST_F(FanoutTest, LargePacketsAreCutIntoMessages) {
  fanout_.AddNode(kAnn, kMuchCredit);
  Subscribe(kAnn, 1, kLobby);
  Commit(std::vector<RoomId>(10, kLobby), kPacketBytesMax);
  EXPECT_THAT(messages_[kAnn], Gt(1));
  EXPECT_EQ(OffsetsHeardBy(kAnn), UpTo(10));
}

TEST_F(FanoutTest, RoomIsLeftOrJoinedWhileLagging) {
  fanout_.AddNode(kAnn, 1);
  Subscribe(kAnn, 1, kLobby);
  Subscribe(kAnn, 2, kAttic);
  Commit({kLobby});                      // 1 uses the credit up.
  Commit({kLobby, kAttic, RoomId(30)});  // 2 to 4 wait.
  EXPECT_EQ(fanout_.Unsubscribe(kAnn, RoomHandle(1)), kLobby);
  Subscribe(kAnn, 3, RoomId(30));  // From 4 on.
  Commit({kLobby, kAttic, RoomId(30)});
  Consume(kAnn);
  Consume(kAnn);
  EXPECT_THAT(heard_[kAnn], ElementsAre(Heard{1, 1, 0}, Heard{2, 3, 0},
                                        Heard{2, 6, 3}, Heard{3, 7, 4}));
}

TEST_F(FanoutTest, RecentCommitsAreFreedWhenNobodyLags) {
  fanout_.AddNode(kAnn, 1);
  fanout_.AddNode(kBen, kMuchCredit);
  Subscribe(kAnn, 1, kLobby);
  Commit({kLobby});
  EXPECT_EQ(fanout_.recent_bytes(), 0u);
  Commit({kLobby}, 1000);
  Commit({kLobby}, 1000);
  EXPECT_THAT(fanout_.recent_bytes(), Gt(2000u));
  Consume(kAnn);
  Consume(kAnn);
  EXPECT_EQ(fanout_.recent_bytes(), 0u);
  Consume(kAnn);
  Commit({kLobby}, 1000);
  Commit({kLobby}, 1000);
  EXPECT_THAT(fanout_.recent_bytes(), Gt(1000u));
  fanout_.RemoveNode(kAnn);
  EndTurn();
  EXPECT_EQ(fanout_.recent_bytes(), 0u);
}

TEST_F(FanoutTest, EmptyCommitsCostNothing) {
  fanout_.AddNode(kAnn, 1);
  Subscribe(kAnn, 1, kLobby);
  Commit({kLobby});
  Commit({});
  EXPECT_EQ(fanout_.recent_bytes(), 0u);
  Consume(kAnn);
  EXPECT_EQ(messages_[kAnn], 1);
}

constexpr size_t kLittleMemory = 10'000;

class FanoutWithLittleMemoryTest : public FanoutTest {
 protected:
  FanoutWithLittleMemoryTest() : FanoutTest(kLittleMemory) {}
};

TEST_F(FanoutWithLittleMemoryTest, NodeBehindTheRecentCommitsLosesItsRooms) {
  fanout_.AddNode(kAnn, 1);
  fanout_.AddNode(kBen, kMuchCredit);
  Subscribe(kAnn, 1, kLobby);
  Subscribe(kAnn, 2, kAttic);
  Subscribe(kBen, 1, kLobby);
  int commits = 0;
  while (told_lagging_[kAnn] == 0 && commits < 100) {
    Commit({kLobby}, 1000);
    ++commits;
    EXPECT_THAT(fanout_.recent_bytes(), Le(kLittleMemory));
    EXPECT_EQ(OffsetsHeardBy(kBen), UpTo(commits));
  }
  EXPECT_EQ(told_lagging_[kAnn], 1);
  EXPECT_EQ(told_lagging_[kBen], 0);
  EXPECT_THAT(released_, UnorderedElementsAre(kLobby, kAttic));
  EXPECT_EQ(fanout_.subscription_count(kAnn), 0u);
  EXPECT_EQ(OffsetsHeardBy(kAnn), UpTo(1));
  // It subscribes again, and is sent what comes from then on.
  Subscribe(kAnn, 3, kLobby);
  Consume(kAnn);
  Commit({kLobby});
  EXPECT_THAT(heard_[kAnn],
              ElementsAre(Heard{1, 1, 0},
                          Heard{3, uint64_t(commits) + 1, uint64_t(commits)}));
}

TEST_F(FanoutWithLittleMemoryTest, CommitBeyondTheWholeBoundIsSentAndNotKept) {
  fanout_.AddNode(kAnn, 1);
  fanout_.AddNode(kBen, kMuchCredit);
  Subscribe(kAnn, 1, kLobby);
  Subscribe(kBen, 1, kLobby);
  Commit({kLobby}, 2 * kLittleMemory);
  EXPECT_EQ(OffsetsHeardBy(kAnn), UpTo(1));
  EXPECT_EQ(OffsetsHeardBy(kBen), UpTo(1));
  EXPECT_EQ(fanout_.recent_bytes(), 0u);
  EXPECT_EQ(told_lagging_[kAnn], 0);
  Commit({kLobby}, 2 * kLittleMemory);  // Ann has no credit for this one.
  EXPECT_EQ(OffsetsHeardBy(kBen), UpTo(2));
  EXPECT_EQ(told_lagging_[kAnn], 1);
}

// A node whose reads used its credit up has nothing to wait for.
TEST_F(FanoutWithLittleMemoryTest, NodeWithoutRoomsHoldsUpNothing) {
  fanout_.AddNode(kAnn, 1);
  fanout_.UseCredit(kAnn, 100);
  for (int i = 0; i < 30; ++i) Commit({kLobby}, 1000);
  EXPECT_EQ(fanout_.recent_bytes(), 0u);
  EXPECT_EQ(told_lagging_[kAnn], 0);
}

TEST_F(FanoutTest, WhatCameBeforeASubscriptionIsNotSentOnToIt) {
  fanout_.AddNode(kAnn, /*credit_bytes=*/1);
  Subscribe(kAnn, 1, kLobby);
  Commit({kLobby});  // Uses up the credit.
  Commit({kAttic});
  // As if that was ephemeral: the head of the room tells nothing of it.
  EXPECT_TRUE(fanout_.Subscribe(kAnn, RoomHandle(2), kAttic, Offset(0)));
  Commit({kAttic});
  for (int i = 0; i < 4; ++i) Consume(kAnn);
  EXPECT_THAT(OffsetsHeardBy(kAnn), ElementsAre(1, 3));
}

}  // namespace
}  // namespace roomlog
