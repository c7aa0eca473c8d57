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
  // Both kinds of frames may come to be made.
  event.bytes = 2 * event.frames.bytes();
  bytes_ += event.bytes;
  held_.push_back(std::move(event));
  while (held_.size() > kHeldEventsMax || bytes_ > kHeldFrameBytesMax) {
    floor_ = held_.front().offset;
    bytes_ -= held_.front().bytes;
    held_.pop_front();
  }
}

RecentFrames::Iterator RecentFrames::After(Offset after) {
  return std::upper_bound(
      held_.begin(), held_.end(), after,
      [](Offset offset, const Held& held) { return offset < held.offset; });
}

}  // namespace roomlog
