// What an application sees of Socket.IO: sockets, and what they say.
#ifndef ROOMLOG_NODE_SOCKETIO_SOCKET_H_
#define ROOMLOG_NODE_SOCKETIO_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "node/engineio/shared_frame.h"  // What Send() takes, and MakeFrame().

namespace roomlog {

// One client in one namespace. Belongs to the loop of its connection: all calls
// on that thread. The application may keep a pointer until OnDisconnect().
class Socket {
 public:
  virtual ~Socket() = default;

  // 20 characters, unique in the cluster, known to others.
  virtual const std::string& id() const = 0;
  // As Socket.IO writes it: "/" or "/chat".
  virtual const std::string& name_space() const = 0;
  // The JSON object that came with the client's CONNECT; `{}` if none did.
  virtual absl::string_view auth() const = 0;

  // Queues a frame. What is queued in one turn of the loop leaves in one system
  // call. Nothing happens once the connection is lost.
  virtual void Send(SharedFramePtr frame) = 0;

  // Answers an event that came with an acknowledgement id. `arguments` is a
  // JSON array.
  virtual void Acknowledge(uint64_t ack_id, absl::string_view arguments) = 0;

  // Bytes queued for the whole connection and not yet taken by the system, each
  // frame with kQueuedFrameOverheadBytes on top. The application holds back at
  // kClientBufferBytesMax and goes on when OnDrained() says so; a connection
  // that has four times as much is closed.
  virtual size_t queued_bytes() const = 0;

  // Ends the client's part in this namespace, as `socket.disconnect()` does.
  // OnDisconnect() comes later, not from within.
  virtual void Disconnect() = 0;
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
};

// The application of a server. Called on the loop's thread, one call at a time.
class SocketHandler {
 public:
  virtual ~SocketHandler() = default;

  // The client has joined the namespace and was told so.
  virtual void OnConnect(Socket& socket) = 0;
  virtual void OnEvent(Socket& socket, const IncomingEvent& event) = 0;
  // The last call about this socket; `reason` is one of Socket.IO's, such as
  // "transport close".
  virtual void OnDisconnect(Socket& socket, absl::string_view reason) = 0;
  // At most half of kClientBufferBytesMax is queued, and it was more.
  virtual void OnDrained(Socket& socket) = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SOCKETIO_SOCKET_H_
