// Frames for clients that take compressed messages.
#ifndef ROOMLOG_NODE_ENGINEIO_FRAME_DEFLATER_H_
#define ROOMLOG_NODE_ENGINEIO_FRAME_DEFLATER_H_

#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "node/engineio/message_deflate.h"
#include "node/engineio/shared_frame.h"

namespace roomlog {

// Compresses each frame once for all clients that it goes to in one turn. Takes
// memory once it is used. Belongs to one loop.
class FrameDeflater {
 public:
  // The frame, compressed; itself, if it is small or no message.
  SharedFramePtr Deflate(SharedFramePtr frame);
  // For what clients send.
  MessageInflater& inflater();
  // Lets go of the frames.
  void Forget() { deflated_.clear(); }

 private:
  std::unique_ptr<MessageDeflater> deflater_;
  std::unique_ptr<MessageInflater> inflater_;
  // By the frame, which is kept as well, so that its address is not used again.
  absl::flat_hash_map<const SharedFrame*,
                      std::pair<SharedFramePtr, SharedFramePtr>>
      deflated_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_FRAME_DEFLATER_H_
