// Which rooms a rule speaks of.
#ifndef ROOMLOG_NODE_AUTH_ROOM_PATTERN_H_
#define ROOMLOG_NODE_AUTH_ROOM_PATTERN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roomlog {

// docs/security.md has the language. Does not change; any thread.
class RoomPattern {
 public:
  // `chat/*` speaks of rooms of the namespace "/", `/game:table-*` of those of
  // "/game". `*` stands for any characters, `{sub}` for the user's name.
  // INVALID_ARGUMENT: empty, too long, with a NUL or another thing in braces,
  // or with a `{sub}` beside a `*` or another `{sub}`, where nobody could say
  // where the user's name ends.
  static absl::StatusOr<RoomPattern> Parse(absl::string_view text);

  // Whether it speaks of the room, to that user. Never to one whose name holds
  // the character that parts `{sub}` from what is beside it: with
  // `user/{sub}/*`, the rooms of somebody named "ann/x" would else be among
  // those of "ann".
  bool Matches(absl::string_view name_space, absl::string_view room,
               absl::string_view user) const;

 private:
  RoomPattern() = default;

  std::string name_space_;  // A pattern too, without `{sub}`.
  // What stands between the `{sub}`s; a NUL, which no name may hold, is a *.
  std::vector<std::string> pieces_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_ROOM_PATTERN_H_
