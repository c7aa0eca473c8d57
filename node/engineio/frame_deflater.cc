#include "node/engineio/frame_deflater.h"

#include <string>

#include "node/engineio/engine_limits.h"
#include "node/engineio/websocket_codec.h"

namespace roomlog {

SharedFramePtr FrameDeflater::Deflate(SharedFramePtr frame) {
  if (frame->kind() == SharedFrame::Kind::kControl ||
      frame->payload().size() < kCompressedMessageBytesMin) {
    return frame;
  }
  const auto found = deflated_.find(frame.get());
  if (found != deflated_.end()) return found->second.second;
  if (deflater_ == nullptr) deflater_ = std::make_unique<MessageDeflater>();
  const std::string packed = deflater_->Deflate(frame->payload());
  std::string wire = EncodeFrame(
      frame->is_binary() ? WebSocketOpcode::kBinary : WebSocketOpcode::kText,
      packed);
  constexpr char kIsCompressed = 0x40;
  wire[0] = static_cast<char>(wire[0] | kIsCompressed);
  auto deflated = std::make_shared<const SharedFrame>(
      std::move(wire), packed.size(), frame->kind());
  const SharedFrame* const key = frame.get();
  deflated_.emplace(key, std::pair(std::move(frame), deflated));
  return deflated;
}

MessageInflater& FrameDeflater::inflater() {
  if (inflater_ == nullptr) inflater_ = std::make_unique<MessageInflater>();
  return *inflater_;
}

}  // namespace roomlog
