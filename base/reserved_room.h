// Rooms that Roomlog keeps for itself.
#ifndef ROOMLOG_BASE_RESERVED_ROOM_H_
#define ROOMLOG_BASE_RESERVED_ROOM_H_

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace roomlog {

// Users may not name such rooms, neither to join them nor to emit to them.
inline bool IsReservedRoom(absl::string_view room) {
  return absl::StartsWith(room, "$roomlog/");
}

}  // namespace roomlog

#endif  // ROOMLOG_BASE_RESERVED_ROOM_H_
