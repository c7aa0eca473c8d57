#include "bench/publish_run.h"

#include <cassert>
#include <numeric>

namespace roomlog::bench {

PublishRun::PublishRun(const PublishPlan& plan)
    : plan_(plan), places_(plan.rooms), sent_ns_(plan.in_flight) {
  assert(plan.rooms > 0 && plan.in_flight > 0 && plan.events_max > 0);
  // About the golden section of the rooms, and prime to their number, so that
  // going by strides visits each once.
  stride_ = plan.rooms * uint64_t{618} / 1000 + 1;
  while (std::gcd(stride_, uint64_t{plan.rooms}) != 1) ++stride_;
}

uint32_t PublishRun::NextRoom() {
  if (plan_.spread == Spread::kEven) {
    return static_cast<uint32_t>(made_ * stride_ % plan_.rooms);
  }
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return static_cast<uint32_t>((random_ >> 32) * plan_.rooms >> 32);
}

uint32_t PublishRun::MakeNext(EventBytes* bytes) {
  const int64_t now_ns = NowNanos();
  if (made_ == 0) {
    began_ns_ = now_ns;
    deadline_ns_ = plan_.duration == absl::InfiniteDuration()
                       ? INT64_MAX
                       : now_ns + absl::ToInt64Nanoseconds(plan_.duration);
  }
  EventStamp stamp;
  stamp.sequence = made_;
  stamp.sent_ns = now_ns;
  stamp.room = NextRoom();
  stamp.place = places_[stamp.room]++;
  sent_ns_[made_ % plan_.in_flight] = now_ns;
  ++made_;
  if (made_ == plan_.events_max || now_ns >= deadline_ns_) {
    made_all_ = true;
    stamp.total = made_;
  }
  EncodeEvent(stamp, bytes);
  return stamp.room;
}

void PublishRun::Acknowledge(uint64_t count) {
  const int64_t now_ns = NowNanos();
  const uint64_t before = acknowledged_.load(std::memory_order_relaxed);
  for (uint64_t i = before; i < before + count; ++i) {
    times_.Add(now_ns - sent_ns_[i % plan_.in_flight]);
  }
  ended_ns_ = now_ns;
  acknowledged_.store(before + count, std::memory_order_release);
}

}  // namespace roomlog::bench
