// The subscriber's side of a measurement, the same for every system.
#ifndef ROOMLOG_BENCH_DELIVERY_CHECK_H_
#define ROOMLOG_BENCH_DELIVERY_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "bench/event.h"
#include "bench/latency_histogram.h"

namespace roomlog::bench {

// Proves that what one PublishRun made has come: each event unharmed, under its
// own room, none missing, none twice, and in each room in order. Without it a
// system that loses would look fast. Belongs to one thread.
class DeliveryCheck {
 public:
  explicit DeliveryCheck(uint32_t rooms);

  // An event that came under the room of that name. DATA_LOSS, and again for
  // every later event, if it is not the next of its room.
  absl::Status Take(absl::string_view room, absl::string_view bytes,
                    int64_t now_ns);

  // Every event has come.
  bool complete() const { return total_ > 0 && taken_ == total_; }
  uint64_t taken() const { return taken_; }
  int64_t last_ns() const { return last_ns_; }
  // From the making of the event to its coming.
  const LatencyHistogram& delivery_times() const { return times_; }

 private:
  absl::Status Fail(absl::string_view what, absl::string_view room);

  const std::vector<std::string> names_;
  std::vector<uint32_t> places_;  // By room: the place of the next event.
  uint64_t taken_ = 0;
  uint64_t total_ = 0;  // 0: the last event has not come.
  int64_t last_ns_ = 0;
  LatencyHistogram times_;
  absl::Status status_;
};

}  // namespace roomlog::bench

#endif  // ROOMLOG_BENCH_DELIVERY_CHECK_H_
