// Whether clients that were cut off may come back to what they missed.
#ifndef ROOMLOG_NODE_SERVER_RECOVERY_OPTIONS_H_
#define ROOMLOG_NODE_SERVER_RECOVERY_OPTIONS_H_

#include "absl/time/time.h"

namespace roomlog {

// Socket.IO's connectionStateRecovery. A client that comes back within
// `window`, on any node, has the id, rooms and data that it had, and first of
// all gets what it missed.
struct RecoveryOptions {
  // From when it was lost. 1 s to kRecoveryWindowMax.
  absl::Duration window = absl::Minutes(2);
  // Middlewares are not run for it again.
  bool skip_middlewares = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_RECOVERY_OPTIONS_H_
