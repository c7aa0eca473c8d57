// Faults drawn from a seed, and an oracle over all that was heard.
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/sim/cluster.h"

namespace roomlog {
namespace {

using ::testing::IsEmpty;

constexpr int kNodes = 3;
constexpr int kRooms = 4;

std::string RoomName(int i) { return absl::StrCat("room-", i); }

// One run: everybody publishes everywhere while the network, the broker and the
// nodes' credit misbehave; then all heals.
class FaultyRun {
 public:
  explicit FaultyRun(uint64_t seed) : random_(seed), cluster_(OptionsFor(seed)) {
    for (int i = 0; i < kNodes; ++i) {
      for (int r = 0; r < kRooms; ++r) cluster_.node(i).Join(RoomName(r));
    }
    cluster_.Run(absl::Seconds(1));
    for (int step = 0; step < 400; ++step) Step();
    Heal();
  }

  // P1 to P4, as far as nodes can tell.
  void Check() {
    std::map<uint64_t, std::string> text_at;
    for (int i = 0; i < kNodes; ++i) {
      const SimulatedNode& node = cluster_.node(i);
      EXPECT_THAT(node.gaps(), IsEmpty()) << node.name();
      uint64_t last = 0;
      for (const SimulatedNode::Heard& heard : node.heard()) {
        const uint64_t offset = heard.offset.value();
        EXPECT_GT(offset, last) << node.name() << " heard out of order";
        last = offset;
        const auto [it, added] = text_at.emplace(offset, heard.text);
        EXPECT_EQ(it->second, heard.text) << "offset " << offset << " twice";
      }
      EXPECT_EQ(node.heard().size(), cluster_.node(0).heard().size());
    }
    std::set<std::string> texts;
    for (const auto& [offset, text] : text_at) {
      EXPECT_TRUE(texts.insert(text).second) << text << " was appended twice";
    }
    for (int i = 0; i < kNodes; ++i) {
      for (const auto& acknowledged : cluster_.node(i).acknowledged()) {
        const auto it = text_at.find(acknowledged.position.offset.value());
        ASSERT_NE(it, text_at.end()) << acknowledged.text << " is lost";
        EXPECT_EQ(it->second, acknowledged.text);
      }
    }
    EXPECT_GE(text_at.size(), 100u) << "the run did too little to show much";
  }

 private:
  static ClusterOptions OptionsFor(uint64_t seed) {
    ClusterOptions options;
    options.seed = seed;
    options.node_count = kNodes;
    if (seed % 3 == 0) {
      // So little memory that a node which lags at all must read from the log.
      options.broker_limits.recent_commit_bytes_max = 2000;
      options.link.held_bytes_max = 1000;
    }
    return options;
  }

  int Draw(int below) { return static_cast<int>(random_() % below); }

  void Step() {
    const std::string node = absl::StrCat("node-", Draw(kNodes));
    switch (Draw(24)) {
      case 0:
        cluster_.network().Cut(node);
        break;
      case 1:
        cluster_.network().CutTo(node);
        break;
      case 2:
        cluster_.network().CutFrom(node);
        break;
      case 3:
      case 4:
      case 5:
        cluster_.network().Heal(node);
        break;
      case 6:
        if (cluster_.has_broker()) cluster_.KillBroker(Draw(2) == 0);
        break;
      case 7:
      case 8:
        if (!cluster_.has_broker()) cluster_.StartBroker();
        break;
      case 9:
        cluster_.network().faults() = {.loss = 0.05, .duplication = 0.1};
        break;
      case 10:
        cluster_.network().faults() = {.duplication = 0.3, .reorders = true};
        break;
      case 11:
        cluster_.network().faults() = {};
        break;
      default:
        for (int n = Draw(8); n > 0; --n) Emit();
    }
    cluster_.Run(absl::Milliseconds(Draw(10) == 0 ? Draw(8000) : Draw(30)));
  }

  void Emit() {
    const std::string text = absl::StrCat("text-", ++emitted_);
    cluster_.node(Draw(kNodes)).Emit(RoomName(Draw(kRooms)), text);
  }

  void Heal() {
    cluster_.network().faults() = {};
    for (int i = 0; i < kNodes; ++i) {
      cluster_.network().Heal(absl::StrCat("node-", i));
    }
    if (!cluster_.has_broker()) cluster_.StartBroker();
    cluster_.Run(absl::Seconds(60));
    // One last event for each room, which everybody must hear.
    for (int r = 0; r < kRooms; ++r) {
      cluster_.node(0).Emit(RoomName(r), absl::StrCat("last-", r));
    }
    cluster_.Run(absl::Seconds(30));
  }

  std::mt19937_64 random_;
  Cluster cluster_;
  int emitted_ = 0;
};

class RandomFaultsTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(RandomFaultsTest, NothingAcknowledgedIsLostDoubledOrDisordered) {
  FaultyRun run(GetParam());
  run.Check();
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomFaultsTest,
                         ::testing::Range<uint64_t>(1, 201));

}  // namespace
}  // namespace roomlog
