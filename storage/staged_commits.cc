#include "storage/staged_commits.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/limits.h"

namespace roomlog {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 20;

}  // namespace

absl::string_view StagedCommits::Keep(absl::string_view bytes) {
  if (bytes.empty()) return absl::string_view();
  if (bytes.size() > chunk_left_) {
    chunk_left_ = std::max(kChunkBytes, bytes.size());
    chunks_.emplace_back(new char[chunk_left_]);  // Not set to zero first.
  }
  // Filled from the back: what is left is all there is to know.
  chunk_left_ -= bytes.size();
  char* to = chunks_.back().get() + chunk_left_;
  std::memcpy(to, bytes.data(), bytes.size());
  return absl::string_view(to, bytes.size());
}

void StagedCommits::Add(RoomState* room, const EventView& event) {
  assert(!closed_);
  StagedEvent& staged = events_.emplace_back();
  staged.room = room;
  staged.view = event;
  staged.view.packet = Keep(event.packet);
  staged.view.id = Keep(event.id);
  packet_bytes_ += event.packet.size();
}

void StagedCommits::EndCommit(Offset first) {
  commits_.push_back(first);
  ended_events_ = events_.size();
  ended_packet_bytes_ = packet_bytes_;
}

void StagedCommits::DropCommit() {
  events_.resize(ended_events_);
  packet_bytes_ = ended_packet_bytes_;
  if (events_.empty()) Clear();  // Nothing needs the chunks.
}

bool StagedCommits::full(size_t commits_max) const {
  if (empty()) return false;
  return events_.size() >= kStagedEventsMax || commits_.size() >= commits_max ||
         packet_bytes_ >= kStagedBytesMax;
}

void StagedCommits::Close() {
  closed_ = true;
  given_ = 0;
  stretches_.clear();
  next_in_room_.assign(events_.size(), 0);
  for (uint32_t i = 0; i < events_.size(); ++i) {
    RoomState* room = events_[i].room;
    const bool is_first = room->batch_place >= stretches_.size() ||
                          stretches_[room->batch_place].room != room;
    if (is_first) {
      room->batch_place = static_cast<uint32_t>(stretches_.size());
      stretches_.push_back({.room = room, .first_event = i});
    } else {
      next_in_room_[stretches_[room->batch_place].last_event] = i;
    }
    Stretch& stretch = stretches_[room->batch_place];
    stretch.last_event = i;
    ++stretch.events;
    stretch.bytes += events_[i].view.packet.size();
  }
  for (Stretch& stretch : stretches_) {
    // Less only if the room is damaged, and then nobody minds.
    const RoomState& room = *stretch.room;
    stretch.events_before =
        room.events_ever - std::min(room.events_ever, stretch.events);
    stretch.bytes_before =
        room.bytes_ever - std::min(room.bytes_ever, stretch.bytes);
  }
  // Rows that come sorted are the quickest to insert.
  std::sort(stretches_.begin(), stretches_.end(),
            [](const Stretch& a, const Stretch& b) {
              return a.room->id < b.room->id;
            });
}

void StagedCommits::GiveSome(
    size_t events_min, EventPackWriter* pack,
    absl::FunctionRef<void(const NumberPairKey& key,
                           absl::Span<const absl::string_view>)>
        each) {
  assert(closed_);
  for (size_t events = 0; events < events_min && !all_given(); ++given_) {
    const Stretch& stretch = stretches_[given_];
    events += stretch.events;
    uint32_t i = stretch.first_event;
    pack->Begin(stretch.room->id, events_[i].view.previous,
                stretch.events_before, stretch.bytes_before);
    while (true) {
      pack->Add(events_[i].view);
      const bool ended = i == stretch.last_event;
      if (ended || pack->full()) each(pack->key(), pack->Finish());
      if (ended) break;
      if (pack->full()) pack->BeginNext();
      i = next_in_room_[i];
    }
  }
}

void StagedCommits::Clear() {
  commits_.clear();
  events_.clear();
  ended_events_ = 0;
  packet_bytes_ = ended_packet_bytes_ = 0;
  chunks_.clear();
  chunk_left_ = 0;
  closed_ = false;
  stretches_.clear();
  given_ = 0;
}

}  // namespace roomlog
