// A stored event as it goes to clients.
#ifndef ROOMLOG_NODE_ROOMS_EVENT_FRAMES_H_
#define ROOMLOG_NODE_ROOMS_EVENT_FRAMES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/position.h"
#include "node/socketio/encoded_packet.h"

namespace roomlog {

// The frames of one event, with and without its offset as last argument. Each
// kind is made when somebody needs it, once for all who do. Offsets are spliced
// in: nothing is parsed.
class EventFrames {
 public:
  EventFrames() = default;  // Of an event that cannot be sent.

  // `text` is an event's packet, from its type to the last bracket. Borrows
  // `text` and `attachments` until Keep().
  EventFrames(absl::string_view text,
              std::vector<absl::string_view> attachments, Position position)
      : text_(text),
        attachments_(std::move(attachments)),
        position_(position),
        is_empty_(false) {}
  // Of an event that ends in the offset of `position` for everybody.
  EventFrames(std::string text, std::vector<absl::string_view> attachments,
              Position position)
      : own_text_(std::move(text)),
        attachments_(std::move(attachments)),
        position_(position),
        ends_in_offset_(true),
        is_empty_(false) {}

  bool empty() const { return is_empty_; }

  const FrameList& For(bool with_offset);
  // With the offset, and `suffix` behind that: see client_offset.h.
  FrameList InHistory(absl::string_view suffix);

  // From here on nothing is borrowed.
  void Keep();
  // About what the frames take that were made.
  size_t bytes() const;

 private:
  // Of the event as it is without an offset; or with it, if it ends in one for
  // everybody.
  absl::string_view Text();
  FrameList Make(absl::string_view text);

  std::string own_text_;
  absl::string_view text_;
  std::vector<absl::string_view> attachments_;
  Position position_;
  bool ends_in_offset_ = false;
  bool is_empty_ = true;
  FrameList plain_;
  FrameList with_offset_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_EVENT_FRAMES_H_
