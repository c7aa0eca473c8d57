// The rooms that tell who comes and goes in others.
#ifndef ROOMLOG_BASE_PRESENCE_ROOM_H_
#define ROOMLOG_BASE_PRESENCE_ROOM_H_

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace roomlog {

inline constexpr absl::string_view kPresenceRoomPrefix = "$roomlog/presence/";

// The name of the room that tells of `room`, in the same namespace. A reserved
// one: users cannot name it, and only the broker says something there.
inline std::string PresenceRoomOf(absl::string_view room) {
  return absl::StrCat(kPresenceRoomPrefix, room);
}
// The room that it tells of.
inline absl::string_view WatchedRoomOf(absl::string_view presence_room) {
  return presence_room.substr(kPresenceRoomPrefix.size());
}
inline bool IsPresenceRoom(absl::string_view room) {
  return absl::StartsWith(room, kPresenceRoomPrefix);
}

}  // namespace roomlog

#endif  // ROOMLOG_BASE_PRESENCE_ROOM_H_
