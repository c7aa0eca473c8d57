// What is kept of a user, and how a program changes it.
#ifndef ROOMLOG_NODE_SERVER_USER_STATE_H_
#define ROOMLOG_NODE_SERVER_USER_STATE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/position.h"

namespace roomlog {

// What is kept of a user, the same on every node.
struct UserState {
  std::string json;        // An object; empty: there is none.
  Position version;        // Of its last change; 0 if there is none.
  int64_t expires_ms = 0;  // Since 1970; 0: never.
};
using UserStateDone = absl::AnyInvocable<void(absl::StatusOr<UserState>) &&>;

// How a change is made.
struct UserChangeOptions {
  // Only if this is its version; an empty Position: only if there is no state.
  std::optional<Position> if_version;
  // How long it lasts from now. Without it a Set() lasts for good, and a
  // Merge() as long as what there was. At most kUserStateTtlMax.
  std::optional<absl::Duration> ttl;
  // Done once per user and id; empty: always. At most kPublishIdBytesMax.
  std::string id;
};

struct UserChanged {
  Position version;
  // The id was used before; `version` is of that first change.
  bool duplicate = false;
};
// UNAVAILABLE, RESOURCE_EXHAUSTED: as of Backplane::Publish().
// INVALID_ARGUMENT: it is no JSON object, or too large. FAILED_PRECONDITION:
// the version is another. NOT_FOUND: there is nothing to remove.
using UserChangedDone =
    absl::AnyInvocable<void(absl::StatusOr<UserChanged>) &&>;

using DismissedDone = absl::AnyInvocable<void(absl::Status) &&>;

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_USER_STATE_H_
