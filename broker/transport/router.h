// The broker's end of the wire: a ZeroMQ ROUTER socket.
#ifndef ROOMLOG_BROKER_TRANSPORT_ROUTER_H_
#define ROOMLOG_BROKER_TRANSPORT_ROUTER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/transport.h"
#include "broker/transport/node_gate.h"
#include "zmq.hpp"

namespace roomlog {

// Sends to and receives from all nodes. One thread owns it.
class Router final : public Transport {
 public:
  // Binds to `endpoint`, such as "tcp://127.0.0.1:7400"; port 0 takes a free
  // one. Borrows `context` and `gate`, without which (null) every node comes
  // in. INVALID_ARGUMENT: no such endpoint; UNAVAILABLE: the port is taken, or
  // not ours to take.
  static absl::StatusOr<std::unique_ptr<Router>> Bind(
      zmq::context_t& context, const std::string& endpoint,
      NodeGate* gate = nullptr);

  // Where it listens, with the real port.
  std::string endpoint() const;

  // Never waits. What is sent to a peer that is gone is lost.
  void Send(absl::string_view peer, OutgoingMessage message) override;

  // Takes the next message, if one is there. Its bytes stay where ZeroMQ put
  // them. Drops what has not one or two frames, and what a node says that may
  // not speak any more.
  bool Receive(std::string* peer, IncomingMessage* message);

  // For zmq::poll().
  zmq::socket_ref socket() { return socket_; }

  // Waits until what was sent has left, at most `linger`, and closes.
  void Close(absl::Duration linger);

 private:
  Router(zmq::socket_t socket, const NodeGate* gate)
      : socket_(std::move(socket)), gate_(gate) {}

  zmq::socket_t socket_;
  const NodeGate* const gate_;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_TRANSPORT_ROUTER_H_
