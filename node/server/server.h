// A Socket.IO server. This header is all that most programs include.
#ifndef ROOMLOG_NODE_SERVER_SERVER_H_
#define ROOMLOG_NODE_SERVER_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "node/engineio/engine_options.h"
#include "node/link/link_keys.h"
#include "node/link/loop_backplane.h"
#include "node/server/namespace.h"
#include "node/server/recovery_options.h"
#include "node/server/server_core.h"
#include "node/server/socket.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {

struct ServerOptions {
  // "127.0.0.1:3000", "[::1]:3000"; port 0 takes a free one.
  std::string listen = "127.0.0.1:3000";
  // Where the broker of the cluster listens, as "tcp://127.0.0.1:7400"; it may
  // be started later. "none": this server runs alone, and keeps the log in its
  // memory.
  std::string broker = "none";
  // By which this server and the broker know each other. None: not encrypted.
  std::optional<LinkKeys> link_keys;
  // What people call this node. Empty: its address.
  std::string name;
  // Ping times, number of loops (`threads`), TLS, CORS and so on. If `health`
  // is not set, it tells whether the broker answers and takes publishes.
  EngineOptions engine;
  // A client that has joined no namespace by then is closed.
  absl::Duration connect_timeout = absl::Seconds(45);
  // How long Drain() takes to close the clients, a few at a time. Zero: all at
  // once. At most kDrainTimeMax.
  absl::Duration drain_time = absl::ZeroDuration();
  // Whether what is said to whole namespaces, or to a socket by its id, reaches
  // the sockets here, and the cluster's operations do. Without it each socket
  // costs a little less; rooms, and all that a socket is told directly, work
  // without.
  bool follow_namespaces = true;
  // Whether clients that were cut off may come back, on any node, to what they
  // missed. Needs a broker, or this server alone.
  std::optional<RecoveryOptions> recovery;
  // A handler that runs longer is logged.
  absl::Duration slow_handler_time = kSlowHandlerTime;
  // Called on SIGHUP while Run() serves. Empty: SIGHUP ends the process, unless
  // there is TLS.
  std::function<void()> on_hangup;
  // Called from any thread with what people should know. Empty: standard error.
  std::function<void(absl::string_view line)> log;
};

// Is its own namespace "/", and has all of a namespace's methods:
//
//   roomlog::Server io({.listen = "127.0.0.1:3000"});
//   io.OnConnection([](roomlog::Socket& socket) {
//     socket.On("hi", [](const roomlog::Args& args, const roomlog::Ack& ack) {
//       ack("there");
//     });
//   });
//   return io.Run().ok() ? 0 : 1;
//
// Handlers are given before it starts. It is destroyed on the thread that ran
// it, after Run() or Wait() has returned.
class Server : public Namespace {
 public:
  explicit Server(ServerOptions options = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // A namespace, "/chat", made by the first call. Before the server starts;
  // from then on it gives a handle to any namespace, for emitting.
  Namespace Of(absl::string_view name);
  // All namespaces that `pattern` takes and that were not named. It is called
  // on any thread.
  Namespace Of(std::function<bool(absl::string_view name)> pattern);

  // Starts the server, and serves until Stop(), Drain(), SIGTERM, which drains,
  // or SIGINT or a second signal, which stop. With TLS, SIGHUP makes it read
  // the certificate anew. Calls `on_listening` with the port once clients may
  // come. Errors as of Start().
  absl::Status Run(std::function<void(uint16_t port)> on_listening = {});

  // The same in two steps, without signals. Start() returns the port;
  // INVALID_ARGUMENT: an address, a directory or a certificate is unusable;
  // UNAVAILABLE: the port is taken. Wait() runs the first loop on this thread.
  absl::StatusOr<uint16_t> Start();
  void Wait();

  // Tells the clients, "server shutting down", and lets what was sent go out.
  // Any thread; safe to call twice.
  void Stop();
  // The same, a few clients at a time over `drain_time`, so that those who take
  // them over do not meet all at once. Meanwhile new ones are refused with 503,
  // and /healthz says so. Any thread; Stop() cuts it short.
  void Drain();

  // Connections, whether or not they have joined a namespace. Any thread.
  size_t client_count() const;

 private:
  class Runtime;

  Server(ServerOptions options, std::shared_ptr<ServerCore> core);

  const ServerOptions options_;
  const std::shared_ptr<ServerCore> core_;
  std::unique_ptr<Runtime> runtime_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_SERVER_H_
