// The other pieces of docs/cpp-api.md, so that the build notices when one of
// them is no longer true. Not to be run.
#include "base/room_key.h"
#include "node/server/server.h"

namespace roomlog {

void ReadValues(Socket& socket) {
  socket.On("order", [](const Args& args, const Ack& ack) {
    const double amount = args[0]["items"][0]["amount"].AsNumber(1);
    ack(Value::ObjectOf(
        {{"amount", amount}, {"receipt", Value::Binary("...")}}));
  });
}

void RoomsWithAHistory(Server& io, Socket& socket, const Ack& ack) {
  socket.Join(
      "lobby", LastEvents{20},
      [ack](const absl::StatusOr<Joined>& joined) { ack(joined.ok()); });
  io.Publish("lobby", "said", Value("hello"), {.id = "a-uuid"},
             [](absl::StatusOr<Published>) {});
  io.History({.room = *RoomKey::Make("/", "lobby"), .limit = 50},
             [](absl::StatusOr<HistoryAnswer>) {});
}

void ClientsThatComeBack() {
  Server io({.recovery = RecoveryOptions{.window = absl::Minutes(2)}});
  io.OnConnection([](Socket& socket) {
    if (socket.recovered()) return;
    if (const SessionGap* gap = socket.recovery_gap()) {
      socket.Emit("load-anew", SessionGapReasonName(gap->reason));
    }
    socket.Data().Set("since", 2026);
    socket.Join("lobby");
  });
  io.OnSessionExpired([](const ExpiredSession&) {});
}

void FromNodeJs(Server& io, Socket& socket) {
  io.Of([](absl::string_view) {
      return true;
    }).Use([](Socket&, const Next& next) {
    next("no", Value::ObjectOf({{"code", 1}}));
  });
  socket.OnAny([](absl::string_view, const Args&) {});
  socket.Timeout(absl::Seconds(5))
      .Emit("e", 1, [](const absl::StatusOr<Values>&) {});
  socket.Volatile().Emit("e");
  socket.Broadcast().Emit("e");
  io.To("a").To("b").Except("c").Emit("e", 1, "x");
  io.Local().Emit("e");
  io.Timeout(absl::Seconds(5))
      .Emit("e", [](const absl::Status&, const Values&) {});
  io.In("r").FetchSockets(
      [](const absl::Status&, const std::vector<RemoteSocket>&) {});
  io.In("r").SocketsJoin({"s"});
  io.In("r").DisconnectSockets(true);
  io.ServerSideEmit("e", 1, [](const absl::Status&, const Values&) {});
}

}  // namespace roomlog
