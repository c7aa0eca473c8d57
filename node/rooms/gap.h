// What somebody asked for and cannot have.
#ifndef ROOMLOG_NODE_ROOMS_GAP_H_
#define ROOMLOG_NODE_ROOMS_GAP_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/position.h"
#include "node/link/backplane.h"

namespace roomlog {

// Of the events after `from`, up to and with `to`, some or all were not sent;
// what was sent next comes after `to`.
struct Gap {
  GapReason reason;
  Position from;
  Position to;

  friend bool operator==(const Gap&, const Gap&) = default;
};

// Appends `"reason":...,"from":...,"to":...`: the inside of a JSON object.
void AppendGapMembers(const Gap& gap, std::string* json);

// The packet of the event `roomlog:gap`, by which a member of `room` hears of a
// gap in what it would have got; `name_space` is the room's.
std::string GapPacket(absl::string_view name_space, absl::string_view room,
                      const Gap& gap);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_GAP_H_
