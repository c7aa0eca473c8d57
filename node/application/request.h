// What clients ask of the room application, read from the events they send and
// checked against every rule that needs no state.
#ifndef ROOMLOG_NODE_APPLICATION_REQUEST_H_
#define ROOMLOG_NODE_APPLICATION_REQUEST_H_

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "base/position.h"
#include "base/room_key.h"
#include "node/application/answer.h"
#include "node/rooms/history_page.h"
#include "node/rooms/replay_start.h"
#include "node/server/presence_query.h"
#include "node/server/user_state.h"
#include "node/socketio/args.h"

namespace roomlog {

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

using ClientHistory = HistoryQuery;

struct ClientPresence {
  RoomKey room;  // Perhaps that of the namespace, with the empty name.
  PresenceQuery query;
  std::optional<bool> watch;  // From now on, or no more.
};

// What is kept of a user, or how it is to change.
struct ClientUserState {
  enum class Change { kNone, kSet, kMerge, kRemove };

  std::string user;  // Empty: the socket's own.
  Change change = Change::kNone;
  std::string json;  // Of a set or a merge: an object.
  UserChangeOptions options;
  std::optional<bool> watch;  // From now on, or no more.
};

// Which node am I on?
struct ClientNode {};

using ClientRequest =
    std::variant<ClientJoin, ClientLeave, ClientPublish, ClientHistory,
                 ClientPresence, ClientUserState, ClientNode, Refusal>;

// Keeps buffers from one request to the next. One thread.
class RequestReader {
 public:
  // Reads what a socket of `name_space` sent: any JSON whatever, of which a
  // Refusal says what is wrong with it.
  ClientRequest Read(absl::string_view name_space, absl::string_view event,
                     const Args& args);

 private:
  simdjson::dom::parser parser_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_APPLICATION_REQUEST_H_
