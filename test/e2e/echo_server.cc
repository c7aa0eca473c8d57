// A Socket.IO server for conformance tests. It says back what it hears: emits
// "auth" with what came with a CONNECT, "message-back" for each "message", and
// acknowledges each "message-with-ack", all with the same arguments. Beyond
// that, "leave-me" makes it disconnect the socket, "flood" makes it send
// without end to who does not read, and "last-reason" acknowledges with the
// reason for which it last lost a socket.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "node/socketio/json.h"
#include "node/socketio/packet.h"
#include "node/socketio/socket_server.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:0", "where clients connect");
ABSL_FLAG(std::vector<std::string>, namespaces, {}, "those that exist; all");
ABSL_FLAG(absl::Duration, ping_interval, absl::Seconds(25), "");
ABSL_FLAG(absl::Duration, ping_timeout, absl::Seconds(20), "");
ABSL_FLAG(absl::Duration, connect_timeout, absl::Seconds(45), "");
ABSL_FLAG(std::vector<std::string>, origins, {}, "those that may connect; all");
ABSL_FLAG(uint32_t, clients_max, 1000, "");
ABSL_FLAG(absl::Duration, header_time, absl::Seconds(10), "");
ABSL_FLAG(std::string, static, "", "the directory whose files are served");

namespace roomlog {
namespace {

class Echo final : public SocketHandler {
 public:
  void OnConnect(Socket& socket) override {
    Emit(socket, absl::StrCat(R"(["auth",)", socket.auth(), "]"));
  }

  void OnEvent(Socket& socket, const IncomingEvent& event) override {
    // What stands behind the name: "," and the arguments, or nothing, then "]".
    const absl::string_view name = FirstElement(event.arguments);
    const absl::string_view rest = event.arguments.substr(
        name.data() + name.size() - event.arguments.data());
    if (event.name == "message") {
      Emit(socket, absl::StrCat(R"(["message-back")", rest));
    } else if (event.name == "message-with-ack") {
      const size_t comma = rest.find(',');
      Acknowledge(
          socket, event,
          absl::StrCat("[", comma == rest.npos ? absl::string_view("]")
                                               : rest.substr(comma + 1)));
    } else if (event.name == "leave-me") {
      socket.Disconnect();
      Emit(socket, R"(["never"])");
    } else if (event.name == "flood") {
      Emit(socket, R"(["flood"])");
      const std::string filler(100'000, 'x');
      const SharedFramePtr frame =
          MakeFrame(absl::StrCat(R"(2["filler",")", filler, R"("])"));
      for (int i = 0; i < 1000; ++i) socket.Send(frame);
    } else if (event.name == "last-reason") {
      Acknowledge(socket, event, absl::StrCat("[", Quote(last_reason_), "]"));
    }
  }

  void OnDisconnect(Socket&, absl::string_view reason) override {
    last_reason_ = std::string(reason);
  }

  void OnDrained(Socket&) override {}

 private:
  static void Emit(Socket& socket, absl::string_view arguments) {
    socket.Send(MakeFrame(EncodePacket({.type = PacketType::kEvent,
                                        .name_space = socket.name_space(),
                                        .data = arguments})));
  }

  static void Acknowledge(Socket& socket, const IncomingEvent& event,
                          absl::string_view arguments) {
    if (event.ack_id.has_value()) {
      socket.Acknowledge(*event.ack_id, arguments);
    }
  }

  std::string last_reason_;
};

int Run() {
  SocketServerOptions options;
  options.engine.times = {.ping_interval = absl::GetFlag(FLAGS_ping_interval),
                          .ping_timeout = absl::GetFlag(FLAGS_ping_timeout)};
  options.engine.static_directory = absl::GetFlag(FLAGS_static);
  options.engine.header_time = absl::GetFlag(FLAGS_header_time);
  options.engine.handshake.allowed_origins = absl::GetFlag(FLAGS_origins);
  options.engine.clients_max = absl::GetFlag(FLAGS_clients_max);
  options.client.connect_timeout = absl::GetFlag(FLAGS_connect_timeout);
  const std::vector<std::string> namespaces = absl::GetFlag(FLAGS_namespaces);
  if (!namespaces.empty()) {
    options.client.is_namespace = [namespaces](absl::string_view name) {
      return std::find(namespaces.begin(), namespaces.end(), name) !=
             namespaces.end();
    };
  }

  boost::asio::io_context io(1);
  Echo echo;
  SocketServer server(std::move(options), echo, io);
  const absl::StatusOr<uint16_t> port =
      server.Start(absl::GetFlag(FLAGS_listen));
  if (!port.ok()) {
    std::fprintf(stderr, "%s\n", port.status().ToString().c_str());
    return 1;
  }
  std::printf("listening on http://127.0.0.1:%d\n", *port);
  std::fflush(stdout);

  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait(
      [&](boost::system::error_code, int) { server.Stop([&] { io.stop(); }); });
  io.run();
  return 0;
}

}  // namespace
}  // namespace roomlog

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return roomlog::Run();
}
