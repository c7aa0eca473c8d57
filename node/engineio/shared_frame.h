// A message as it goes over the wire, made once for everybody it goes to.
#ifndef ROOMLOG_NODE_ENGINEIO_SHARED_FRAME_H_
#define ROOMLOG_NODE_ENGINEIO_SHARED_FRAME_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace roomlog {

// One whole WebSocket frame. Immutable, so any thread may hold one.
class SharedFrame {
 public:
  // `payload_bytes` at the end of `wire` are the payload.
  SharedFrame(std::string wire, size_t payload_bytes)
      : wire_(std::move(wire)), payload_bytes_(payload_bytes) {}

  // The frame, head and payload.
  absl::string_view wire() const { return wire_; }
  // For a text frame the Engine.IO packet, such as `42["hello"]`.
  absl::string_view payload() const {
    return absl::string_view(wire_).substr(wire_.size() - payload_bytes_);
  }

 private:
  const std::string wire_;
  const size_t payload_bytes_;
};

using SharedFramePtr = std::shared_ptr<const SharedFrame>;

// Makes the frame of one Socket.IO text packet, such as `2["hello"]`.
SharedFramePtr MakeFrame(absl::string_view packet);

// Makes the frame of any Engine.IO packet: its type, such as '2' for a ping,
// and what it carries.
SharedFramePtr MakeEngineFrame(char type, absl::string_view data);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_SHARED_FRAME_H_
