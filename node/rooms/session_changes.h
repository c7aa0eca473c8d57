// How the rooms of a client that may recover are made durable.
#ifndef ROOMLOG_NODE_ROOMS_SESSION_CHANGES_H_
#define ROOMLOG_NODE_ROOMS_SESSION_CHANGES_H_

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/ids.h"
#include "node/socketio/socket_wire.h"

namespace roomlog {

// A room of a session, as proto::SessionRoom keeps it.
struct SessionRoomEntry {
  std::string name;   // Without the namespace.
  Offset from;        // What is said in it after this is owed.
  std::string start;  // Of a join with history: see session_start.h.

  friend bool operator==(const SessionRoomEntry&,
                         const SessionRoomEntry&) = default;
};
using SessionRoomJoin = SessionRoomEntry;

// Makes changes of a client's rooms durable. Called by RoomLayer on the loop's
// thread, at most once at a time for each client.
class SessionChanges {
 public:
  using Done = absl::AnyInvocable<void(absl::Status) &&>;

  virtual ~SessionChanges() = default;

  // `done` is told later, never from within, on the loop's thread; it may come
  // when the client is gone, and does nothing then. No room is in both lists.
  // UNAVAILABLE: will be tried again. NOT_FOUND, FAILED_PRECONDITION: there is
  // no such session any more; no more changes come for this client.
  virtual void Change(SocketWire& socket, std::vector<SessionRoomJoin> joins,
                      std::vector<std::string> leaves, Done done) = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_SESSION_CHANGES_H_
