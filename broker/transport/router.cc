#include "broker/transport/router.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/zmq_message.h"

namespace roomlog {
namespace {

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Router>> Router::Bind(
    zmq::context_t& context, const std::string& endpoint, NodeGate* gate) {
  try {
    zmq::socket_t socket(context, zmq::socket_type::router);
    // Credit bounds what waits for each node; ZeroMQ's own bound would drop.
    socket.set(zmq::sockopt::sndhwm, 0);
    socket.set(zmq::sockopt::maxmsgsize,
               2 * static_cast<int64_t>(kMessageBytesMax));
    // A node that comes back on a new connection takes its name with it.
    socket.set(zmq::sockopt::router_handover, true);
    socket.set(zmq::sockopt::linger, 0);
    // Dead connections are closed, and what waits for them let go.
    socket.set(zmq::sockopt::heartbeat_ivl, Milliseconds(kNodeLease / 2));
    socket.set(zmq::sockopt::heartbeat_timeout, Milliseconds(kNodeLease));
    if (gate != nullptr) gate->Guard(socket);
    socket.bind(endpoint);
    return std::unique_ptr<Router>(new Router(std::move(socket), gate));
  } catch (const zmq::error_t& error) {
    const std::string message =
        absl::StrCat("cannot listen on ", endpoint, ": ", error.what());
    if (error.num() == EADDRINUSE || error.num() == EACCES ||
        error.num() == EADDRNOTAVAIL) {
      return absl::UnavailableError(message);
    }
    return absl::InvalidArgumentError(message);
  }
}

std::string Router::endpoint() const {
  return socket_.get(zmq::sockopt::last_endpoint);
}

void Router::Send(absl::string_view peer, OutgoingMessage message) {
  try {
    zmq::message_t name(peer.data(), peer.size());
    zmq::message_t frame = ToZmqMessage(message);
    if (!socket_.send(name,
                      zmq::send_flags::dontwait | zmq::send_flags::sndmore)) {
      return;
    }
    socket_.send(frame, zmq::send_flags::dontwait);
  } catch (const zmq::error_t&) {
    // The peer is gone: whoever comes back asks again for what it lacks.
  }
}

bool Router::Receive(std::string* peer, IncomingMessage* message) {
  while (true) {
    zmq::message_t name;
    if (!socket_.recv(name, zmq::recv_flags::dontwait)) return false;
    std::vector<zmq::message_t> frames;
    bool more = name.more();
    while (more) {
      zmq::message_t frame;
      // The rest of a message is there as soon as its first frame is.
      static_cast<void>(socket_.recv(frame, zmq::recv_flags::none));
      more = frame.more();
      if (frames.size() < 2) frames.push_back(std::move(frame));
    }
    if (frames.size() != 1) continue;
    if (gate_ != nullptr && !gate_->MaySpeak(frames[0])) continue;
    *peer = name.to_string();
    *message = FromZmqMessage(std::move(frames[0]));
    return true;
  }
}

void Router::Close(absl::Duration linger) {
  socket_.set(zmq::sockopt::linger, Milliseconds(linger));
  socket_.close();
}

}  // namespace roomlog
