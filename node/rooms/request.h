// What clients ask of the room application, read from the events they send and
// checked against every rule that needs no state.
#ifndef ROOMLOG_NODE_ROOMS_REQUEST_H_
#define ROOMLOG_NODE_ROOMS_REQUEST_H_

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "base/position.h"
#include "base/room_key.h"
#include "node/rooms/answer.h"
#include "node/socketio/socket.h"

namespace roomlog {

// Where the history that a joining client wants begins.
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

struct ClientJoin {
  RoomKey room;
  ReplayStart start;
};

struct ClientLeave {
  RoomKey room;
};

struct ClientPublish {
  RoomKey room;
  std::string id;      // Empty: none.
  std::string packet;  // As the log keeps it; at most kPacketBytesMax.
};

struct ClientHistory {
  RoomKey room;
  // At most one is set; neither means the newest.
  std::optional<Position> before;
  std::optional<Position> after;
  size_t limit = 0;  // 1 to kHistoryPageEventsMax.
};

// Which node am I on?
struct ClientNode {};

using ClientRequest = std::variant<ClientJoin, ClientLeave, ClientPublish,
                                   ClientHistory, ClientNode, Refusal>;

// Keeps buffers from one request to the next. One thread.
class RequestReader {
 public:
  // Reads what a socket of `name_space` sent: any JSON whatever, of which a
  // Refusal says what is wrong with it.
  ClientRequest Read(absl::string_view name_space, const IncomingEvent& event);

 private:
  simdjson::dom::parser parser_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_REQUEST_H_
