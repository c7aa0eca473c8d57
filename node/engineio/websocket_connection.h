// A session's TCP connection after the handshake: bytes to messages, frames to
// bytes.
#ifndef ROOMLOG_NODE_ENGINEIO_WEBSOCKET_CONNECTION_H_
#define ROOMLOG_NODE_ENGINEIO_WEBSOCKET_CONNECTION_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "node/engineio/engine_loop.h"
#include "node/engineio/engine_session.h"
#include "node/engineio/shared_frame.h"
#include "node/engineio/websocket_codec.h"

namespace roomlog {

// Owns the socket and the session. Lives as long as its owner holds it or an
// operation is under way; handlers that come after the end do nothing.
//
// What is sent in one turn of the loop leaves at its end, in one system call
// for up to kFramesPerWriteMax frames, straight from the shared frames. A
// client that does not read costs at most kClientBufferBytesHardMax; then it is
// closed.
class WebSocketConnection final
    : public EngineTransport,
      public TurnTask,
      public std::enable_shared_from_this<WebSocketConnection> {
 public:
  // Called once, on the loop, when the connection has ended and its handler
  // knows.
  using OnGone = std::function<void(WebSocketConnection&)>;
  using MakeHandler = std::function<std::unique_ptr<EngineHandler>(
      EngineSession&, size_t loop_index)>;

  WebSocketConnection(std::shared_ptr<EngineLoop> loop, TcpSocket socket,
                      std::string session_id, const EngineTimes& times,
                      size_t message_bytes_max, OnGone on_gone);

  // Opens the session. `early` are bytes that came with the handshake.
  void Start(const MakeHandler& make_handler, std::string early);

  // Closes as a server does that goes away, with `reason` for the handler.
  void Shutdown(absl::string_view reason);

  // Cuts the connection. Nobody is told any more.
  void Abandon();

  const std::string& session_id() const { return session_.id(); }

  // EngineTransport
  void Send(SharedFramePtr frame) override;
  void Close() override { CloseWith(WebSocketCloseCode::kNone); }
  size_t queued_bytes() const override { return queued_bytes_; }
  void WantTurn() override;

  // TurnTask
  void OnTurnEnd() override;

 private:
  void WaitForInput();
  void OnReadable();
  void TakeInput(absl::Span<char> input);
  void TakeResult(const WebSocketReader::Result& result);
  void Enqueue(SharedFramePtr frame);
  void EnqueueControl(std::string wire);
  // Writes what the system takes now, and waits for it to take the rest.
  void Flush();
  void DropWritten(size_t bytes);
  void OnWritable();
  // Sends a close frame after what is queued, and gives the client
  // kWebSocketCloseTime to answer.
  void CloseWith(WebSocketCloseCode code);
  // The connection is over, now.
  void Finish(absl::string_view reason);
  absl::Duration deadline() const;
  void ArmTimer();
  void OnTimer();

  const std::shared_ptr<EngineLoop> loop_;
  TcpSocket socket_;
  EngineSession session_;
  std::unique_ptr<EngineHandler> handler_;
  OnGone on_gone_;
  WebSocketReader reader_;

  std::vector<SharedFramePtr> queue_;
  size_t queue_begin_ = 0;        // Frames before it are written.
  size_t written_of_first_ = 0;   // Bytes of the first that are written.
  size_t queued_bytes_ = 0;       // With the overhead of each frame.
  bool was_beyond_half_ = false;  // OnDrained() is due once it is no more.
  bool waits_for_output_ = false;

  LoopTimer timer_;
  absl::Duration timer_at_ = absl::InfiniteDuration();
  absl::Duration close_deadline_ = absl::InfiniteDuration();

  bool in_turn_ = false;         // OnTurnEnd() will come.
  bool is_closing_ = false;      // Our close frame is queued or sent.
  bool peer_closed_ = false;     // Theirs came.
  bool discards_input_ = false;  // They broke the protocol.
  bool is_over_ = false;         // The socket is closed.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_WEBSOCKET_CONNECTION_H_
