// Frames that leave in one write, as one piece.
#ifndef ROOMLOG_NODE_ENGINEIO_FRAME_JOINER_H_
#define ROOMLOG_NODE_ENGINEIO_FRAME_JOINER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "node/engineio/shared_frame.h"

namespace roomlog {

// Joins small frames, and remembers what it joined last: in a fan-out many
// clients in a row are written the same. Belongs to one loop.
class FrameJoiner {
 public:
  // The bytes of `frames` but the first `skip`, which lie in the first frame:
  // one piece, or, if that would be large, each frame's own, for which `pieces`
  // has the room. Lasts until the next call.
  absl::Span<const absl::string_view> Join(
      absl::Span<const SharedFramePtr> frames, size_t skip,
      absl::Span<absl::string_view> pieces);

  // Lets go of the frames that were joined last.
  void Forget();

 private:
  std::vector<SharedFramePtr> frames_;
  std::string joined_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_FRAME_JOINER_H_
