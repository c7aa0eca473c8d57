// Who comes into a room or goes, as a program hears it.
#ifndef ROOMLOG_NODE_SERVER_PRESENCE_CHANGE_H_
#define ROOMLOG_NODE_SERVER_PRESENCE_CHANGE_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/position.h"

namespace roomlog {

struct PresenceChange {
  std::string room;
  bool has_joined = false;  // False: it has left.
  std::string socket_id;
  std::string user;  // Empty: nobody in particular.
  // The socket that has joined is its user's first there, or the one that has
  // left was his last.
  bool is_first_or_last = false;
  // How many are there then.
  size_t sockets = 0;
  size_t users = 0;
  Position position;
  absl::Time time;
};

using PresenceHandler = std::function<void(const PresenceChange& change)>;

// From an event of a room's feed (PresenceRoomOf()), without what only the log
// knows, its position and time. Nothing if it is none.
std::optional<PresenceChange> ParsePresenceEvent(absl::string_view packet);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_PRESENCE_CHANGE_H_
