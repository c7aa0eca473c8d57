// Where each room of the log stands, in memory.
#ifndef ROOMLOG_STORAGE_ROOM_TABLE_H_
#define ROOMLOG_STORAGE_ROOM_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/room_key.h"
#include "storage/retention.h"

namespace roomlog {

// What the log knows of a room without asking the disk.
struct RoomState {
  static constexpr int64_t kTimeUnknown = std::numeric_limits<int64_t>::max();

  uint64_t kept_events() const { return events_ever - trimmed_events; }
  uint64_t kept_bytes() const { return bytes_ever - trimmed_bytes; }
  bool Exceeded() const {
    return retention->Exceeded(kept_events(), kept_bytes());
  }

  RoomKey key;
  RoomId id;
  const Retention* retention = nullptr;
  // The last event, and what the room has held in its life up to it.
  Offset head;
  uint64_t events_ever = 0;
  uint64_t bytes_ever = 0;
  // The same as of the last event that was trimmed.
  Offset trimmed_through;
  uint64_t trimmed_events = 0;
  uint64_t trimmed_bytes = 0;
  // No event that is kept is older, or kTimeUnknown.
  int64_t oldest_ms = kTimeUnknown;

  bool has_row = false;  // On the disk.
  // False for a room that was found on opening and not asked for since: its
  // head and sizes are still to be read.
  bool head_known = false;
  bool head_damaged = false;  // Its head is unreadable: nothing is appended.
  bool tail_damaged = false;  // An old pack is unreadable: nothing is trimmed.
  bool waits_for_trim = false;

  // Scratch of Append(): the room's place among those of the batch.
  uint32_t batch_place = 0;

 private:
  friend class RoomTable;
  uint32_t place_ = 0;  // In RoomTable::rooms_.
};

// All rooms, by name and by number. Costs about 250 bytes for a room with a
// name of ordinary length. Pointers to rooms stay until the room is removed.
class RoomTable {
 public:
  RoomState* Find(absl::string_view key_text) const {
    const auto room = by_text_.find(key_text);
    return room == by_text_.end() ? nullptr : *room;
  }
  RoomState* Find(RoomId id) const {
    const auto room = by_id_.find(id);
    return room == by_id_.end() ? nullptr : room->second;
  }

  // Neither the name nor the number may be there.
  RoomState& Add(RoomKey key, RoomId id) {
    auto owned = std::make_unique<RoomState>();
    RoomState& room = *owned;
    room.key = std::move(key);
    room.id = id;
    room.place_ = static_cast<uint32_t>(rooms_.size());
    rooms_.push_back(std::move(owned));
    by_text_.insert(&room);
    by_id_.emplace(id, &room);
    return room;
  }

  void Remove(RoomState& room) {
    by_text_.erase(&room);
    by_id_.erase(room.id);
    const uint32_t place = room.place_;
    rooms_[place].swap(rooms_.back());
    rooms_[place]->place_ = place;
    rooms_.pop_back();  // Destroys `room`.
  }

  size_t size() const { return rooms_.size(); }
  // In no order; a removal may move one room.
  RoomState& at(size_t place) const { return *rooms_[place]; }

 private:
  struct TextOf {
    using is_transparent = void;
    absl::string_view operator()(absl::string_view text) const { return text; }
    absl::string_view operator()(const RoomState* room) const {
      return room->key.text();
    }
  };
  struct HashText : TextOf {
    template <typename T>
    size_t operator()(const T& room) const {
      return absl::Hash<absl::string_view>()(TextOf::operator()(room));
    }
  };
  struct EqualText : TextOf {
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return TextOf::operator()(a) == TextOf::operator()(b);
    }
  };

  std::vector<std::unique_ptr<RoomState>> rooms_;
  absl::flat_hash_set<RoomState*, HashText, EqualText> by_text_;
  absl::flat_hash_map<RoomId, RoomState*> by_id_;
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_ROOM_TABLE_H_
