// What is to happen in a simulation, and when.
#ifndef ROOMLOG_TEST_FAKES_EVENT_QUEUE_H_
#define ROOMLOG_TEST_FAKES_EVENT_QUEUE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "absl/time/time.h"
#include "test/fakes/fake_clock.h"

namespace roomlog {

// Runs what was scheduled in the order of its time, and at one time in the
// order of scheduling. Time passes only between.
class EventQueue {
 public:
  explicit EventQueue(FakeClock& clock) : clock_(clock) {}

  void After(absl::Duration delay, std::function<void()> what) {
    At(clock_.Steady() + delay, std::move(what));
  }
  void At(absl::Duration when, std::function<void()> what) {
    events_.emplace(std::make_pair(when, ++count_), std::move(what));
  }

  // Runs all that is due within `span`, and lets that span pass.
  void Run(absl::Duration span) {
    const absl::Duration end = clock_.Steady() + span;
    while (!events_.empty() && events_.begin()->first.first <= end) {
      auto event = events_.extract(events_.begin());
      clock_.Advance(event.key().first - clock_.Steady());
      event.mapped()();
    }
    clock_.Advance(end - clock_.Steady());
  }

 private:
  FakeClock& clock_;
  uint64_t count_ = 0;
  std::map<std::pair<absl::Duration, uint64_t>, std::function<void()>> events_;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_FAKES_EVENT_QUEUE_H_
