// One client of the engine: its session, and the connections that carry it.
#ifndef ROOMLOG_NODE_ENGINEIO_ENGINE_CLIENT_H_
#define ROOMLOG_NODE_ENGINEIO_ENGINE_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "node/engineio/engine_loop.h"
#include "node/engineio/engine_session.h"
#include "node/engineio/handshake.h"
#include "node/engineio/polling_transport.h"
#include "node/engineio/websocket_connection.h"

namespace roomlog {

// Owns the session and its handler. All its connections live on one loop, so
// what they bring is in one order.
//
// A client that does not read costs at most kClientBufferBytesHardMax; then it
// is closed.
class EngineClient final : public EngineTransport,
                           public PollingOwner,
                           public WebSocketOwner,
                           public TurnTask,
                           public std::enable_shared_from_this<EngineClient> {
 public:
  // What all clients of a loop share.
  struct Rules {
    EngineTimes times;
    PollingRules polling;
    bool allows_upgrades = true;
    // Makes what handles a session, on its loop.
    std::function<std::unique_ptr<EngineHandler>(EngineSession&)> make_handler;
    // The session has ended and its handler knows. May destroy the client.
    std::function<void(EngineClient&)> on_gone;
  };

  // Borrows `rules`.
  EngineClient(std::shared_ptr<EngineLoop> loop, const Rules& rules,
               std::string session_id, HandshakeInfo handshake);
  ~EngineClient() override;

  // One of them, first. `headers` go with the first answer.
  void OpenByPolling(std::shared_ptr<HttpExchange> exchange,
                     HttpHeaders headers);
  void OpenByWebSocket(std::shared_ptr<WebSocketConnection> connection);

  // ---- Further requests, once the time was looked at ----

  void LookAtTime() { OnTick(loop_->Now()); }
  void OnPoll(std::shared_ptr<HttpExchange> exchange);
  void OnPost(std::shared_ptr<HttpExchange> exchange);
  // A WebSocket that may take over from polling; one at a time.
  void OnUpgrade(std::shared_ptr<WebSocketConnection> connection);
  bool can_upgrade() const;

  // Closes as a server does that goes away.
  void Shutdown(absl::string_view reason);

  // How requests find the session now. A session that was closed is found as
  // long as polling may still tell so.
  CarriedBy carried_by() const;
  const std::string& session_id() const { return session_.id(); }

  // EngineTransport
  void Send(SharedFramePtr frame) override;
  void SendAll(absl::Span<const SharedFramePtr> frames) override;
  void Close() override;
  void Fail() override;
  size_t queued_bytes() const override;
  // The answer to a poll comes whole, but who may upgrade takes along what no
  // poll has fetched.
  bool is_breakable() const override {
    return polling_ == nullptr || rules_.allows_upgrades;
  }
  void WantTurn() override;

  // PollingOwner
  void OnPolledText(absl::string_view packet) override;
  void OnPolledBinary(absl::string_view message) override;
  void OnPollingClosed(absl::string_view reason) override;
  void OnPollingDrained() override;
  void OnPollingWantsTurn() override { WantTurn(); }

  // WebSocketOwner
  void OnWebSocketText(WebSocketConnection& from,
                       absl::string_view packet) override;
  void OnWebSocketBinary(WebSocketConnection& from,
                         absl::string_view message) override;
  void OnWebSocketClosed(WebSocketConnection& from,
                         absl::string_view reason) override;
  void OnWebSocketDrained(WebSocketConnection& from) override;
  void OnWebSocketTurn(WebSocketConnection& from) override;

  // TurnTask
  void OnTurnEnd() override;

 private:
  // A WebSocket on trial.
  struct Probe {
    std::shared_ptr<WebSocketConnection> connection;
    bool has_probed = false;
    absl::Duration deadline;
    absl::Duration next_noop = absl::InfiniteDuration();
  };

  void Open(bool can_upgrade);
  void OnProbeText(absl::string_view packet);
  void FinishUpgrade();
  void DropProbe();
  void EndTurn();
  void OnTick(absl::Duration now);
  absl::Duration deadline() const;
  void ArmTimer();

  // One of them carries the session; neither, once it is over.
  std::shared_ptr<WebSocketConnection> websocket_;
  std::unique_ptr<PollingTransport> polling_;
  EngineSession session_;
  std::unique_ptr<EngineHandler> handler_;
  std::unique_ptr<Probe> probe_;
  const std::shared_ptr<EngineLoop> loop_;
  const Rules& rules_;

  LoopTimer timer_;
  absl::Duration timer_at_ = absl::InfiniteDuration();
  bool in_turn_ = false;  // OnTurnEnd() will come.
  bool is_gone_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_ENGINE_CLIENT_H_
