// How far somebody has read: an offset with the epoch it belongs to.
#ifndef ROOMLOG_BASE_POSITION_H_
#define ROOMLOG_BASE_POSITION_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"

namespace roomlog {

struct Position {
  Epoch epoch;
  Offset offset;

  friend bool operator==(const Position&, const Position&) = default;
};

// The offset as users see it: opaque, short, made of [0-9a-z-] only, so that it
// may stand in JSON, in a URL and in a cookie unquoted.
std::string FormatPosition(Position position);

// INVALID_ARGUMENT: not what FormatPosition() makes.
absl::StatusOr<Position> ParsePosition(absl::string_view text);

}  // namespace roomlog

#endif  // ROOMLOG_BASE_POSITION_H_
