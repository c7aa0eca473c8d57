// The latest live events of a room, as they go to clients.
#ifndef ROOMLOG_NODE_ROOMS_RECENT_FRAMES_H_
#define ROOMLOG_NODE_ROOMS_RECENT_FRAMES_H_

#include <cstddef>
#include <deque>

#include "absl/functional/function_ref.h"
#include "base/ids.h"
#include "node/rooms/envelope.h"
#include "node/socketio/encoded_packet.h"

namespace roomlog {

// Held for the members who are being sent the room's past, once for all of
// them, so that they find their way into the present without reading what came
// meanwhile. Bounded by kHeldEventsMax and kHeldFrameBytesMax: the oldest go
// first.
class RecentFrames {
 public:
  // Everything after this offset that came is here.
  Offset floor() const { return floor_; }

  // Forgets all; what comes next comes after `floor`.
  void Reset(Offset floor);

  struct Held {
    Offset offset;
    FrameList frames;
    EnvelopePtr envelope;  // Whom it is for; null: every member.
    size_t bytes = 0;      // About what it takes.
  };

  // Adds the next event.
  void Add(Held event);

  // Calls `send` with each event after `after`, in order, until it returns
  // false.
  void ForEachAfter(Offset after,
                    absl::FunctionRef<bool(const Held&)> send) const;

 private:
  std::deque<Held> held_;
  size_t bytes_ = 0;
  Offset floor_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_RECENT_FRAMES_H_
