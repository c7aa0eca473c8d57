// The rooms that keep a record of each user, and the one that tells who is to
// go.
#ifndef ROOMLOG_BASE_USER_ROOM_H_
#define ROOMLOG_BASE_USER_ROOM_H_

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace roomlog {

// The room of the nodes' own namespace that tells who is to go.
inline constexpr absl::string_view kDismissalsRoom = "dismissals";

inline constexpr absl::string_view kUserRoomPrefix = "$roomlog/user/";

// The name of the room whose last event is the record of `user` in the same
// namespace. A reserved one: users cannot name it, and only the broker says
// something there.
inline std::string UserRoomOf(absl::string_view user) {
  return absl::StrCat(kUserRoomPrefix, user);
}
inline bool IsUserRoom(absl::string_view room) {
  return absl::StartsWith(room, kUserRoomPrefix);
}
// Whose record a user room keeps.
inline absl::string_view UserOfRoom(absl::string_view user_room) {
  return user_room.substr(kUserRoomPrefix.size());
}

}  // namespace roomlog

#endif  // ROOMLOG_BASE_USER_ROOM_H_
