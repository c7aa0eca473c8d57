// WebSocket frames (RFC 6455), a server's side: bytes in, messages out, and
// back. Sees no socket, so that whoever writes may share one frame among many
// clients.
#ifndef ROOMLOG_NODE_ENGINEIO_WEBSOCKET_CODEC_H_
#define ROOMLOG_NODE_ENGINEIO_WEBSOCKET_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "node/engineio/message_deflate.h"

namespace roomlog {

enum class WebSocketOpcode : uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

// Why a WebSocket is closed (RFC 6455, 7.4.1).
enum class WebSocketCloseCode : uint16_t {
  kNone = 1005,  // Never on the wire: a close frame that says nothing.
  kGoingAway = 1001,
  kProtocolError = 1002,
  kNotUtf8 = 1007,
  kTooLarge = 1009,
};

// Appends the head of a server's unfragmented frame of `payload_bytes`.
void AppendFrameHead(WebSocketOpcode opcode, size_t payload_bytes,
                     std::string* out);

// A whole frame as a server sends it. A control frame holds up to 125 bytes.
std::string EncodeFrame(WebSocketOpcode opcode, absl::string_view payload);
std::string EncodeCloseFrame(WebSocketCloseCode code);

// Takes a client's frames apart. Strict: whatever RFC 6455 forbids is an error,
// after which nothing more is read. Keeps no buffer between messages.
class WebSocketReader {
 public:
  enum class Kind {
    kNothing,  // More bytes are needed; all there were are taken.
    kText,     // A whole message, put together; text is UTF-8.
    kBinary,
    kPing,
    kPong,
    kClose,  // `close_code` is what the client gave as the reason.
    kError,  // Close with `close_code`; every Read() says so from here on.
  };

  struct Result {
    Kind kind = Kind::kNothing;
    // What the frame or message carries. Lasts until the next Read(), and as
    // long as the input does.
    absl::string_view payload = "";
    WebSocketCloseCode close_code = WebSocketCloseCode::kNone;
    // For kError: what was wrong, in words.
    absl::string_view error = "";
  };

  // A message may have up to `message_bytes_max` bytes. Borrows `inflater` for
  // compressed messages; without one there must be none.
  explicit WebSocketReader(size_t message_bytes_max,
                           MessageInflater* inflater = nullptr)
      : message_bytes_max_(message_bytes_max), inflater_(inflater) {}

  // Takes bytes from the front of `input`, up to the end of one message or
  // control frame, and unmasks them in place. Call it until it says kNothing,
  // or `input` is empty.
  Result Read(absl::Span<char>* input);

 private:
  // Takes bytes of the frame's head; false if more are needed.
  bool ReadHead(absl::Span<char>* input);
  // Reads the head that is now whole. An empty view, or what is wrong with it.
  absl::string_view CheckHead();
  Result ReadPayload(absl::Span<char>* input);
  // The frame is whole; `payload` is all of it, or of the message.
  Result EndFrame(absl::string_view payload);
  Result EndControlFrame(absl::string_view payload);
  Result EndMessage(absl::string_view payload);
  Result Fail(WebSocketCloseCode code, absl::string_view error);
  bool is_control() const { return static_cast<uint8_t>(opcode_) >= 8; }

  const size_t message_bytes_max_;
  MessageInflater* const inflater_;

  // The frame being read.
  char head_[14];
  uint8_t head_bytes_ = 0;
  bool in_payload_ = false;
  bool is_final_ = false;
  WebSocketOpcode opcode_ = WebSocketOpcode::kContinuation;
  char mask_[4];
  uint64_t payload_bytes_ = 0;  // Of the whole frame.
  uint64_t payload_read_ = 0;

  // The message being put together, if it is not in the input as a whole.
  bool in_message_ = false;  // Fragments came; the last one did not.
  WebSocketOpcode message_opcode_ = WebSocketOpcode::kContinuation;
  std::string message_;
  bool message_is_packed_ = false;
  bool message_is_done_ = false;  // Its text was given out; forget it.
  std::string control_;           // A control frame that came in pieces.

  bool failed_ = false;
  WebSocketCloseCode failure_code_ = WebSocketCloseCode::kNone;
  absl::string_view failure_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_WEBSOCKET_CODEC_H_
