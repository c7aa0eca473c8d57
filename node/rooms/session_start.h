// Where the history of a join begins, as a session keeps it.
#ifndef ROOMLOG_NODE_ROOMS_SESSION_START_H_
#define ROOMLOG_NODE_ROOMS_SESSION_START_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "node/rooms/replay_start.h"

namespace roomlog {

struct SessionStart {
  // The joins with history of one session are counted, from 1, so that an
  // offset can name one (client_offset.h), whatever room is left meanwhile.
  uint64_t join = 0;
  ReplayStart start;

  friend bool operator==(const SessionStart&, const SessionStart&) = default;
};

// Short text, at most kSessionStartBytesMax; of a join without history empty.
std::string FormatSessionStart(const SessionStart& start);

// INVALID_ARGUMENT: not what FormatSessionStart() makes of a join with history.
absl::StatusOr<SessionStart> ParseSessionStart(absl::string_view text);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_SESSION_START_H_
