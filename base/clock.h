// Time as the deciding code sees it: handed in, so that a test owns it.
#ifndef ROOMLOG_BASE_CLOCK_H_
#define ROOMLOG_BASE_CLOCK_H_

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace roomlog {

class Clock {
 public:
  virtual ~Clock() = default;

  // The time of day, which may jump either way. For ages of events only.
  virtual absl::Time Now() const = 0;

  // Time since some fixed moment, never back and never by jumps. For leases,
  // timeouts and everything else that measures a span.
  virtual absl::Duration Steady() const = 0;
};

// The machine's clocks. Any thread may call.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  absl::Duration Steady() const override {
    return absl::FromChrono(
        std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace roomlog

#endif  // ROOMLOG_BASE_CLOCK_H_
