// What is asked and told when a client comes back.
#ifndef ROOMLOG_NODE_ROOMS_RECOVERY_H_
#define ROOMLOG_NODE_ROOMS_RECOVERY_H_

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/position.h"
#include "node/link/backplane.h"
#include "node/rooms/client_offset.h"
#include "node/rooms/session_changes.h"
#include "node/socketio/encoded_packet.h"

namespace roomlog {

struct RecoveredSession {
  // Where in the log it was opened, with the epoch that the log had then.
  Position opened;
  std::vector<SessionRoomEntry> rooms;  // In the order of joining.
  // What the client says it has; none: nothing.
  std::optional<ClientOffset> has;
  // Where the operation that restored it stands: the log reaches so far at
  // least, so nothing that the client has is beyond it.
  Position restored;
};

// All that was owed to the client, in order.
struct Recovered {
  FrameList missed;
};

// Of what is owed in `room`, what was said after `from` and up to `oldest` is
// not to be had: what is kept begins after `oldest`.
struct RecoveryGap {
  GapReason reason;
  std::string room;
  Position from;
  Position oldest;

  friend bool operator==(const RecoveryGap&, const RecoveryGap&) = default;
};

struct NotRecovered {
  std::vector<RecoveryGap> gaps;  // At least one.
};

// Told later, never from within Recover(). Recovered: the client is in the
// layer when it is called, and `missed` must be sent, and the client accepted,
// before it returns, for live events follow. It may remove the client.
// NotRecovered: nothing was sent, and the layer does not know the client.
using RecoverDone =
    absl::AnyInvocable<void(std::variant<Recovered, NotRecovered>) &&>;

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_RECOVERY_H_
