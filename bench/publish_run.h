// The publisher's side of a measurement, the same for every system.
#ifndef ROOMLOG_BENCH_PUBLISH_RUN_H_
#define ROOMLOG_BENCH_PUBLISH_RUN_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "bench/event.h"
#include "bench/latency_histogram.h"

namespace roomlog::bench {

// How events go round the rooms.
enum class Spread {
  kRandom,  // Each event goes to any room.
  kEven,    // Every room gets one, in scrambled order, before any gets two.
};

struct PublishPlan {
  uint32_t rooms = 1000;
  uint64_t in_flight = 1;  // Publishes not yet acknowledged, at most.
  Spread spread = Spread::kRandom;
  // It ends with the event of that number, or after that time.
  uint64_t events_max = UINT64_MAX;
  absl::Duration duration = absl::InfiniteDuration();
};

// Makes the events, keeps the window of those in flight, and times the
// acknowledgements, which must come in the order of the publishes. One thread
// publishes; one, the same or another, acknowledges.
class PublishRun {
 public:
  explicit PublishRun(const PublishPlan& plan);

  // The publishing thread's.
  bool made_all() const { return made_all_; }
  // How many may be published now, by the window alone.
  uint64_t room_in_window() const {
    return plan_.in_flight - (made_ - acknowledged());
  }
  // Writes the next event and returns its room. There must be room in the
  // window and it must not be all.
  uint32_t MakeNext(EventBytes* bytes);

  // The acknowledging thread's. The oldest `count` are durable.
  void Acknowledge(uint64_t count);

  // Any thread.
  uint64_t acknowledged() const {
    return acknowledged_.load(std::memory_order_acquire);
  }

  // After all is acknowledged.
  bool finished() const { return made_all_ && acknowledged() == made_; }
  uint64_t made() const { return made_; }
  int64_t began_ns() const { return began_ns_; }
  int64_t ended_ns() const { return ended_ns_; }
  const LatencyHistogram& acknowledgement_times() const { return times_; }

 private:
  uint32_t NextRoom();

  const PublishPlan plan_;
  uint64_t made_ = 0;
  bool made_all_ = false;
  int64_t began_ns_ = 0;
  int64_t deadline_ns_ = 0;
  uint64_t random_ = 0x2545f4914f6cdd1d;
  uint64_t stride_ = 1;
  std::vector<uint32_t> places_;  // By room: events made so far.
  std::vector<int64_t> sent_ns_;  // By sequence modulo the window.
  std::atomic<uint64_t> acknowledged_{0};
  int64_t ended_ns_ = 0;
  LatencyHistogram times_;
};

}  // namespace roomlog::bench

#endif  // ROOMLOG_BENCH_PUBLISH_RUN_H_
