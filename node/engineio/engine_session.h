// One Engine.IO session (protocol 4): what is said when. Free of sockets and
// clocks: it takes messages and ticks, and tells its transport and its handler.
#ifndef ROOMLOG_NODE_ENGINEIO_ENGINE_SESSION_H_
#define ROOMLOG_NODE_ENGINEIO_ENGINE_SESSION_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/limits.h"
#include "node/engineio/handshake_info.h"
#include "node/engineio/shared_frame.h"

namespace roomlog {

// Carries a session's frames: a WebSocket in earnest, a list in a test.
class EngineTransport {
 public:
  virtual ~EngineTransport() = default;

  // Queues a frame.
  virtual void Send(SharedFramePtr frame) = 0;
  // Queues several; as one call for each, but quicker.
  virtual void SendAll(absl::Span<const SharedFramePtr> frames) {
    for (const SharedFramePtr& frame : frames) Send(frame);
  }
  // Lets what is queued go out, then ends the connection.
  virtual void Close() = 0;
  // Ends it for a client that is at fault: what is queued may be lost.
  virtual void Fail() { Close(); }
  // Bytes queued and not yet taken by the system.
  virtual size_t queued_bytes() const = 0;
  // Whether what is sent in one turn may reach the client in part, rather than
  // whole or not at all: it breaks in the middle.
  virtual bool is_breakable() const { return true; }
  // Asks for one call of EngineSession::OnTurn() at the end of the loop's turn.
  virtual void WantTurn() = 0;
};

// What a session carries. The session calls it, never from within a call to the
// session that the handler makes.
class EngineHandler {
 public:
  virtual ~EngineHandler() = default;

  virtual void OnText(absl::string_view message) = 0;
  virtual void OnBinary(absl::string_view message) = 0;
  // At most half of kClientBufferBytesMax is queued, and it was more.
  virtual void OnDrained() = 0;
  // The client has all that was sent before AskIfHeard() was last called.
  virtual void OnAllHeard() {}
  // The end of a turn that was asked for.
  virtual void OnTurn() = 0;
  // The last call; `reason` is one of Socket.IO's disconnect reasons.
  virtual void OnClose(absl::string_view reason) = 0;
  // When, in steady time, OnTick() must be called next.
  virtual absl::Duration deadline() const = 0;
  virtual void OnTick(absl::Duration now) = 0;
};

struct EngineTimes {
  absl::Duration ping_interval = absl::Seconds(25);
  absl::Duration ping_timeout = absl::Seconds(20);
};

// Belongs to one thread. Closing may be asked for at any moment, from within a
// handler's call too; the handler hears of it at the end of the turn.
class EngineSession {
 public:
  // Borrows `transport`. The heartbeat begins at `now`.
  EngineSession(std::string id, const EngineTimes& times,
                size_t message_bytes_max, EngineTransport& transport,
                absl::Duration now, HandshakeInfo handshake = {});

  // Borrows `handler`, and sends the packet that opens the session, in which a
  // client that polls is told that it may go on by WebSocket.
  void Open(EngineHandler& handler, bool can_upgrade = false);

  // ---- What the transport says ----

  void OnText(absl::string_view packet, absl::Duration now);
  void OnBinary(absl::string_view message);
  // The client has left or was cut off. `reason` must live for ever.
  void OnTransportClosed(absl::string_view reason);
  void OnDrained();
  // From here on another transport carries the session.
  void OnUpgraded(absl::Duration now);
  void OnTurn();
  void OnTick(absl::Duration now);
  absl::Duration deadline() const;

  // ---- What the handler says ----

  // Sends a message, whose frame MakeFrame() or MakeBinaryFrame() made. Nothing
  // once it is closed.
  void Send(SharedFramePtr frame);
  // Sends several, in order. Whoever sends a turn's messages to thousands of
  // clients does better to go from client to client once, than once for each
  // message.
  void SendAll(absl::Span<const SharedFramePtr> frames);
  // Ends the session; what was sent before still goes out. `reason` must live
  // for ever.
  void Close(absl::string_view reason);
  // Pings at once: the pong shows that the client has all that was sent until
  // now. The handler hears of it, unless the session ends before.
  void AskIfHeard();
  void WantTurn() { transport_.WantTurn(); }
  size_t queued_bytes() const { return transport_.queued_bytes(); }
  bool is_breakable() const { return transport_.is_breakable(); }

  const std::string& id() const { return id_; }
  const HandshakeInfo& handshake() const { return handshake_; }
  bool is_open() const { return close_reason_.empty(); }

 private:
  // As Close(), for a client that is at fault or gone.
  void End(absl::string_view reason);
  void Ping();

  // What every message touches comes first: see WebSocketConnection.
  EngineTransport& transport_;
  absl::string_view close_reason_;  // Empty: open.
  EngineHandler* handler_ = nullptr;
  uint8_t pongs_awaited_ = 0;
  bool asks_if_heard_ = false;  // By the last of these pings.
  bool close_is_told_ = false;
  absl::Duration heartbeat_deadline_;  // Of the next ping, or of its pong.
  const std::string id_;
  const HandshakeInfo handshake_;
  const EngineTimes times_;
  const size_t message_bytes_max_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_ENGINE_SESSION_H_
