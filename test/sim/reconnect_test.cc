// Nodes that lose the broker, and find it again.
#include <string>
#include <vector>

#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/sim/cluster.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Long enough for any lease to end and any greeting to be repeated.
constexpr absl::Duration kLongEnough = absl::Seconds(15);

TEST(ReconnectTest, NodesHearEachOtherAndThemselvesInOneOrder) {
  Cluster cluster({.seed = 3, .node_count = 2});
  for (const int i : {0, 1}) cluster.node(i).Join("lobby");
  cluster.Run(absl::Seconds(1));
  for (int n = 0; n < 20; ++n) {
    cluster.node(n % 2).Emit("lobby", absl::StrCat(n));
  }
  cluster.Run(absl::Seconds(1));
  EXPECT_THAT(cluster.node(0).received("lobby"), SizeIs(20));
  EXPECT_EQ(cluster.node(0).received("lobby"),
            cluster.node(1).received("lobby"));
}

TEST(ReconnectTest, NodeThatWasCutOffGetsWhatItMissedOnceAndInOrder) {
  Cluster cluster({.seed = 7, .node_count = 2});
  cluster.node(1).Join("lobby");
  cluster.Run(absl::Seconds(1));
  cluster.network().Cut("node-1");
  cluster.node(0).Emit("lobby", "a");
  cluster.Run(kLongEnough);
  EXPECT_THAT(cluster.node(1).received("lobby"), IsEmpty());
  cluster.node(0).Emit("lobby", "b");
  cluster.network().Heal("node-1");
  cluster.Run(kLongEnough);
  EXPECT_THAT(cluster.node(1).received("lobby"), ElementsAre("a", "b"));
  EXPECT_THAT(cluster.node(1).gaps(), IsEmpty());
}

TEST(ReconnectTest, WhatOneWayLostIsNoticedWithoutAnotherEvent) {
  Cluster cluster({.seed = 8, .node_count = 2});
  cluster.node(1).Join("lobby");
  cluster.Run(absl::Seconds(1));
  // Too short for any lease: nothing but the missing message tells of it.
  cluster.network().CutTo("node-1");
  cluster.node(0).Emit("lobby", "a");
  cluster.Run(absl::Milliseconds(100));
  cluster.network().Heal("node-1");
  cluster.Run(absl::Seconds(3));
  EXPECT_THAT(cluster.node(1).received("lobby"), ElementsAre("a"));
}

TEST(ReconnectTest, PublishesLostOnTheWayAreSentAgain) {
  Cluster cluster({.seed = 9, .node_count = 2});
  cluster.node(1).Join("lobby");
  cluster.Run(absl::Seconds(1));
  cluster.network().CutFrom("node-0");
  cluster.node(0).Emit("lobby", "a");
  cluster.Run(absl::Milliseconds(100));
  cluster.network().Heal("node-0");
  cluster.node(0).Emit("lobby", "b");
  cluster.Run(kLongEnough);
  EXPECT_THAT(cluster.node(1).received("lobby"), ElementsAre("a", "b"));
  EXPECT_THAT(cluster.node(0).acknowledged(), SizeIs(2));
}

TEST(ReconnectTest, EventsOfSeveralRoomsKeepTheirOrderWhileCatchingUp) {
  Cluster cluster({.seed = 10, .node_count = 2});
  for (int r = 0; r < 5; ++r) cluster.node(1).Join(absl::StrCat("room-", r));
  cluster.Run(absl::Seconds(1));
  cluster.network().Cut("node-1");
  for (int n = 0; n < 50; ++n) {
    cluster.node(0).Emit(absl::StrCat("room-", n % 5), absl::StrCat(n));
  }
  cluster.Run(kLongEnough);
  cluster.network().Heal("node-1");
  for (int n = 50; n < 100; ++n) {
    cluster.node(0).Emit(absl::StrCat("room-", n % 5), absl::StrCat(n));
    cluster.Run(absl::Milliseconds(20));
  }
  cluster.Run(kLongEnough);
  ASSERT_THAT(cluster.node(1).heard(), SizeIs(100));
  for (int n = 0; n < 100; ++n) {
    EXPECT_EQ(cluster.node(1).heard()[n].text, absl::StrCat(n));
  }
}

TEST(ReconnectTest, BrokerKilledAmongPublishesLosesAndDoublesNothing) {
  for (const bool power_loss : {false, true}) {
    Cluster cluster({.seed = 11, .node_count = 2});
    for (const int i : {0, 1}) cluster.node(i).Join("lobby");
    cluster.Run(absl::Seconds(1));
    for (int n = 0; n < 300; ++n) {
      cluster.node(n % 2).Emit("lobby", absl::StrCat(n));
      if (n % 50 == 25) {
        cluster.KillBroker(power_loss);
        cluster.Run(absl::Milliseconds(n));
        cluster.StartBroker();
      }
      if (n % 3 == 0) cluster.Run(absl::Milliseconds(1));
    }
    cluster.Run(kLongEnough);
    EXPECT_THAT(cluster.node(0).received("lobby"), SizeIs(300));
    EXPECT_EQ(cluster.node(0).received("lobby"),
              cluster.node(1).received("lobby"));
    for (const int i : {0, 1}) {
      EXPECT_THAT(cluster.node(i).acknowledged(), SizeIs(150));
      EXPECT_EQ(cluster.node(i).refused(), 0u);
      EXPECT_THAT(cluster.node(i).gaps(), IsEmpty());
    }
  }
}

TEST(ReconnectTest, LostTailBeginsANewEpochAndIsTold) {
  Cluster cluster(
      {.seed = 12, .node_count = 2, .durability = Durability::kWritten});
  cluster.node(1).Join("lobby");
  cluster.Run(absl::Seconds(1));
  cluster.node(0).Emit("lobby", "a");
  cluster.Run(absl::Seconds(1));
  cluster.KillBroker(/*power_loss=*/true);
  cluster.StartBroker();
  cluster.Run(kLongEnough);
  ASSERT_THAT(cluster.node(1).gaps(), SizeIs(1));
  EXPECT_EQ(cluster.node(1).gaps()[0].reason, GapReason::kEpoch);
  cluster.node(0).Emit("lobby", "b");
  cluster.Run(kLongEnough);
  EXPECT_THAT(cluster.node(1).received("lobby"), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace roomlog
