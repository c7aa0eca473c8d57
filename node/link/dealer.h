// The node's end of the wire: a ZeroMQ DEALER socket.
#ifndef ROOMLOG_NODE_LINK_DEALER_H_
#define ROOMLOG_NODE_LINK_DEALER_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/transport.h"
#include "node/link/link_keys.h"
#include "zmq.hpp"

namespace roomlog {

// Sends to and receives from the broker. Connects, and connects again, by
// itself; what is sent while there is no connection is lost, which the link
// finds out. One thread owns it.
class Dealer final : public Transport {
 public:
  // `endpoint` is such as "tcp://127.0.0.1:7400"; `name` tells this peer from
  // all others; without `keys` nothing is encrypted. Borrows `context`.
  // INVALID_ARGUMENT: no such endpoint.
  static absl::StatusOr<std::unique_ptr<Dealer>> Connect(
      zmq::context_t& context, const std::string& endpoint,
      const std::string& name, const std::optional<LinkKeys>& keys);

  // `peer` is ignored: there is but the broker.
  void Send(absl::string_view peer, OutgoingMessage message) override;

  // Takes the next message, if one is there.
  bool Receive(IncomingMessage* message);

  // Connects anew if the broker turned us away, which ZeroMQ itself takes for
  // final; to be called now and then. Returns why it did, else nothing.
  std::optional<std::string> CheckConnection(absl::Duration now);

  // For zmq::poll().
  zmq::socket_ref socket() { return socket_; }

 private:
  Dealer(zmq::socket_t socket, zmq::socket_t events, std::string endpoint)
      : socket_(std::move(socket)),
        events_(std::move(events)),
        endpoint_(std::move(endpoint)) {}

  zmq::socket_t socket_;
  zmq::socket_t events_;  // What becomes of the connection.
  const std::string endpoint_;
  std::string turned_away_;  // Why; empty if it was not.
  absl::Duration reconnect_at_ = absl::ZeroDuration();
  bool skips_ = false;  // The rest of what came in several frames.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_DEALER_H_
