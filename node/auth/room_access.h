// What clients of the room application may do, and how much of it.
#ifndef ROOMLOG_NODE_AUTH_ROOM_ACCESS_H_
#define ROOMLOG_NODE_AUTH_ROOM_ACCESS_H_

#include <cstddef>
#include <memory>

#include "base/clock.h"
#include "node/application/access.h"
#include "node/auth/event_bucket.h"

namespace roomlog {

// Of one socket.
struct SocketLimits {
  EventRate events;
  size_t rooms_max = 0;  // 0: kRoomsPerClientMax.
};

// Sockets that have an auth_session() may do what its permissions say, within
// the user's limits; those that have none may do everything. The limits of each
// socket hold for both.
class RoomAccess final : public AccessRules {
 public:
  // Borrows `clock`.
  RoomAccess(SocketLimits limits, const Clock& clock)
      : limits_(limits), clock_(clock) {}

  std::unique_ptr<ClientAccess> Of(Socket& socket) override;

 private:
  class SocketAccess;

  const SocketLimits limits_;
  const Clock& clock_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_ROOM_ACCESS_H_
