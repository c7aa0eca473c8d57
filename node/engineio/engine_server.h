// An Engine.IO server: TCP connections in, sessions out. Beside them it serves
// health and files.
#ifndef ROOMLOG_NODE_ENGINEIO_ENGINE_SERVER_H_
#define ROOMLOG_NODE_ENGINEIO_ENGINE_SERVER_H_

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "base/limits.h"
#include "node/engineio/engine_loop.h"
#include "node/engineio/engine_session.h"
#include "node/engineio/handshake.h"
#include "node/engineio/http_connection.h"
#include "node/engineio/http_listener.h"
#include "node/engineio/id_generator.h"
#include "node/engineio/static_files.h"
#include "node/engineio/websocket_connection.h"

namespace roomlog {

struct Health {
  bool is_healthy = true;
  std::string json = R"({"ok":true})";
};

struct EngineOptions {
  EngineTimes times;
  std::string path = "/socket.io/";
  size_t message_bytes_max = kClientMessageBytesMax;
  // One more client gets 503.
  size_t clients_max = kClientsMax;
  // As for HttpConnection.
  absl::Duration header_time = kHttpHeaderTime;
  // As in HandshakeRules.
  std::vector<std::string> allowed_origins;
  // Served below "/". Empty: nothing is.
  std::string static_directory;
  // What `/healthz` says: 200, or 503 if it is not healthy.
  std::function<Health()> health;
};

// Belongs to the thread that runs `io`. Must not be destroyed from within a
// call to a handler. Destroying it cuts the connections that are left, untold.
class EngineServer final : public HttpHandler {
 public:
  // Makes what handles a new session, which outlives it. Called on the
  // session's loop.
  using MakeHandler = WebSocketConnection::MakeHandler;

  // Borrows `io`, which must outlive this object.
  EngineServer(EngineOptions options, boost::asio::io_context& io,
               MakeHandler make_handler);
  ~EngineServer() override;

  // As HttpListener::Listen(). Besides, NOT_FOUND: there is no static
  // directory.
  absl::StatusOr<uint16_t> Start(const std::string& address);

  // Takes no new connection, closes every session with `reason`, and calls
  // `done` when the last is gone: after kWebSocketCloseTime at the latest.
  void Stop(absl::string_view reason, std::function<void()> done);

  size_t session_count() const { return sessions_.size(); }
  EngineLoop& loop() { return *loop_; }

  // HttpHandler
  HttpAnswer Answer(const HttpRequest& request) override;
  void OnUpgraded(TcpSocket socket, std::string early) override;
  void OnHttpGone(HttpConnection& connection) override;

 private:
  void OnConnection(TcpSocket socket);
  void OnSessionGone(WebSocketConnection& connection);
  HttpAnswer AnswerHealth(const HttpRequest& request) const;

  const EngineOptions options_;
  const MakeHandler make_handler_;
  const std::shared_ptr<EngineLoop> loop_;
  HttpListener listener_;
  HandshakeRules handshake_rules_;
  std::optional<StaticFiles> static_files_;
  IdGenerator ids_;
  absl::flat_hash_set<HttpConnection*> http_connections_;
  absl::flat_hash_map<std::string, std::shared_ptr<WebSocketConnection>>
      sessions_;
  std::function<void()> on_stopped_;
  bool is_stopping_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_ENGINE_SERVER_H_
