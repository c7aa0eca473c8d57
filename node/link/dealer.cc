#include "node/link/dealer.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/limits.h"
#include "base/zmq_message.h"

namespace roomlog {
namespace {

// How long a goodbye may take to leave when the node closes.
constexpr absl::Duration kLinger = absl::Milliseconds(500);
constexpr absl::Duration kReconnectDelayMin = absl::Milliseconds(50);
constexpr absl::Duration kReconnectDelayMax = absl::Seconds(1);

// After these ZeroMQ does not connect again.
constexpr int kFailures =
    ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Dealer>> Dealer::Connect(
    zmq::context_t& context, const std::string& endpoint,
    const std::string& name, const std::optional<LinkKeys>& keys) {
  try {
    zmq::socket_t socket(context, zmq::socket_type::dealer);
    socket.set(zmq::sockopt::routing_id, name);
    // Credit bounds what waits for the broker; ZeroMQ's own bound would drop.
    socket.set(zmq::sockopt::sndhwm, 0);
    socket.set(zmq::sockopt::rcvhwm, 0);
    // Nothing is queued for a broker that is not there.
    socket.set(zmq::sockopt::immediate, true);
    socket.set(zmq::sockopt::maxmsgsize,
               2 * static_cast<int64_t>(kMessageBytesMax));
    socket.set(zmq::sockopt::linger, Milliseconds(kLinger));
    socket.set(zmq::sockopt::reconnect_ivl, Milliseconds(kReconnectDelayMin));
    socket.set(zmq::sockopt::reconnect_ivl_max,
               Milliseconds(kReconnectDelayMax));
    // A connection that is dead without having said so is made anew.
    socket.set(zmq::sockopt::heartbeat_ivl,
               Milliseconds(kBrokerSilenceMax / 2));
    socket.set(zmq::sockopt::heartbeat_timeout,
               Milliseconds(kBrokerSilenceMax));
    if (keys.has_value()) {
      socket.set(zmq::sockopt::curve_secretkey, keys->own.secret_bytes());
      socket.set(zmq::sockopt::curve_publickey, keys->own.public_key().bytes());
      socket.set(zmq::sockopt::curve_serverkey, keys->broker.bytes());
    }
    // Of this socket alone.
    const std::string events_at = absl::StrCat("inproc://events-", name);
    zmq_socket_monitor(socket.handle(), events_at.c_str(), kFailures);
    zmq::socket_t events(context, zmq::socket_type::pair);
    events.set(zmq::sockopt::linger, 0);
    events.connect(events_at);
    socket.connect(endpoint);
    return std::unique_ptr<Dealer>(
        new Dealer(std::move(socket), std::move(events), endpoint));
  } catch (const zmq::error_t& error) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot connect to a broker at \"", endpoint, "\": ", error.what()));
  }
}

void Dealer::Send(absl::string_view, OutgoingMessage message) {
  try {
    zmq::message_t frame = ToZmqMessage(message);
    static_cast<void>(socket_.send(frame, zmq::send_flags::dontwait));
  } catch (const zmq::error_t&) {
    // As when it is lost on the way.
  }
}

std::optional<std::string> Dealer::CheckConnection(absl::Duration now) {
  zmq::message_t event;
  while (events_.recv(event, zmq::recv_flags::dontwait)) {
    if (!event.more()) continue;  // Only the address.
    uint16_t kind = 0;
    std::memcpy(&kind, event.data(), sizeof(kind));
    turned_away_ =
        kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
            ? "it does not know our key (--key_file)"
            : "one of us has no key, or takes the other for somebody "
              "else (--key_file, --broker_key)";
    reconnect_at_ = now + kReconnectDelayMax;
  }
  if (turned_away_.empty() || now < reconnect_at_) return std::nullopt;
  try {
    socket_.disconnect(endpoint_);
  } catch (const zmq::error_t&) {
    // It was forgotten with its connection.
  }
  try {
    socket_.connect(endpoint_);
  } catch (const zmq::error_t&) {
    reconnect_at_ = now + kReconnectDelayMax;
    return std::nullopt;
  }
  return std::exchange(turned_away_, std::string());
}

bool Dealer::Receive(IncomingMessage* message) {
  while (true) {
    zmq::message_t frame;
    if (!socket_.recv(frame, zmq::recv_flags::dontwait)) return false;
    const bool is_whole = !frame.more() && !skips_;
    skips_ = frame.more();
    if (!is_whole) continue;
    *message = FromZmqMessage(std::move(frame));
    return true;
  }
}

}  // namespace roomlog
