// The same as socketio_server.mjs, on our library: "m" goes to every client,
// "e" is acknowledged.
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "node/server/server.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:3000", "where clients connect");

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  roomlog::ServerOptions options;
  options.listen = absl::GetFlag(FLAGS_listen);
  options.engine.clients_max = 100'000;
  roomlog::Server io(std::move(options));
  io.OnConnection([&io](roomlog::Socket& socket) {
    socket.On("m", [&io](const roomlog::Args& args) { io.Emit("m", args[0]); });
    socket.On("e", [](const roomlog::Args& args, const roomlog::Ack& ack) {
      ack(args[0]);
    });
  });
  return io.Run().ok() ? 0 : 1;
}
