#include "node/engineio/frame_joiner.h"

#include <algorithm>

#include "node/engineio/engine_limits.h"

namespace roomlog {

absl::Span<const absl::string_view> FrameJoiner::Join(
    absl::Span<const SharedFramePtr> frames, size_t skip,
    absl::Span<absl::string_view> pieces) {
  if (frames.size() > 1) {
    if (frames != absl::MakeConstSpan(frames_)) {
      size_t bytes = 0;
      for (const SharedFramePtr& frame : frames) bytes += frame->wire().size();
      Forget();
      if (bytes <= kJoinedBytesMax) {
        frames_.assign(frames.begin(), frames.end());
        for (const SharedFramePtr& frame : frames) {
          joined_.append(frame->wire().data(), frame->wire().size());
        }
      }
    }
    if (!frames_.empty()) {
      pieces[0] = absl::string_view(joined_).substr(skip);
      return pieces.first(1);
    }
  }
  for (size_t i = 0; i < frames.size(); ++i) pieces[i] = frames[i]->wire();
  if (!frames.empty()) pieces[0].remove_prefix(skip);
  return pieces.first(frames.size());
}

void FrameJoiner::Forget() {
  frames_.clear();
  joined_.clear();
}

}  // namespace roomlog
