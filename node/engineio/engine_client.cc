#include "node/engineio/engine_client.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/limits.h"
#include "node/engineio/engine_limits.h"

namespace roomlog {

EngineClient::EngineClient(std::shared_ptr<EngineLoop> loop, const Rules& rules,
                           std::string session_id, HandshakeInfo handshake)
    : session_(std::move(session_id), rules.times,
               rules.polling.message_bytes_max, *this, loop->Now(),
               std::move(handshake)),
      loop_(std::move(loop)),
      rules_(rules),
      timer_(loop_->io()) {}

EngineClient::~EngineClient() {
  if (websocket_ != nullptr) websocket_->Disown();
  if (probe_ != nullptr) probe_->connection->Disown();
}

void EngineClient::Open(bool can_upgrade) {
  handler_ = rules_.make_handler(session_);
  session_.Open(*handler_, can_upgrade);
  WantTurn();
}

void EngineClient::OpenByPolling(std::shared_ptr<HttpExchange> exchange,
                                 HttpHeaders headers) {
  polling_ = std::make_unique<PollingTransport>(rules_.polling, *this,
                                                std::move(headers));
  polling_->OnPoll(std::move(exchange));
  handler_ = rules_.make_handler(session_);
  session_.Open(*handler_, rules_.allows_upgrades);
  // The opening packet goes alone, whatever the handler says at once.
  polling_->Flush();
  ArmTimer();
}

void EngineClient::OpenByWebSocket(
    std::shared_ptr<WebSocketConnection> connection) {
  websocket_ = std::move(connection);
  Open(/*can_upgrade=*/false);
}

// ---- Requests ----

void EngineClient::OnPoll(std::shared_ptr<HttpExchange> exchange) {
  polling_->OnPoll(std::move(exchange));
}

void EngineClient::OnPost(std::shared_ptr<HttpExchange> exchange) {
  polling_->OnPost(std::move(exchange));
}

bool EngineClient::can_upgrade() const {
  return polling_ != nullptr && !polling_->is_over() && probe_ == nullptr;
}

void EngineClient::OnUpgrade(std::shared_ptr<WebSocketConnection> connection) {
  probe_ = std::make_unique<Probe>();
  probe_->connection = std::move(connection);
  probe_->deadline = loop_->Now() + kUpgradeTime;
  ArmTimer();
}

CarriedBy EngineClient::carried_by() const {
  if (polling_ != nullptr) {
    return polling_->is_over() ? CarriedBy::kNoSuchSession
                               : CarriedBy::kPolling;
  }
  return session_.is_open() ? CarriedBy::kWebSocket : CarriedBy::kNoSuchSession;
}

void EngineClient::Shutdown(absl::string_view reason) {
  if (websocket_ != nullptr) websocket_->Close(WebSocketCloseCode::kGoingAway);
  if (polling_ != nullptr) {
    // Says what is queued to a client that listens; none is waited for.
    polling_->Close(loop_->Now());
    polling_->Flush();
    polling_->Fail();
  }
  session_.Close(reason);
  WantTurn();
}

// ---- What the session says ----

void EngineClient::Send(SharedFramePtr frame) {
  if (websocket_ != nullptr) {
    if (websocket_->Send(std::move(frame))) return;
    websocket_->DropQueue();
  } else if (polling_ != nullptr) {
    if (polling_->Send(std::move(frame))) return;
    polling_->DropQueue();
  } else {
    return;
  }
  // The client does not read. What it would get is of no use any more.
  session_.Close("forced server close");
}

void EngineClient::SendAll(absl::Span<const SharedFramePtr> frames) {
  if (websocket_ != nullptr && websocket_->SendAll(frames)) return;
  for (const SharedFramePtr& frame : frames) Send(frame);
}

void EngineClient::Close() {
  if (websocket_ != nullptr) websocket_->Close(WebSocketCloseCode::kNone);
  if (polling_ != nullptr) {
    polling_->Close(loop_->Now());
    ArmTimer();
  }
}

void EngineClient::Fail() {
  if (websocket_ != nullptr) websocket_->Close(WebSocketCloseCode::kNone);
  if (polling_ != nullptr) polling_->Fail();
}

size_t EngineClient::queued_bytes() const {
  if (websocket_ != nullptr) return websocket_->queued_bytes();
  return polling_ != nullptr ? polling_->queued_bytes() : 0;
}

void EngineClient::WantTurn() {
  // With a WebSocket its own turn comes anyhow, to write.
  if (websocket_ != nullptr) return websocket_->WantTurn();
  if (in_turn_) return;
  in_turn_ = true;
  loop_->AtTurnEnd(shared_from_this());
}

// ---- What polling brings ----

void EngineClient::OnPolledText(absl::string_view packet) {
  session_.OnText(packet, loop_->Now());
  ArmTimer();
}

void EngineClient::OnPolledBinary(absl::string_view message) {
  session_.OnBinary(message);
}

void EngineClient::OnPollingClosed(absl::string_view reason) {
  session_.OnTransportClosed(reason);
  WantTurn();
}

void EngineClient::OnPollingDrained() { session_.OnDrained(); }

// ---- What WebSockets bring ----

void EngineClient::OnWebSocketText(WebSocketConnection& from,
                                   absl::string_view packet) {
  if (&from != websocket_.get()) return OnProbeText(packet);
  session_.OnText(packet, loop_->Now());
  ArmTimer();  // A pong may have brought the next ping nearer.
}

void EngineClient::OnWebSocketBinary(WebSocketConnection& from,
                                     absl::string_view message) {
  if (&from != websocket_.get()) return DropProbe();
  session_.OnBinary(message);
  ArmTimer();
}

void EngineClient::OnWebSocketClosed(WebSocketConnection& from,
                                     absl::string_view reason) {
  if (&from != websocket_.get()) {
    probe_ = nullptr;
    return;
  }
  websocket_ = nullptr;
  session_.OnTransportClosed(reason);
  WantTurn();
}

void EngineClient::OnWebSocketDrained(WebSocketConnection& from) {
  if (&from == websocket_.get()) session_.OnDrained();
}

void EngineClient::OnWebSocketTurn(WebSocketConnection& from) {
  if (&from == websocket_.get()) EndTurn();
}

// ---- The upgrade ----

void EngineClient::OnProbeText(absl::string_view packet) {
  if (packet == "2probe") {
    probe_->connection->Send(MakeEngineFrame('3', "probe"));
    if (!probe_->has_probed) {
      probe_->has_probed = true;
      probe_->next_noop = loop_->Now() + kProbeNoopInterval;
    }
    return ArmTimer();
  }
  if (packet == "5" && probe_->has_probed) {
    return FinishUpgrade();
  }
  DropProbe();
}

void EngineClient::FinishUpgrade() {
  websocket_ = std::move(probe_->connection);
  probe_ = nullptr;
  const std::unique_ptr<PollingTransport> polling = std::move(polling_);
  for (SharedFramePtr& frame : polling->Release()) {
    websocket_->Send(std::move(frame));
  }
  session_.OnUpgraded(loop_->Now());
  // Closed while it was being upgraded: the WebSocket says so.
  if (!session_.is_open()) websocket_->Close(WebSocketCloseCode::kNone);
  WantTurn();
}

void EngineClient::DropProbe() {
  if (probe_ == nullptr) return;
  const std::unique_ptr<Probe> probe = std::move(probe_);
  probe->connection->Disown();
  probe->connection->Close(WebSocketCloseCode::kNone);
}

// ---- Turns and time ----

void EngineClient::OnTurnEnd() {
  in_turn_ = false;
  EndTurn();
}

void EngineClient::EndTurn() {
  if (is_gone_) return;
  const auto self = shared_from_this();
  session_.OnTurn();
  if (polling_ != nullptr) polling_->Flush();
  if (session_.is_open() || (polling_ != nullptr && !polling_->is_over())) {
    return ArmTimer();
  }
  is_gone_ = true;
  timer_.cancel();
  DropProbe();
  if (websocket_ != nullptr) websocket_->Disown();
  rules_.on_gone(*this);
}

absl::Duration EngineClient::deadline() const {
  absl::Duration at = session_.deadline();
  if (polling_ != nullptr) at = std::min(at, polling_->deadline());
  if (probe_ != nullptr) {
    at = std::min({at, probe_->deadline, probe_->next_noop});
  }
  return at;
}

void EngineClient::OnTick(absl::Duration now) {
  session_.OnTick(now);
  if (polling_ != nullptr) polling_->OnTick(now);
  if (probe_ != nullptr && now >= probe_->next_noop) {
    probe_->next_noop = now + kProbeNoopInterval;
    if (polling_ != nullptr) polling_->FlushNoop();
  }
  if (probe_ != nullptr && now >= probe_->deadline) DropProbe();
  ArmTimer();
}

void EngineClient::ArmTimer() {
  if (is_gone_) return;
  const absl::Duration at = deadline();
  // A timer that is too early looks again when it rings: most deadlines move
  // back long before they come.
  if (at >= timer_at_) return;
  timer_at_ = at;
  timer_.expires_at(
      std::chrono::steady_clock::time_point(absl::ToChronoNanoseconds(at)));
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->is_gone_) return;
    self->timer_at_ = absl::InfiniteDuration();
    self->OnTick(self->loop_->Now());
  });
}

}  // namespace roomlog
