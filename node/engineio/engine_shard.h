// What one event loop of an Engine.IO server serves: its connections and its
// sessions.
#ifndef ROOMLOG_NODE_ENGINEIO_ENGINE_SHARD_H_
#define ROOMLOG_NODE_ENGINEIO_ENGINE_SHARD_H_

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "node/engineio/engine_client.h"
#include "node/engineio/engine_loop.h"
#include "node/engineio/engine_options.h"
#include "node/engineio/http_connection.h"
#include "node/engineio/id_generator.h"
#include "node/engineio/static_files.h"
#include "node/engineio/tls_context.h"
#include "node/engineio/websocket_connection.h"

namespace roomlog {

// Belongs to the loop's thread. Must not be destroyed from within a call to a
// handler. Destroying it cuts the connections that are left, untold.
class EngineShard final : public HttpHandler {
 public:
  // What the shards of a server share, and none of them changes but what is
  // atomic.
  struct Shared {
    EngineOptions options;
    std::optional<StaticFiles> static_files;
    std::optional<StaticFiles> client_files;
    std::unique_ptr<TlsContext> tls;  // Null: plain.
    std::atomic<size_t> client_count{0};
    std::atomic<bool> is_draining{false};  // Not healthy, whatever else.
    size_t loop_count = 1;
    // Gives a request to the loop whose session it names.
    std::function<void(size_t loop_index, HttpConnection::HandedOver)>
        hand_over;
  };
  using MakeHandler = std::function<std::unique_ptr<EngineHandler>(
      EngineSession&, size_t loop_index)>;

  // Borrows `shared`.
  EngineShard(std::shared_ptr<EngineLoop> loop, size_t index, Shared& shared,
              const MakeHandler& make_handler);
  ~EngineShard() override;

  void AddConnection(ClientSocket::Released socket);
  void TakeOver(HttpConnection::HandedOver from);
  // Answers a request that came to another node, for a session of this loop.
  void Serve(std::shared_ptr<HttpExchange> exchange);

  // Takes no new session from here on, and closes those it has with `reason`, a
  // few at a time and all within `time`; then as Stop().
  void Drain(absl::string_view reason, absl::Duration time,
             std::function<void()> done);
  // Closes every session with `reason`, and calls `done` when the last
  // connection is gone: after kWebSocketCloseTime at the latest. While it
  // drains it leaves `done` as it was told then.
  void Stop(absl::string_view reason, std::function<void()> done);

  EngineLoop& loop() { return *loop_; }

  // HttpHandler
  void OnRequest(std::shared_ptr<HttpConnection> connection) override;
  void OnHttpGone(HttpConnection& connection) override;

 private:
  void OnEngineRequest(std::shared_ptr<HttpConnection> connection);
  HttpConnection::Options connection_options() const {
    return {options_.header_time, &options_.trusted_proxies};
  }
  bool IsOfAnotherNode(absl::string_view session_id) const;
  void HandOn(absl::string_view session_id,
              std::shared_ptr<HttpConnection> connection);
  void Refuse(HttpExchange& exchange, HttpAnswer answer) const;
  // Answers what is not Engine.IO.
  HttpAnswer AnswerOther(const HttpRequest& request) const;
  HttpAnswer AnswerHealth(const HttpRequest& request) const;
  HttpAnswer AnswerClientFile(const HttpRequest& request) const;
  // Why no session can be opened now: 503 with this text. Empty if one can.
  absl::string_view full() const;

  void OpenByPolling(std::shared_ptr<HttpConnection> connection);
  void OpenByWebSocket(std::shared_ptr<HttpConnection> connection,
                       HttpAnswer answer);
  void Upgrade(std::shared_ptr<HttpConnection> connection, EngineClient* client,
               HttpAnswer answer);
  std::shared_ptr<EngineClient> NewClient(const HttpRequest& request);
  // A WebSocket of what was HTTP. It is to be started.
  struct NewWebSocket {
    std::shared_ptr<WebSocketConnection> connection;
    std::string head;
    std::string early;
  };
  NewWebSocket MakeWebSocket(HttpConnection& connection, HttpAnswer answer,
                             WebSocketOwner* owner);
  HttpHeaders HeadersOf(const HttpRequest& request) const;
  EngineClient* Find(absl::string_view session_id) const;
  void OnClientGone(EngineClient& client);
  void OnWebSocketGone(WebSocketConnection& connection);
  void TellIfStopped();
  void CloseNextWave(absl::string_view reason, int waves_left);

  const std::shared_ptr<EngineLoop> loop_;
  const size_t index_;
  Shared& shared_;
  const EngineOptions& options_;
  EngineClient::Rules client_rules_;
  IdGenerator ids_;
  absl::flat_hash_set<HttpConnection*> http_connections_;
  absl::flat_hash_set<WebSocketConnection*> websockets_;
  // By their own ids.
  absl::flat_hash_map<absl::string_view, std::shared_ptr<EngineClient>>
      clients_;
  std::function<void()> on_stopped_;
  std::optional<boost::asio::steady_timer> next_wave_;  // While it drains.
  bool is_stopping_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_ENGINE_SHARD_H_
