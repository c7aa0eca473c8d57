#include "node/engineio/engine_session.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace roomlog {

EngineSession::EngineSession(std::string id, const EngineTimes& times,
                             size_t message_bytes_max,
                             EngineTransport& transport, absl::Duration now,
                             HandshakeInfo handshake)
    : transport_(transport),
      heartbeat_deadline_(now + times.ping_interval),
      id_(std::move(id)),
      handshake_(std::move(handshake)),
      times_(times),
      message_bytes_max_(message_bytes_max) {}

void EngineSession::Open(EngineHandler& handler, bool can_upgrade) {
  assert(handler_ == nullptr);
  handler_ = &handler;
  transport_.Send(MakeEngineFrame(
      '0',
      absl::StrCat(R"({"sid":")", id_, R"(","upgrades":[)",
                   can_upgrade ? R"("websocket")" : "", R"(],"pingInterval":)",
                   absl::ToInt64Milliseconds(times_.ping_interval),
                   R"(,"pingTimeout":)",
                   absl::ToInt64Milliseconds(times_.ping_timeout),
                   R"(,"maxPayload":)", message_bytes_max_, "}")));
}

void EngineSession::OnText(absl::string_view packet, absl::Duration now) {
  if (!is_open()) return;
  switch (packet.empty() ? '\0' : packet[0]) {
    case '4':
      handler_->OnText(packet.substr(1));
      return;
    case '3':
      if (pongs_awaited_ == 0 || --pongs_awaited_ > 0) return;
      heartbeat_deadline_ = now + times_.ping_interval;
      if (std::exchange(asks_if_heard_, false)) handler_->OnAllHeard();
      return;
    case '1':
      End("transport close");
      return;
    case '2':  // In this version of the protocol only the server pings.
      End("transport error");
      return;
    case '0':
    case '5':
    case '6':  // Mean nothing outside a handshake or upgrade.
      return;
    default:
      End("parse error");
      return;
  }
}

void EngineSession::OnBinary(absl::string_view message) {
  if (is_open()) handler_->OnBinary(message);
}

void EngineSession::OnTransportClosed(absl::string_view reason) {
  if (!is_open()) return;
  close_reason_ = reason;
  transport_.WantTurn();
}

void EngineSession::OnDrained() {
  if (is_open()) handler_->OnDrained();
}

void EngineSession::OnUpgraded(absl::Duration now) {
  if (pongs_awaited_ == 0) return;  // The next ping comes when it would have.
  // The pong may be lost with the other transport.
  pongs_awaited_ = 0;
  heartbeat_deadline_ = now + times_.ping_interval;
  if (asks_if_heard_) AskIfHeard();
}

void EngineSession::OnTurn() {
  if (close_is_told_) return;
  handler_->OnTurn();
  if (is_open()) return;
  close_is_told_ = true;
  handler_->OnClose(close_reason_);
}

void EngineSession::OnTick(absl::Duration now) {
  if (is_open()) handler_->OnTick(now);
  if (!is_open() || now < heartbeat_deadline_) return;
  if (pongs_awaited_ > 0) {
    End("ping timeout");
    return;
  }
  // From when the ping was due, so that a poll which comes a moment after the
  // deadline is late. But a loop that was late itself leaves half the time.
  heartbeat_deadline_ = std::max(heartbeat_deadline_ + times_.ping_timeout,
                                 now + times_.ping_timeout / 2);
  Ping();
}

void EngineSession::AskIfHeard() {
  if (!is_open() || pongs_awaited_ == std::numeric_limits<uint8_t>::max()) {
    return;
  }
  asks_if_heard_ = true;
  // It has the rest of the interval more than for another ping.
  if (pongs_awaited_ == 0) heartbeat_deadline_ += times_.ping_timeout;
  Ping();
}

void EngineSession::Ping() {
  ++pongs_awaited_;
  transport_.Send(MakeEngineFrame('2', ""));
}

absl::Duration EngineSession::deadline() const {
  if (!is_open()) return absl::InfiniteDuration();
  return std::min(heartbeat_deadline_, handler_->deadline());
}

void EngineSession::Send(SharedFramePtr frame) {
  if (is_open()) transport_.Send(std::move(frame));
}

void EngineSession::SendAll(absl::Span<const SharedFramePtr> frames) {
  if (is_open()) transport_.SendAll(frames);
}

void EngineSession::Close(absl::string_view reason) {
  if (!is_open()) return;
  close_reason_ = reason;
  transport_.Close();
  transport_.WantTurn();
}

void EngineSession::End(absl::string_view reason) {
  if (!is_open()) return;
  close_reason_ = reason;
  transport_.Fail();
  transport_.WantTurn();
}

}  // namespace roomlog
