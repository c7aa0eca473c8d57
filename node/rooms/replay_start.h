// Where the history begins that somebody wants on joining a room.
#ifndef ROOMLOG_NODE_ROOMS_REPLAY_START_H_
#define ROOMLOG_NODE_ROOMS_REPLAY_START_H_

#include <cstddef>
#include <cstdint>
#include <variant>

#include "base/position.h"

namespace roomlog {

struct FromNow {
  friend bool operator==(FromNow, FromNow) = default;
};
struct FromStart {
  friend bool operator==(FromStart, FromStart) = default;
};
struct LastEvents {
  size_t count = 0;  // At most kReplayEventsMax.
  friend bool operator==(LastEvents, LastEvents) = default;
};
struct AfterPosition {
  Position position;
  friend bool operator==(const AfterPosition&, const AfterPosition&) = default;
};
struct SinceTime {
  int64_t ms = 0;  // Since 1970.
  friend bool operator==(SinceTime, SinceTime) = default;
};
using ReplayStart =
    std::variant<FromNow, FromStart, LastEvents, AfterPosition, SinceTime>;

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_REPLAY_START_H_
