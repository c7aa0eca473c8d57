// A client's TCP connection that speaks WebSocket: bytes to messages, frames to
// bytes.
#ifndef ROOMLOG_NODE_ENGINEIO_WEBSOCKET_CONNECTION_H_
#define ROOMLOG_NODE_ENGINEIO_WEBSOCKET_CONNECTION_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "node/engineio/client_socket.h"
#include "node/engineio/engine_loop.h"
#include "node/engineio/shared_frame.h"
#include "node/engineio/websocket_codec.h"

namespace roomlog {

class WebSocketConnection;

// Whose messages a WebSocket carries.
class WebSocketOwner {
 public:
  virtual ~WebSocketOwner() = default;

  virtual void OnWebSocketText(WebSocketConnection& from,
                               absl::string_view packet) = 0;
  virtual void OnWebSocketBinary(WebSocketConnection& from,
                                 absl::string_view message) = 0;
  // The client has left or broke the rules; no more will come.
  virtual void OnWebSocketClosed(WebSocketConnection& from,
                                 absl::string_view reason) = 0;
  // At most half of kClientBufferBytesMax is queued, and it was more.
  virtual void OnWebSocketDrained(WebSocketConnection& from) = 0;
  // The end of a turn, before what was queued in it is written.
  virtual void OnWebSocketTurn(WebSocketConnection& from) = 0;
};

// Lives as long as its owner holds it or an operation is under way. Without an
// owner it says what is queued, closes, and goes within kWebSocketCloseTime.
//
// What is sent in one turn of the loop leaves at its end, in one system call
// for up to kFramesPerWriteMax frames, straight from the shared frames.
class WebSocketConnection final
    : public TurnTask,
      public std::enable_shared_from_this<WebSocketConnection> {
 public:
  struct Options {
    size_t message_bytes_max = 0;
    // The client cannot take binary frames: binary goes out as text.
    bool sends_base64 = false;
    // Messages may be compressed, as the client and the 101 have agreed.
    bool is_deflated = false;
  };
  // Told once, when the last reference goes. The owner may be null.
  using OnGone = std::function<void(WebSocketConnection&)>;

  WebSocketConnection(std::shared_ptr<EngineLoop> loop, ClientSocket socket,
                      const Options& options, WebSocketOwner* owner,
                      OnGone on_gone);
  ~WebSocketConnection() override;

  // Queues the HTTP answer that makes it a WebSocket. It leaves with what opens
  // the session, in one segment.
  void SendHead(std::string head);
  // Begins to read. `early` are bytes that came behind the request.
  void Start(std::string early);

  // Queues a frame; does nothing once it closes. False: more than
  // kClientBufferBytesHardMax would wait, and the frame was not taken.
  bool Send(SharedFramePtr frame);
  // The same for several: all of them or none. False as well if this client
  // needs other frames.
  bool SendAll(absl::Span<const SharedFramePtr> frames);
  // Sends a close frame after what is queued, and gives the client
  // kWebSocketCloseTime to answer.
  void Close(WebSocketCloseCode code);
  // Forgets what is queued, but for a frame that was begun.
  void DropQueue();
  // The owner hears no more. To be followed by Close().
  void Disown() { owner_ = nullptr; }
  // Cuts the connection. Nobody is told any more.
  void Abandon();

  // Bytes queued and not yet taken by the system, each frame with
  // kQueuedFrameOverheadBytes on top.
  size_t queued_bytes() const { return queued_bytes_; }
  // Asks for OnWebSocketTurn() at the end of the turn.
  void WantTurn();

  // TurnTask
  void OnTurnEnd() override;

 private:
  void WaitForInput();
  void OnReadable();
  void TakeInput(absl::Span<char> input);
  void TakeResult(const WebSocketReader::Result& result);
  void Enqueue(SharedFramePtr frame);
  void FlushAtTurnEnd();
  // Writes what the system takes now, and waits for it to take the rest.
  void Flush();
  void DropWritten(size_t bytes);
  void OnWritable();
  // The client is gone, as far as the owner is concerned.
  void TellClosed(absl::string_view reason);
  // The connection is over, now.
  void Finish(absl::string_view reason);

  // What every message touches comes first, so that a fan-out to thousands of
  // clients finds it in few cache lines.
  std::vector<SharedFramePtr> queue_;
  size_t queue_begin_ = 0;       // Frames before it are written.
  size_t written_of_first_ = 0;  // Bytes of the first that are written.
  size_t queued_bytes_ = 0;
  bool in_turn_ = false;     // OnTurnEnd() will come.
  bool wants_turn_ = false;  // The owner is to be told of it.
  bool is_over_ = false;     // The socket is closed.
  bool is_closing_ = false;  // Our close frame is queued or sent.
  bool waits_for_output_ = false;
  bool was_beyond_half_ = false;  // A drain is to be told once it is no more.
  const bool sends_base64_;
  const bool is_deflated_;
  const std::shared_ptr<EngineLoop> loop_;
  ClientSocket socket_;

  WebSocketOwner* owner_;
  bool peer_closed_ = false;     // Their close frame came.
  bool discards_input_ = false;  // They broke the protocol.
  WebSocketReader reader_;
  OnGone on_gone_;                          // Empty: abandoned.
  std::unique_ptr<LoopTimer> close_timer_;  // Once it closes.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_WEBSOCKET_CONNECTION_H_
