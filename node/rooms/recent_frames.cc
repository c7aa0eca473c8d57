#include "node/rooms/recent_frames.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace roomlog {

void RecentFrames::Reset(Offset floor) {
  held_.clear();
  bytes_ = 0;
  floor_ = floor;
}

void RecentFrames::Add(Held event) {
  bytes_ += event.bytes;
  held_.push_back(std::move(event));
  while (held_.size() > kHeldEventsMax || bytes_ > kHeldFrameBytesMax) {
    floor_ = held_.front().offset;
    bytes_ -= held_.front().bytes;
    held_.pop_front();
  }
}

void RecentFrames::ForEachAfter(
    Offset after, absl::FunctionRef<bool(const Held&)> send) const {
  auto held = std::upper_bound(
      held_.begin(), held_.end(), after,
      [](Offset offset, const Held& held) { return offset < held.offset; });
  while (held != held_.end() && send(*held)) ++held;
}

}  // namespace roomlog
