// What a program asks about who is in a room.
#ifndef ROOMLOG_NODE_SERVER_PRESENCE_QUERY_H_
#define ROOMLOG_NODE_SERVER_PRESENCE_QUERY_H_

#include <cstddef>
#include <string>

#include "node/link/backplane.h"

namespace roomlog {

// Counts always come; a page of those who are there if `what` asks for it, or,
// of the room with the empty name, of the namespace's rooms (kRooms). With kUser
// it has `user` or nobody, and of that room MembersPage::last_seen_ms is told.
struct PresenceQuery {
  using What = MembersRequest::What;

  What what = What::kCounts;
  // The page begins beyond this: the last id, or name, of the page before.
  std::string after = {};
  std::string user = {};
  size_t limit = 100;  // At most kMembersPageMax.
};

// UNAVAILABLE: there is no broker that could say. INVALID_ARGUMENT: the room's
// name is none.
using PresenceDone = Backplane::MembersDone;

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_PRESENCE_QUERY_H_
