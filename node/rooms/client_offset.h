// The string by which a client that comes back says what it has.
#ifndef ROOMLOG_NODE_ROOMS_CLIENT_OFFSET_H_
#define ROOMLOG_NODE_ROOMS_CLIENT_OFFSET_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/position.h"

namespace roomlog {

// `<event>`: the client has all of its rooms up to that event.
// `<event>~<place>~<join>`: it was being sent the history of a join, and has
// that up to `event`, and all of its rooms up to `place`.
struct ClientOffset {
  struct InHistory {
    Position place;
    // The joins with history of one session are counted, from 1.
    uint64_t join = 0;
    friend bool operator==(const InHistory&, const InHistory&) = default;
  };

  Position event;
  std::optional<InHistory> history;

  // Up to where the client has all of its rooms.
  Position place() const {
    return history.has_value() ? history->place : event;
  }
  friend bool operator==(const ClientOffset&, const ClientOffset&) = default;
};

// What comes behind the event: `~<place>~<join>`.
std::string FormatHistorySuffix(const ClientOffset::InHistory& history);
std::string FormatClientOffset(const ClientOffset& offset);

// INVALID_ARGUMENT: not what FormatClientOffset() makes.
absl::StatusOr<ClientOffset> ParseClientOffset(absl::string_view text);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_CLIENT_OFFSET_H_
