#include "node/engineio/shared_frame.h"

#include <utility>

#include "node/engineio/websocket_codec.h"

namespace roomlog {

SharedFramePtr MakeEngineFrame(char type, absl::string_view data) {
  constexpr size_t kHeadBytesMax = 10;
  const size_t payload_bytes = 1 + data.size();
  std::string wire;
  wire.reserve(kHeadBytesMax + payload_bytes);
  AppendFrameHead(WebSocketOpcode::kText, payload_bytes, &wire);
  wire.push_back(type);
  wire.append(data.data(), data.size());
  return std::make_shared<const SharedFrame>(std::move(wire), payload_bytes,
                                             SharedFrame::Kind::kText);
}

SharedFramePtr MakeFrame(absl::string_view packet) {
  return MakeEngineFrame('4', packet);
}

SharedFramePtr MakeBinaryFrame(absl::string_view data) {
  return std::make_shared<const SharedFrame>(
      EncodeFrame(WebSocketOpcode::kBinary, data), data.size(),
      SharedFrame::Kind::kBinary);
}

}  // namespace roomlog
