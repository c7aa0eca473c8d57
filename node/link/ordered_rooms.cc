#include "node/link/ordered_rooms.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <memory>
#include <utility>

#include "proto/events.pb.h"

namespace roomlog {
namespace {

size_t BytesOf(const RoomEvent& event) {
  return sizeof(RoomEvent) + event.event.packet.size() + event.event.id.size();
}

}  // namespace

OrderedRooms::OrderedRooms(RoomFollower& follower, size_t held_bytes_max)
    : follower_(follower), held_bytes_max_(held_bytes_max) {}

void OrderedRooms::Begin(RoomHandle handle, Position head) {
  Room room;
  room.epoch = head.epoch;
  room.position = room.known = room.target = head.offset;
  room.begun = behind_.empty() && held_.empty();
  const bool tell = room.begun;
  const bool added = rooms_.emplace(handle, room).second;
  assert(added);
  static_cast<void>(added);
  if (tell) {
    follower_.OnFollowing(handle, head);
  } else {
    held_.emplace(Place(head.offset, handle), Begun{handle, head});
    Release();
  }
}

void OrderedRooms::Fail(RoomHandle handle, const absl::Status& status) {
  End(handle);
  follower_.OnFollowFailed(handle, status);
}

void OrderedRooms::End(RoomHandle handle) {
  const auto it = rooms_.find(handle);
  if (it == rooms_.end()) return;
  Unindex(handle, it->second);
  rooms_.erase(it);
  for (auto held = held_.begin(); held != held_.end();) {
    if (held->first.second != handle) {
      ++held;
      continue;
    }
    if (const auto* event = std::get_if<RoomEvent>(&held->second)) {
      held_bytes_ -= BytesOf(*event);
    }
    held = held_.erase(held);
  }
  Release();
}

void OrderedRooms::Suspend() {
  for (auto& [handle, room] : rooms_) {
    Unindex(handle, room);
    room.known = std::max(room.known, told_);
    room.target = std::max(room.target, room.known);
    room.suspended = true;
    Index(handle, room);
  }
}

void OrderedRooms::ChangeEpoch() {
  held_.clear();
  held_bytes_ = 0;
  told_ = Offset();
  for (auto& [handle, room] : rooms_) {
    assert(room.suspended);
    Unindex(handle, room);
    // Offsets of the two lives cannot be compared: until every room has
    // resumed, nothing may be told.
    room.known = room.target = room.tail = Offset();
    Index(handle, room);
  }
}

void OrderedRooms::Resume(RoomHandle handle, Position head) {
  const auto it = rooms_.find(handle);
  if (it == rooms_.end()) return;
  Room& room = it->second;
  Unindex(handle, room);
  room.suspended = false;
  room.tail = Offset();
  if (room.epoch == head.epoch) {
    room.target = std::max(room.known, head.offset);
    Index(handle, room);
  } else {
    const Position from{room.epoch, room.position};
    room.epoch = head.epoch;
    room.position = room.known = room.target = head.offset;
    // The follower may end the room.
    if (std::exchange(room.begun, true)) {
      follower_.OnGap(handle, from, head, GapReason::kEpoch);
    } else {
      follower_.OnFollowing(handle, head);
    }
  }
  Release();
}

void OrderedRooms::OnLive(std::vector<RoomEvent> events) {
  std::vector<RoomEvent> passed;
  passed.reserve(events.size());
  for (RoomEvent& event : events) TakeLive(std::move(event), &passed);
  if (!passed.empty()) follower_.OnEvents(passed);
  Release();
}

void OrderedRooms::TakeLive(RoomEvent event, std::vector<RoomEvent>* passed) {
  const auto it = rooms_.find(event.room);
  if (it == rooms_.end()) return;
  Room& room = it->second;
  const Offset offset = event.event.offset;
  const bool ephemeral = (event.event.flags & proto::EVENT_FLAG_EPHEMERAL) != 0;
  if (!room.behind() && event.event.previous <= room.known) {
    if (offset <= room.known) return;  // It was here before.
    if (behind_.empty() && held_.empty()) {
      room.known = room.target = room.position = offset;
      if (!ephemeral) told_ = offset;
      passed->push_back(std::move(event));
      return;
    }
    if (held_bytes_ < held_bytes_max_) {
      room.known = room.target = offset;
      Hold(std::move(event));
      return;
    }
    // It cannot be read from the log in its turn.
    if (ephemeral) return;
  }
  Unindex(event.room, room);
  const RoomHandle handle = event.room;
  TakeWhileBehind(std::move(event), &room);
  Index(handle, room);
}

void OrderedRooms::TakeWhileBehind(RoomEvent event, Room* room) {
  const Offset offset = event.event.offset;
  const Offset last = std::max({room->known, room->target, room->tail});
  if (offset <= last) return;
  if (event.event.previous > last) {
    // There is a hole before it.
    room->target = event.event.previous;
    room->tail = Offset();
  }
  if (held_bytes_ >= held_bytes_max_) {
    if ((event.event.flags & proto::EVENT_FLAG_EPHEMERAL) != 0) return;
    room->target = offset;
    room->tail = Offset();
    return;
  }
  room->tail = offset;
  Hold(std::move(event));
}

std::vector<MissingEvents> OrderedRooms::TakeMissing(size_t most) {
  std::vector<MissingEvents> missing;
  for (const auto& [known, handle] : behind_) {
    if (missing.size() >= most) break;
    Room& room = rooms_.at(handle);
    if (room.reading_through == Offset() && !room.suspended) {
      room.reading_through = room.target;
      room.reading_in = room.epoch;
      missing.push_back({handle, room.known, room.target.Next()});
    }
    // With the bound reached, only what the others wait for is read.
    if (held_bytes_ >= held_bytes_max_) break;
  }
  return missing;
}

void OrderedRooms::OnRead(RoomHandle handle, const HistoryPage& page) {
  const auto it = rooms_.find(handle);
  if (it == rooms_.end()) return;
  Room& room = it->second;
  // Meanwhile there may be more to read than this read was asked for.
  const Offset through = std::exchange(room.reading_through, Offset());
  if (page.epoch != room.epoch || room.reading_in != room.epoch) return;
  Unindex(handle, room);
  if (page.trimmed_through > room.known && room.known < through) {
    HoldGap(handle, std::min(page.trimmed_through, through),
            GapReason::kRetention, &room);
  }
  // A page may borrow from several buffers: they are let go together.
  const auto bytes = std::make_shared<std::vector<SharedBytes>>(page.bytes);
  for (const EventView& event : page.events) {
    if (event.offset <= room.known || event.offset > through) continue;
    room.known = event.offset;
    Hold({handle, event, SharedBytes(event.packet, bytes)});
  }
  if (!page.more && room.known < through) {
    // There was an event at `through`, and it is not there any more.
    HoldGap(handle, through, GapReason::kRetention, &room);
  }
  CloseTail(&room);
  Index(handle, room);
  Release();
}

void OrderedRooms::OnReadFailed(RoomHandle handle, bool lost) {
  const auto it = rooms_.find(handle);
  if (it == rooms_.end()) return;
  Room& room = it->second;
  const Offset through = std::exchange(room.reading_through, Offset());
  if (!lost || room.reading_in != room.epoch || room.known >= through) return;
  Unindex(handle, room);
  HoldGap(handle, through, GapReason::kDamage, &room);
  CloseTail(&room);
  Index(handle, room);
  Release();
}

void OrderedRooms::Unindex(RoomHandle handle, const Room& room) {
  behind_.erase({room.known, handle});
}

void OrderedRooms::Index(RoomHandle handle, const Room& room) {
  if (room.behind()) behind_.emplace(room.known, handle);
}

void OrderedRooms::Hold(RoomEvent event) {
  const Place place(event.event.offset, event.room);
  const size_t bytes = BytesOf(event);
  if (held_.try_emplace(place, std::move(event)).second) held_bytes_ += bytes;
}

void OrderedRooms::HoldGap(RoomHandle handle, Offset to, GapReason reason,
                           Room* room) {
  const Gap gap{handle, {room->epoch, room->known}, {room->epoch, to}, reason};
  // What came live from within the gap would be told before it, as if nothing
  // were missing.
  auto held = held_.upper_bound(Place(room->known, RoomHandle(UINT64_MAX)));
  const auto end = held_.upper_bound(Place(to, handle));
  while (held != end) {
    if (held->first.second != handle) {
      ++held;
      continue;
    }
    if (const auto* event = std::get_if<RoomEvent>(&held->second)) {
      held_bytes_ -= BytesOf(*event);
    }
    held = held_.erase(held);
  }
  held_.emplace(Place(to, handle), gap);
  room->known = to;
}

void OrderedRooms::CloseTail(Room* room) {
  if (room->known < room->target) return;
  room->known = std::max(room->known, room->tail);
  room->target = room->known;
  room->tail = Offset();
}

void OrderedRooms::Release() {
  if (held_.empty()) return;
  const auto end =
      behind_.empty()
          ? held_.end()
          : held_.upper_bound({behind_.begin()->first, RoomHandle(UINT64_MAX)});
  std::vector<std::variant<RoomEvent, Gap, Begun>> released;
  for (auto it = held_.begin(); it != end;) {
    Room& room = rooms_.at(it->first.second);
    room.position = told_ = it->first.first;
    if (const auto* event = std::get_if<RoomEvent>(&it->second)) {
      held_bytes_ -= BytesOf(*event);
    } else if (std::holds_alternative<Begun>(it->second)) {
      room.begun = true;
    }
    released.push_back(std::move(it->second));
    it = held_.erase(it);
  }
  // The follower may end rooms from here on.
  std::vector<RoomEvent> events;
  const auto tell_events = [&] {
    if (!events.empty()) follower_.OnEvents(events);
    events.clear();
  };
  for (auto& any : released) {
    if (auto* event = std::get_if<RoomEvent>(&any)) {
      events.push_back(std::move(*event));
      continue;
    }
    tell_events();
    if (const auto* begun = std::get_if<Begun>(&any)) {
      if (rooms_.contains(begun->room)) {
        follower_.OnFollowing(begun->room, begun->head);
      }
      continue;
    }
    const Gap& gap = std::get<Gap>(any);
    if (rooms_.contains(gap.room)) {
      follower_.OnGap(gap.room, gap.from, gap.to, gap.reason);
    }
  }
  tell_events();
}

}  // namespace roomlog
