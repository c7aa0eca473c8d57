// A namespace with a doorkeeper: who has no token is refused, with a message
// and with data; who has one is known by name from then on.
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "node/server/server.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:3000", "where clients connect");

using roomlog::Ack;
using roomlog::Args;
using roomlog::Next;
using roomlog::Socket;
using roomlog::Value;

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  roomlog::Server io({.listen = absl::GetFlag(FLAGS_listen)});

  roomlog::Namespace members = io.Of("/members");
  members.Use([](Socket& socket, const Next& next) {
    const absl::string_view token = socket.Handshake().auth["token"].AsString();
    if (token != "sesame") {
      return next("who are you?", Value::ObjectOf({{"code", 401}}));
    }
    socket.Data().Set("name", socket.Handshake().auth["name"]);
    next();
  });
  members.OnConnection([](Socket& socket) {
    socket.Emit("welcome", socket.Data()["name"]);
    // Who is here, on any node of the cluster?
    socket.On("who", [&socket](const Args&, const Ack& ack) {
      socket.name_space().FetchSockets(
          [ack](const absl::Status& status,
                const std::vector<roomlog::RemoteSocket>& sockets) {
            Value names{Value::Array()};
            for (const auto& other : sockets) names.Append(other.data["name"]);
            ack(status.ok(), names);
          });
    });
  });

  const absl::Status status = io.Run([](uint16_t port) {
    std::printf("listening on http://127.0.0.1:%d\n", port);
    std::fflush(stdout);
  });
  return status.ok() ? 0 : 1;
}
