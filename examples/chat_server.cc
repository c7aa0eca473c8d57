// A chat: who says something in a room is heard by all who are in it, on any
// node of the cluster, and who comes later reads what was said before.
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "node/server/server.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:3000", "where clients connect");
ABSL_FLAG(std::string, broker, "none", "the broker, or none: runs alone");

using roomlog::Ack;
using roomlog::Args;
using roomlog::Socket;
using roomlog::Value;

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  roomlog::Server io({.listen = absl::GetFlag(FLAGS_listen),
                      .broker = absl::GetFlag(FLAGS_broker)});

  io.OnConnection([&io](Socket& socket) {
    // enter("lobby", "Ann"): the last 20 lines come first, then the answer.
    socket.On("enter", [&socket](const Args& args, const Ack& ack) {
      const std::string room(args[0].AsString());
      socket.Data().Set("name", args[1]);
      socket.Join(room, roomlog::LastEvents{20},
                  [ack](const absl::StatusOr<roomlog::Joined>& joined) {
                    ack(joined.ok() ? "welcome" : "no such room");
                  });
      socket.To(room).Emit("entered", args[1]);
    });

    // say("lobby", "hello"): kept in the room's log, and answered once it is.
    socket.On("say", [&io, &socket](const Args& args, const Ack& ack) {
      io.Publish(
          args[0].AsString(), "said",
          Value::ObjectOf({{"name", socket.Data()["name"]}, {"text", args[1]}}),
          {}, [ack](const absl::StatusOr<roomlog::Published>& kept) {
            ack(kept.ok());
          });
    });

    socket.OnDisconnecting([&socket](absl::string_view) {
      socket.To(socket.Rooms()).Emit("left", socket.Data()["name"]);
    });
  });

  const absl::Status status = io.Run([](uint16_t port) {
    std::printf("listening on http://127.0.0.1:%d\n", port);
    std::fflush(stdout);
  });
  return status.ok() ? 0 : 1;
}
