#include "base/room_key.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/utf8.h"

namespace roomlog {
namespace {

absl::Status CheckName(absl::string_view kind, absl::string_view name) {
  if (name.size() > kRoomNameBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ", kind, " name of ", name.size(),
                     " bytes is longer than ", kRoomNameBytesMax));
  }
  if (name.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ", kind, " name may not hold a NUL byte"));
  }
  if (!IsUtf8(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a ", kind, " name is not UTF-8: ", absl::CHexEscape(name)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RoomKey> RoomKey::Make(absl::string_view name_space,
                                      absl::string_view room) {
  if (name_space.empty()) {
    return absl::InvalidArgumentError("a namespace needs a name");
  }
  absl::Status status = CheckName("namespace", name_space);
  if (status.ok()) status = CheckName("room", room);
  if (!status.ok()) return status;
  std::string text;
  text.reserve(name_space.size() + 1 + room.size());
  absl::StrAppend(&text, name_space, absl::string_view("\0", 1), room);
  return RoomKey(std::move(text), name_space.size());
}

absl::StatusOr<RoomKey> RoomKey::Parse(absl::string_view text) {
  const size_t separator = text.find('\0');
  if (separator == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("a room without its namespace: ", absl::CHexEscape(text)));
  }
  return Make(text.substr(0, separator), text.substr(separator + 1));
}

}  // namespace roomlog
