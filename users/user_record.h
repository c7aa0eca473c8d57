// What is kept of a user, and how it changes.
#ifndef ROOMLOG_USERS_USER_RECORD_H_
#define ROOMLOG_USERS_USER_RECORD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"

namespace roomlog {

// The record as its last event tells it.
struct UserRecord {
  std::string state;       // A JSON object; empty: there is none.
  int64_t expires_ms = 0;  // Since 1970; 0: never.
  Offset version;          // Of that event; 0: there was none yet.

  // Whether there is a state at that time.
  bool IsThere(int64_t now_ms) const {
    return !state.empty() && (expires_ms == 0 || now_ms < expires_ms);
  }
};

// Reads the packet of a user room's event, `2["roomlog:user",{...}]`, as
// docs/client-api.md has it. DATA_LOSS: it is none.
absl::StatusOr<UserRecord> ParseUserEvent(absl::string_view packet,
                                          Offset offset);

// What an operation makes of a record.
struct UserChange {
  std::string packet;      // Of the event to be appended.
  int64_t expires_ms = 0;  // As of the record that it makes.
};

// Applies a serialized UserOperation (proto/users.proto) to the record of
// `user`. It follows from its arguments alone. INVALID_ARGUMENT: malformed, or
// beyond a bound. FAILED_PRECONDITION: the version is another; the message says
// which. NOT_FOUND: there is nothing to remove.
absl::StatusOr<UserChange> ChangeUser(const UserRecord& record,
                                      absl::string_view name_space,
                                      absl::string_view user,
                                      absl::string_view operation,
                                      int64_t now_ms);

// The packet of the event that tells that the record's time is over.
std::string UserExpiredPacket(absl::string_view name_space,
                              absl::string_view user);

}  // namespace roomlog

#endif  // ROOMLOG_USERS_USER_RECORD_H_
