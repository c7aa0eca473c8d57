#include "node/rooms/event_run.h"

#include <utility>

#include "base/limits.h"

namespace roomlog {

void EventRun::Add(Room& room, const EventView& event,
                   RoomPackets::Rendered rendered) {
  room_ = &room;
  entries_.push_back({event, std::move(rendered)});
}

void EventRun::Clear() {
  room_ = nullptr;
  entries_.clear();
  plain_ = Frames();
  with_offsets_ = Frames();
}

const EventRun::Frames& EventRun::For(bool with_offsets) {
  Frames& made = with_offsets ? with_offsets_ : plain_;
  if (!made.frames.empty()) return made;
  for (Entry& entry : entries_) {
    for (const SharedFramePtr& frame :
         entry.rendered.frames.For(with_offsets)) {
      made.bytes += frame->wire().size() + kQueuedFrameOverheadBytes;
      made.frames.push_back(frame);
    }
  }
  return made;
}

}  // namespace roomlog
