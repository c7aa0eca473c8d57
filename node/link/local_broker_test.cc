#include "node/link/local_broker.h"

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "gmock/gmock.h"

namespace roomlog {
namespace {

constexpr int kLoops = 3;
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

TEST(LocalBrokerTest, AllLoopsHearOneOrder) {
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

}  // namespace
}  // namespace roomlog
