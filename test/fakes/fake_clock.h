// Time that passes when the test says so.
#ifndef ROOMLOG_TEST_FAKES_FAKE_CLOCK_H_
#define ROOMLOG_TEST_FAKES_FAKE_CLOCK_H_

#include "absl/time/time.h"
#include "base/clock.h"

namespace roomlog {

class FakeClock final : public Clock {
 public:
  absl::Time Now() const override { return now_ + jump_; }
  absl::Duration Steady() const override { return now_ - absl::UnixEpoch(); }

  void Advance(absl::Duration by) { now_ += by; }
  // Moves the time of day alone, either way.
  void Jump(absl::Duration by) { jump_ += by; }

 private:
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(24 * 365 * 50);
  absl::Duration jump_;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_FAKES_FAKE_CLOCK_H_
