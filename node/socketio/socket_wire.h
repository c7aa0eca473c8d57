// What the node's other parts see of Socket.IO's clients: sockets, and what
// they say. Programs use the library's Socket, node/server/socket.h, instead.
#ifndef ROOMLOG_NODE_SOCKETIO_SOCKET_WIRE_H_
#define ROOMLOG_NODE_SOCKETIO_SOCKET_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/shared_bytes.h"
#include "node/engineio/handshake_info.h"
#include "node/engineio/shared_frame.h"  // What Send() takes, and MakeFrame().

namespace roomlog {

// One client in one namespace. Belongs to the loop of its connection: all calls
// on that thread. The handler may keep a pointer until OnDisconnect(), or until
// it refuses the client.
class SocketWire {
 public:
  virtual ~SocketWire() = default;

  // 20 characters, unique in the cluster, known to others.
  virtual const std::string& id() const = 0;
  // As Socket.IO writes it: "/" or "/chat".
  virtual const std::string& name_space() const = 0;
  // The JSON object that came with the client's CONNECT; `{}` if none did.
  virtual absl::string_view auth() const = 0;
  virtual const HandshakeInfo& handshake() const = 0;

  // Whether what is sent in one turn may reach the client in part, when its
  // connection breaks, rather than whole or not at all.
  virtual bool is_breakable() const = 0;
  // From now on the socket has this id: that of a session which it goes on
  // with. Before Accept() only.
  virtual void TakeId(std::string id) = 0;

  // Answers the client's CONNECT, once, by either: now, or any time later. With
  // a private id the client is told that, too: it asks for its session by it.
  virtual void Accept(absl::string_view private_id) = 0;
  void Accept() { Accept(""); }
  // `data` is JSON, or empty. The socket is gone; OnDisconnect() does not come.
  virtual void Refuse(absl::string_view message, absl::string_view data) = 0;

  // Queues a frame. What is queued in one turn of the loop leaves in one system
  // call. Nothing happens once the connection is lost.
  virtual void Send(SharedFramePtr frame) = 0;
  // Queues several; as one call for each, but quicker.
  virtual void SendAll(absl::Span<const SharedFramePtr> frames) {
    for (const SharedFramePtr& frame : frames) Send(frame);
  }

  // Answers an event that came with an acknowledgement id. `arguments` is a
  // JSON array.
  virtual void Acknowledge(uint64_t ack_id, absl::string_view arguments) = 0;

  // Bytes queued for the whole connection and not yet taken by the system, each
  // frame with kQueuedFrameOverheadBytes on top. The handler holds back at
  // kClientBufferBytesMax and goes on when OnDrained() says so; a connection
  // that has four times as much is closed.
  virtual size_t queued_bytes() const = 0;

  // Ends the client's part in this namespace, as `socket.disconnect()` does.
  // OnDisconnect() comes later, not from within. Nothing happens before
  // Accept().
  virtual void Disconnect() = 0;
  // The same for all namespaces of the client, and ends the connection.
  virtual void DisconnectClient() = 0;
  // Asks the client, below Socket.IO, whether it has all that was sent until
  // now: OnAllHeard() comes when it says so, or OnDisconnect() if it does not.
  virtual void AskIfHeard() = 0;
  // Ends the connection without a word, after what was sent. To the client it
  // is lost, so it comes again.
  virtual void CutOff() = 0;
};

// An event as it came. The views last as long as the call.
struct IncomingEvent {
  absl::string_view name;
  // The whole JSON array, name included, as the client sent it; well-formed,
  // from `[` to `]`. It is what JavaScript takes for JSON: numbers may be
  // beyond 64 bits and surrogates (as \uXXXX) alone, which simdjson refuses.
  absl::string_view arguments;
  // Set if the client waits for an acknowledgement.
  std::optional<uint64_t> ack_id;
  // What the placeholders in `arguments` stand for, if there are any.
  absl::Span<const SharedBytes> attachments;
};

// The client's answer to an event that was sent with an acknowledgement id. The
// views last as long as the call.
struct IncomingAck {
  uint64_t id = 0;
  absl::string_view arguments;  // A JSON array, as in IncomingEvent.
  absl::Span<const SharedBytes> attachments;
};

// Who is told of the clients. Called on the loop's thread, one call at a time,
// never from within a call to a socket.
class SocketWireHandler {
 public:
  virtual ~SocketWireHandler() = default;

  // The client asks to join the namespace: to be answered by Accept() or
  // Refuse(). What it says comes only after Accept().
  virtual void OnConnect(SocketWire& socket) = 0;
  virtual void OnEvent(SocketWire& socket, const IncomingEvent& event) = 0;
  // Whether such an answer was asked for the handler must know.
  virtual void OnAck(SocketWire& socket, const IncomingAck& ack) = 0;
  // The last call about this socket, accepted or not yet; `reason` is one of
  // Socket.IO's, such as "transport close".
  virtual void OnDisconnect(SocketWire& socket, absl::string_view reason) = 0;
  // At most half of kClientBufferBytesMax is queued, and it was more.
  virtual void OnDrained(SocketWire& socket) = 0;
  // The answer to AskIfHeard().
  virtual void OnAllHeard(SocketWire& /*socket*/) {}
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SOCKETIO_SOCKET_WIRE_H_
