// The latest live events of a room, as they go to clients.
#ifndef ROOMLOG_NODE_ROOMS_RECENT_FRAMES_H_
#define ROOMLOG_NODE_ROOMS_RECENT_FRAMES_H_

#include <cstddef>
#include <deque>

#include "base/ids.h"
#include "node/rooms/envelope.h"
#include "node/rooms/event_frames.h"

namespace roomlog {

// Held for the clients who do not flow, once for all of them, so that they find
// their way into the present without reading what came meanwhile. Bounded by
// kHeldEventsMax and kHeldFrameBytesMax: the oldest go first.
class RecentFrames {
 public:
  // Everything after this offset that came is here.
  Offset floor() const { return floor_; }

  // Forgets all; what comes next comes after `floor`.
  void Reset(Offset floor);

  struct Held {
    Offset offset;
    EventFrames frames;    // Which borrow nothing.
    EnvelopePtr envelope;  // Whom it is for; null: every member.
    size_t bytes = 0;      // As counted when it was added.
  };
  using Iterator = std::deque<Held>::iterator;

  // Adds the next event.
  void Add(Held event);

  // The first event after `after`, and the end.
  Iterator After(Offset after);
  Iterator end() { return held_.end(); }

 private:
  std::deque<Held> held_;
  size_t bytes_ = 0;
  Offset floor_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_RECENT_FRAMES_H_
