// Who is in a room, as a node asks and is answered.
#ifndef ROOMLOG_NODE_LINK_MEMBERS_H_
#define ROOMLOG_NODE_LINK_MEMBERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/position.h"
#include "base/room_key.h"

namespace roomlog {

// Of the room with the empty name, everybody in the namespace.
struct MembersRequest {
  // kRooms: those of the namespace that somebody is in; `room` is the one with
  // the empty name. kUser: `user`, as a page of users with
  // him or nobody on it.
  enum class What { kCounts, kSockets, kUsers, kRooms, kUser };

  RoomKey room;
  What what = What::kCounts;
  // The page begins beyond this id of a socket, or name of a user or a room, in
  // the order of their bytes.
  std::string after;
  std::string user = {};
  size_t limit = 0;  // At most kMembersPageMax come; `more` tells.
};

// Those who have a session: whose client may come back if it is lost.
struct MembersPage {
  struct Socket {
    std::string id;
    std::string user;  // Empty: nobody in particular.
    // Its client is lost, or its node is silent; it may still come back.
    bool is_away = false;

    friend bool operator==(const Socket&, const Socket&) = default;
  };
  struct User {
    std::string name;
    size_t sockets = 0;
    bool is_away = false;  // All of these are.

    friend bool operator==(const User&, const User&) = default;
  };

  struct Room {
    std::string name;
    size_t sockets = 0;
    size_t users = 0;

    friend bool operator==(const Room&, const Room&) = default;
  };

  // Whoever came or went up to here is counted, and nobody after it.
  Position at;
  size_t socket_count = 0;
  size_t user_count = 0;
  std::vector<Socket> sockets;
  std::vector<User> users;
  std::vector<Room> rooms;
  bool more = false;  // The room has more beyond this page.
  // Who comes and goes is told in the room that PresenceRoomOf() names.
  bool has_feed = false;
  // Of kUser and the room with the empty name, in milliseconds since 1970: when
  // his last socket left the namespace. 0 while he is online there, and if
  // nobody knows.
  int64_t last_seen_ms = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_MEMBERS_H_
