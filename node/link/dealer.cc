#include "node/link/dealer.h"

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

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Dealer>> Dealer::Connect(
    zmq::context_t& context, const std::string& endpoint,
    const std::string& name) {
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
    socket.connect(endpoint);
    return std::unique_ptr<Dealer>(new Dealer(std::move(socket)));
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
