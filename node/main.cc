// roomlog-edge: a ready edge node: Socket.IO clients on one side, the broker on
// the other, and the room application between.
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "node/link/loop_link.h"
#include "node/rooms/room_application.h"
#include "node/socketio/json.h"
#include "node/socketio/socket_server.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:8080",
          "Where clients connect. Port 0 takes a free one.");
ABSL_FLAG(std::string, broker, "tcp://127.0.0.1:7400",
          "Where the broker listens. It may be started later.");
ABSL_FLAG(std::string, static, "",
          "A directory whose files are served to browsers. Empty: none.");
ABSL_FLAG(std::string, name, "",
          "What people call this node. Empty: host name and port.");

namespace roomlog {
namespace {

namespace asio = boost::asio;

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "edge";
}

std::string NodeName() {
  const std::string name = absl::GetFlag(FLAGS_name);
  if (!name.empty()) return name;
  const std::string listen = absl::GetFlag(FLAGS_listen);
  return absl::StrCat(HostName(), ":",
                      listen.substr(listen.find_last_of(':') + 1));
}

void LogLine(absl::string_view line) {
  spdlog::info(std::string_view(line.data(), line.size()));
}

// What `/healthz` says: the broker answers and takes publishes, or why not.
Health HealthOf(const Backplane& backplane) {
  const absl::Status status = backplane.health();
  if (status.ok()) return {};
  return {false, absl::StrCat(R"({"ok":false,"reason":)",
                              Quote(status.message()), "}")};
}

// Calls `work` whenever `descriptor` is readable, as long as the loop runs.
void WhenReadable(asio::posix::stream_descriptor& descriptor,
                  std::function<void()> work) {
  descriptor.async_wait(
      asio::posix::stream_descriptor::wait_read,
      [&descriptor, work = std::move(work)](boost::system::error_code error) {
        if (error) return;
        work();
        WhenReadable(descriptor, work);
      });
}

// Calls `work` about once a second, as long as the loop runs.
void EachSecond(asio::steady_timer& timer, std::function<void()> work) {
  timer.expires_after(std::chrono::seconds(1));
  timer.async_wait(
      [&timer, work = std::move(work)](boost::system::error_code error) {
        if (error) return;
        work();
        EachSecond(timer, work);
      });
}

// Each client needs a descriptor, and the usual bound is far below kClientsMax:
// takes as many as the system lets this process have.
void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

absl::Status Run() {
  RaiseDescriptorLimit();
  asio::io_context io(1);
  const SystemClock clock;
  const std::string name = NodeName();
  absl::StatusOr<std::unique_ptr<LoopLink>> link =
      LoopLink::Start(absl::GetFlag(FLAGS_broker), name, clock, LogLine);
  if (!link.ok()) return link.status();
  RoomApplication application({name}, **link);

  SocketServerOptions options;
  options.engine.static_directory = absl::GetFlag(FLAGS_static);
  options.engine.health = [&link] { return HealthOf(**link); };
  SocketServer server(std::move(options), application, io);
  const absl::StatusOr<uint16_t> port =
      server.Start(absl::GetFlag(FLAGS_listen));
  if (!port.ok()) return port.status();

  asio::posix::stream_descriptor wake(io, (*link)->wake_fd());
  WhenReadable(wake, [&] { (*link)->DoWork(application); });
  asio::steady_timer each_second(io);
  EachSecond(each_second, [&] { application.OnTick(); });

  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](boost::system::error_code, int) {
    spdlog::info("stopping: closing {} clients", server.client_count());
    server.Stop([&io] { io.stop(); });
  });

  const std::string listen = absl::GetFlag(FLAGS_listen);
  const std::string address =
      absl::StrCat(listen.substr(0, listen.find_last_of(':')), ":", *port);
  // The one line on standard output says that the edge takes clients.
  std::printf("roomlog-edge listening on http://%s\n", address.c_str());
  std::fflush(stdout);
  spdlog::info("{} listening on http://{}, broker at {}", name, address,
               absl::GetFlag(FLAGS_broker));
  io.run();
  wake.release();  // The link closes it.
  return absl::OkStatus();
}

}  // namespace
}  // namespace roomlog

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Serves Socket.IO clients, and shares their rooms with the cluster.\n"
      "  roomlog-edge [--listen=127.0.0.1:8080] "
      "[--broker=tcp://127.0.0.1:7400] [--static=DIR]");
  absl::ParseCommandLine(argc, argv);
  spdlog::set_default_logger(spdlog::stderr_color_mt("edge"));
  const absl::Status status = roomlog::Run();
  if (!status.ok()) {
    std::fprintf(stderr, "roomlog-edge: %s\n",
                 std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
