// Events that go the same way, to be handed on together.
#ifndef ROOMLOG_NODE_ROOMS_EVENT_RUN_H_
#define ROOMLOG_NODE_ROOMS_EVENT_RUN_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "node/link/backplane.h"
#include "node/rooms/room_packet.h"
#include "node/socketio/encoded_packet.h"

namespace roomlog {

struct Room;

// Stored events of one room, one after the other, each for all of its members.
// Whoever sends them to thousands does better to go from member to member once,
// for all of them, than once for each.
class EventRun {
 public:
  struct Entry {
    EventView event;
    RoomPackets::Rendered rendered;
  };

  bool empty() const { return entries_.empty(); }
  // Null while it is empty.
  Room* room() const { return room_; }
  Offset last() const { return entries_.back().event.offset; }
  absl::Span<Entry> entries() { return absl::MakeSpan(entries_); }

  void Add(Room& room, const EventView& event, RoomPackets::Rendered rendered);
  void Clear();

  // All frames, in order, and what they take; made when somebody needs them.
  struct Frames {
    std::vector<SharedFramePtr> frames;
    size_t bytes = 0;
  };
  const Frames& For(bool with_offsets);

 private:
  Room* room_ = nullptr;
  std::vector<Entry> entries_;
  Frames plain_;
  Frames with_offsets_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_EVENT_RUN_H_
