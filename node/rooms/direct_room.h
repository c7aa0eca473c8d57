// The rooms by which the log carries what is for one socket.
#ifndef ROOMLOG_NODE_ROOMS_DIRECT_ROOM_H_
#define ROOMLOG_NODE_ROOMS_DIRECT_ROOM_H_

#include "absl/strings/string_view.h"
#include "base/reserved_room.h"  // IWYU pragma: export
#include "base/room_key.h"

namespace roomlog {

// Where an event for one socket goes, with EVENT_FLAG_ADDRESSED and an Envelope
// whose only room is the socket's id: nobody else gets it. One of 256 rooms of
// the loop that opened the socket's session, so that neither has each socket a
// room for ever nor does every node read what is for one socket.
// `name_space` must be one, and `loop_id` short enough for a room's name.
RoomKey DirectRoom(absl::string_view name_space, absl::string_view loop_id,
                   absl::string_view socket_id);
bool IsDirectRoom(absl::string_view room);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_DIRECT_ROOM_H_
