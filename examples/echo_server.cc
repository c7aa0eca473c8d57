// A Socket.IO server that says back what it hears, for conformance tests: it
// emits "auth" with what came with each CONNECT; "message-back" for each
// "message", and an acknowledgement for each "message-with-ack", both with the
// same arguments, bytes included.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/string_view.h"
#include "examples/engine_echo.h"
#include "node/server/server.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:0", "where clients connect");
ABSL_FLAG(std::string, broker, "none", "the broker, or none: runs alone");
ABSL_FLAG(std::vector<std::string>, namespaces, {}, "those that exist; all");
ABSL_FLAG(absl::Duration, ping_interval, absl::Seconds(25), "");
ABSL_FLAG(absl::Duration, ping_timeout, absl::Seconds(20), "");
ABSL_FLAG(absl::Duration, connect_timeout, absl::Seconds(45), "");
ABSL_FLAG(uint32_t, threads, 1, "event loops");
ABSL_FLAG(std::vector<std::string>, origins, {}, "those that may connect; all");
ABSL_FLAG(uint32_t, clients_max, 1000, "");
ABSL_FLAG(absl::Duration, header_time, absl::Seconds(10), "");
ABSL_FLAG(std::string, static, "", "the directory whose files are served");
ABSL_FLAG(bool, engine_only, false, "echo Engine.IO messages at /engine.io/");

namespace {

void Serve(roomlog::Socket& socket) {
  socket.Emit("auth", socket.Handshake().auth);
  socket.On("message", [&socket](const roomlog::Args& args) {
    socket.EmitValues("message-back", args.ToValues(), nullptr, {});
  });
  socket.On("message-with-ack",
            [](const roomlog::Args& args, const roomlog::Ack& ack) {
              ack.SendValues(args.ToValues());
            });
}

}  // namespace

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  roomlog::ServerOptions options;
  options.listen = absl::GetFlag(FLAGS_listen);
  options.broker = absl::GetFlag(FLAGS_broker);
  options.connect_timeout = absl::GetFlag(FLAGS_connect_timeout);
  options.engine.times = {.ping_interval = absl::GetFlag(FLAGS_ping_interval),
                          .ping_timeout = absl::GetFlag(FLAGS_ping_timeout)};
  options.engine.threads = absl::GetFlag(FLAGS_threads);
  options.engine.handshake.allowed_origins = absl::GetFlag(FLAGS_origins);
  options.engine.clients_max = absl::GetFlag(FLAGS_clients_max);
  options.engine.header_time = absl::GetFlag(FLAGS_header_time);
  options.engine.static_directory = absl::GetFlag(FLAGS_static);
  if (absl::GetFlag(FLAGS_engine_only)) {
    options.engine.path = "/engine.io/";
    return roomlog::RunEngineEcho(
        {.listen = options.listen, .engine = options.engine});
  }

  roomlog::Server io(options);
  io.OnConnection(Serve);
  const std::vector<std::string> names = absl::GetFlag(FLAGS_namespaces);
  for (const std::string& name : names) {
    if (name != "/") io.Of(name).OnConnection(Serve);
  }
  if (names.empty()) {
    io.Of([](absl::string_view) { return true; }).OnConnection(Serve);
  }
  const absl::Status status = io.Run([](uint16_t port) {
    std::printf("listening on http://127.0.0.1:%d\n", port);
    std::fflush(stdout);
  });
  if (status.ok()) return 0;
  std::fprintf(stderr, "echo_server: %s\n",
               std::string(status.message()).c_str());
  return 1;
}
