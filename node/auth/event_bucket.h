// How fast events may come.
#ifndef ROOMLOG_NODE_AUTH_EVENT_BUCKET_H_
#define ROOMLOG_NODE_AUTH_EVENT_BUCKET_H_

#include <algorithm>

#include "absl/time/time.h"

namespace roomlog {

struct EventRate {
  double per_second = 0;  // 0: as fast as they come.
  double burst = 1;       // So many at once, after a silence.
};

// Fills with time, and each event takes one out. Not thread-safe.
class EventBucket {
 public:
  EventBucket(EventRate rate, absl::Duration now)
      : rate_(rate), held_(rate.burst), as_of_(now) {}

  // `now` is steady time. False: none is left, and nothing is taken.
  bool Take(absl::Duration now) {
    if (rate_.per_second <= 0) return true;
    held_ =
        std::min(rate_.burst, held_ + rate_.per_second *
                                          absl::ToDoubleSeconds(now - as_of_));
    as_of_ = now;
    if (held_ < 1) return false;
    held_ -= 1;
    return true;
  }

 private:
  EventRate rate_;
  double held_;
  absl::Duration as_of_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_EVENT_BUCKET_H_
