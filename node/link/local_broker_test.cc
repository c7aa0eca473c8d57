#include "node/link/local_broker.h"

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/limits.h"
#include "gmock/gmock.h"

namespace roomlog {
namespace {

constexpr int kEventsPerLoop = 2000;

// A loop that follows a room, and says things in it.
class Loop final : public RoomFollower {
 public:
  explicit Loop(std::unique_ptr<LoopBackplane> backplane)
      : backplane_(std::move(backplane)) {}

  void Run(int loop) {
    const RoomKey room = *RoomKey::Make("/", "r");
    backplane_->Follow(room);
    while (!following_) backplane_->DoWork(*this);
    for (int i = 0; i < kEventsPerLoop; ++i) {
      backplane_->Publish({room, 0, "", absl::StrCat(loop, " ", i)},
                          [this](absl::StatusOr<PublishAnswer> answer) {
                            answered_ += answer.ok();
                          });
      backplane_->DoWork(*this);
    }
    // Followed before all loops had begun, so not everything came.
    while (answered_ < kEventsPerLoop) backplane_->DoWork(*this);
    backplane_->Read(
        {.room = room, .newest_first = true, .events_max = 1},
        [this](absl::StatusOr<HistoryPage> page) { head_ = page->head; });
    while (head_ == Offset(0)) backplane_->DoWork(*this);
  }

  void OnFollowing(RoomHandle, Position) override { following_ = true; }
  void OnFollowFailed(RoomHandle, const absl::Status&) override {}
  void OnEvents(absl::Span<const RoomEvent> events) override {
    for (const RoomEvent& event : events) {
      heard_[event.event.offset] = std::string(event.event.packet);
    }
  }
  void OnGap(RoomHandle, Position, Position, GapReason) override {}

  const std::map<Offset, std::string>& heard() const { return heard_; }
  Offset head() const { return head_; }

 private:
  std::unique_ptr<LoopBackplane> backplane_;
  bool following_ = false;
  int answered_ = 0;
  Offset head_;
  std::map<Offset, std::string> heard_;
};

// With one loop there is no thread but its own.
class LocalBrokerTest : public testing::TestWithParam<int> {};

TEST_P(LocalBrokerTest, AllLoopsHearOneOrder) {
  const int kLoops = GetParam();
  const SystemClock clock;
  LocalBroker broker(kLoops, Epoch(1), clock);
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::thread> threads;
  for (int i = 0; i < kLoops; ++i) {
    loops.push_back(std::make_unique<Loop>(broker.Connect(i)));
  }
  for (int i = 0; i < kLoops; ++i) {
    threads.emplace_back([&loops, i] { loops[i]->Run(i); });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<Offset, std::string> all;
  for (const auto& loop : loops) {
    EXPECT_GE(loop->heard().size(), static_cast<size_t>(kEventsPerLoop));
    for (const auto& [offset, packet] : loop->heard()) {
      const auto [known, is_new] = all.emplace(offset, packet);
      EXPECT_EQ(known->second, packet) << offset.value();
    }
  }
  EXPECT_EQ(all.size(), static_cast<size_t>(kLoops * kEventsPerLoop));
  // Each loop's own came in the order in which it said them.
  std::map<char, int> next;
  for (const auto& [offset, packet] : all) {
    EXPECT_EQ(packet.substr(2), absl::StrCat(next[packet[0]]++));
  }
  for (auto& loop : loops) loop.reset();
}

INSTANTIATE_TEST_SUITE_P(Loops, LocalBrokerTest, testing::Values(1, 3));

// Nobody calls back into a program that is in the middle of asking.
TEST(LocalBrokerOfOneLoopTest, AnswersComeInALaterTurnAndTogether) {
  const SystemClock clock;
  LocalBroker broker(1, Epoch(1), clock);
  const std::unique_ptr<LoopBackplane> backplane = broker.Connect(0);
  class : public RoomFollower {
   public:
    void OnFollowing(RoomHandle, Position) override {}
    void OnFollowFailed(RoomHandle, const absl::Status&) override {}
    void OnEvents(absl::Span<const RoomEvent> events) override {
      heard += events.size();
    }
    void OnGap(RoomHandle, Position, Position, GapReason) override {}
    size_t heard = 0;
  } follower;
  const RoomKey room = *RoomKey::Make("/", "r");
  backplane->Follow(room);
  int answered = 0;
  for (int i = 0; i < 16; ++i) {
    backplane->Publish(
        {room, 0, "", "x"},
        [&](const absl::StatusOr<PublishAnswer>&) { ++answered; });
  }
  EXPECT_EQ(answered, 0);
  backplane->DoWork(follower);
  EXPECT_EQ(answered, 16);
  EXPECT_EQ(follower.heard, 16u);
}

TEST(LocalBrokerOfOneLoopTest, MoreThanMayWaitIsRefused) {
  const SystemClock clock;
  LocalBroker broker(1, Epoch(1), clock);
  const std::unique_ptr<LoopBackplane> backplane = broker.Connect(0);
  Loop nobody(nullptr);
  const RoomKey room = *RoomKey::Make("/", "r");
  size_t taken = 0;
  size_t refused = 0;
  for (size_t i = 0; i < kQueuedPublishesMax + 3; ++i) {
    backplane->Publish(
        {room, 0, "", "x"}, [&](const absl::StatusOr<PublishAnswer>& answer) {
          ++(absl::IsResourceExhausted(answer.status()) ? refused : taken);
        });
  }
  while (taken < kQueuedPublishesMax) backplane->DoWork(nobody);
  EXPECT_EQ(refused, 3u);
}

}  // namespace
}  // namespace roomlog
