#include "node/rooms/event_frames.h"

#include "absl/strings/str_cat.h"

namespace roomlog {

const FrameList& EventFrames::For(bool with_offset) {
  const bool spliced = with_offset && !ends_in_offset_;
  FrameList& frames = spliced ? with_offset_ : plain_;
  if (frames.empty()) {
    frames = spliced
                 ? Make(absl::StrCat(Text().substr(0, Text().size() - 1), ",\"",
                                     FormatPosition(position_), "\"]"))
                 : Make(Text());
  }
  return frames;
}

FrameList EventFrames::InHistory(absl::string_view suffix) {
  const absl::string_view text = Text();
  return Make(ends_in_offset_
                  ? absl::StrCat(text.substr(0, text.size() - 2), suffix, "\"]")
                  : absl::StrCat(text.substr(0, text.size() - 1), ",\"",
                                 FormatPosition(position_), suffix, "\"]"));
}

void EventFrames::Keep() {
  if (empty()) return;
  if (plain_.empty() && with_offset_.empty()) For(false);
  own_text_.clear();
  text_ = {};
  attachments_.clear();
}

size_t EventFrames::bytes() const {
  size_t bytes = 0;
  // Attachments are the same in both.
  const FrameList& frames = plain_.empty() ? with_offset_ : plain_;
  for (const SharedFramePtr& frame : frames) bytes += frame->wire().size();
  return bytes;
}

absl::string_view EventFrames::Text() {
  if (!own_text_.empty()) return own_text_;
  if (!text_.empty()) return text_;
  if (plain_.empty()) {  // Kept for those alone who get the offset.
    const absl::string_view text = with_offset_[0]->payload().substr(1);
    plain_ = Make(absl::StrCat(
        text.substr(0, text.size() - FormatPosition(position_).size() - 4),
        "]"));
  }
  return plain_[0]->payload().substr(1);  // Without Engine.IO's packet type.
}

FrameList EventFrames::Make(absl::string_view text) {
  FrameList frames = {MakeFrame(text)};
  const FrameList& made = plain_.empty() ? with_offset_ : plain_;
  if (made.empty()) {
    for (absl::string_view attachment : attachments_) {
      frames.push_back(MakeBinaryFrame(attachment));
    }
  } else {
    frames.insert(frames.end(), made.begin() + 1, made.end());
  }
  return frames;
}

}  // namespace roomlog
