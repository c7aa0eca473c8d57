// The name of a room: its namespace and the room's own name.
#ifndef ROOMLOG_BASE_ROOM_KEY_H_
#define ROOMLOG_BASE_ROOM_KEY_H_

#include <compare>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roomlog {

// Names one room of the cluster. The room with the empty name is the whole
// namespace: every socket is in it. Kept as one string, "<namespace>\0<room>",
// so that a table lookup hashes once and needs no allocation (see text()).
class RoomKey {
 public:
  RoomKey() = default;  // The room "" of the namespace "".

  // INVALID_ARGUMENT: a name is too long, not UTF-8, or holds a NUL; the
  // namespace is empty.
  static absl::StatusOr<RoomKey> Make(absl::string_view name_space,
                                      absl::string_view room);
  // Takes what text() gave. INVALID_ARGUMENT as Make().
  static absl::StatusOr<RoomKey> Parse(absl::string_view text);

  absl::string_view name_space() const {
    return absl::string_view(text_).substr(0, separator_);
  }
  absl::string_view room() const {
    return absl::string_view(text_).substr(
        separator_ == text_.size() ? separator_ : separator_ + 1);
  }
  // "<namespace>\0<room>"
  const std::string& text() const { return text_; }

  friend bool operator==(const RoomKey& a, const RoomKey& b) {
    return a.text_ == b.text_;
  }
  friend auto operator<=>(const RoomKey& a, const RoomKey& b) {
    return a.text_ <=> b.text_;
  }
  template <typename H>
  friend H AbslHashValue(H state, const RoomKey& key) {
    return H::combine(std::move(state), key.text_);
  }

 private:
  RoomKey(std::string text, size_t separator)
      : text_(std::move(text)), separator_(separator) {}

  std::string text_;
  size_t separator_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_BASE_ROOM_KEY_H_
