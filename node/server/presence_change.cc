#include "node/server/presence_change.h"

#include "base/event_array.h"
#include "base/json.h"
#include "node/socketio/args.h"

namespace roomlog {

// `2["roomlog:presence",{...}]`, perhaps with the namespace before the array:
// sessions/presence_feed.cc writes it.
std::optional<PresenceChange> ParsePresenceEvent(absl::string_view packet) {
  const absl::string_view array = EventArray(packet);
  if (array.empty() || !IsJson(array)) return std::nullopt;
  const Args args(array, {}, 1);
  const Value& body = args[0];
  PresenceChange change;
  change.has_joined = body["change"].AsString() == "join";
  if (!change.has_joined && body["change"].AsString() != "leave") {
    return std::nullopt;
  }
  change.room = std::string(body["room"].AsString());
  change.socket_id = std::string(body["socket"].AsString());
  change.user = std::string(body["user"].AsString());
  change.is_first_or_last = body[change.has_joined ? "first" : "last"].AsBool();
  change.sockets = static_cast<size_t>(body["sockets"].AsNumber());
  change.users = static_cast<size_t>(body["users"].AsNumber());
  return change;
}

}  // namespace roomlog
