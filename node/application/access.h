// The seam to whoever decides what clients may ask.
#ifndef ROOMLOG_NODE_APPLICATION_ACCESS_H_
#define ROOMLOG_NODE_APPLICATION_ACCESS_H_

#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "base/room_key.h"
#include "node/application/request.h"
#include "node/server/socket.h"

namespace roomlog {

// What one client may do. On its loop's thread.
class ClientAccess {
 public:
  virtual ~ClientAccess() = default;

  // Whether an event is answered there, and no affair of the application.
  virtual bool Handles(absl::string_view event) const = 0;

  // Called for every request before it is done, those that are wrong anyway
  // included: why it must not be done, or nothing.
  virtual std::optional<Refusal> Check(const ClientRequest& request) = 0;

  // Called before a client begins to watch a room, after Check(): what it may
  // do may have changed while the broker was asked whether the room has a feed.
  virtual std::optional<Refusal> CheckWatch(const RoomKey& room) = 0;
};

class AccessRules {
 public:
  virtual ~AccessRules() = default;

  // Called when a socket has joined a namespace, on the thread of its loop.
  // What comes back is gone not long after the socket, and uses it no more once
  // the socket is gone.
  virtual std::unique_ptr<ClientAccess> Of(Socket& socket) = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_APPLICATION_ACCESS_H_
