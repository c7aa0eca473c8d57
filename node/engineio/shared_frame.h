// A message as it goes over the wire, made once for everybody it goes to.
#ifndef ROOMLOG_NODE_ENGINEIO_SHARED_FRAME_H_
#define ROOMLOG_NODE_ENGINEIO_SHARED_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace roomlog {

// One whole WebSocket frame. Immutable, so any thread may hold one.
class SharedFrame {
 public:
  enum class Kind : uint8_t {
    kText,     // An Engine.IO packet.
    kBinary,   // A binary message.
    kControl,  // Of WebSocket itself; means nothing to another transport.
  };

  // `payload_bytes` at the end of `wire` are the payload.
  SharedFrame(std::string wire, size_t payload_bytes, Kind kind)
      : wire_(std::move(wire)), payload_bytes_(payload_bytes), kind_(kind) {}

  Kind kind() const { return kind_; }
  bool is_binary() const { return kind_ == Kind::kBinary; }
  // The frame, head and payload.
  absl::string_view wire() const { return wire_; }
  // For a text frame the Engine.IO packet, such as `42["hello"]`; for a binary
  // one the bytes of the message.
  absl::string_view payload() const {
    return absl::string_view(wire_).substr(wire_.size() - payload_bytes_);
  }

 private:
  const std::string wire_;
  const size_t payload_bytes_;
  const Kind kind_;
};

using SharedFramePtr = std::shared_ptr<const SharedFrame>;

// Makes the frame of one Socket.IO text packet, such as `2["hello"]`.
SharedFramePtr MakeFrame(absl::string_view packet);

// Makes the frame of one binary message: an attachment of a Socket.IO packet.
SharedFramePtr MakeBinaryFrame(absl::string_view data);

// Makes the frame of any Engine.IO packet: its type, such as '2' for a ping,
// and what it carries.
SharedFramePtr MakeEngineFrame(char type, absl::string_view data);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_SHARED_FRAME_H_
