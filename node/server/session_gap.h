// Why a client that came back is not what it was.
#ifndef ROOMLOG_NODE_SERVER_SESSION_GAP_H_
#define ROOMLOG_NODE_SERVER_SESSION_GAP_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "node/rooms/recovery.h"
#include "node/socketio/value.h"

namespace roomlog {

// A client asked for its session, and began anew: it is in no room, and may
// have missed anything that was said since it was lost.
struct SessionGap {
  enum class Reason {
    kExpired,      // Its window is over, or there never was such a session.
    kUnavailable,  // The broker did not answer in time.
    kBadOffset,    // What it gave as its offset is none.
    kRetention,    // Something that was owed is no longer kept.
    kEpoch,        // The log began a new life.
    kLimit,        // More is owed than a recovery may send.
    kDamage,       // The log cannot prove it whole.
  };

  Reason reason = Reason::kExpired;
  // The rooms of which something is missing; none if nobody looked.
  std::vector<RecoveryGap> rooms;
};

SessionGap::Reason ReasonOf(GapReason reason);
// "expired", "retention" and so on.
absl::string_view SessionGapReasonName(SessionGap::Reason reason);

// A session that is over, as far as this node can tell.
struct ExpiredSession {
  std::string socket_id;
  Value data;  // What the program kept with the socket.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_SESSION_GAP_H_
