// Of which rooms a feed of comings and goings is kept.
#ifndef ROOMLOG_SESSIONS_PRESENCE_RULES_H_
#define ROOMLOG_SESSIONS_PRESENCE_RULES_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roomlog {

class PresenceRules {
 public:
  PresenceRules() = default;  // Of none.

  // Reads patterns such as /chat:room-*, each of a namespace and a room, in
  // which * is any run of bytes and ? one byte; * alone stands for *:*. The
  // empty name is the namespace's room, whose feed tells who is online.
  // INVALID_ARGUMENT: says which is wrong and why.
  static absl::StatusOr<PresenceRules> Parse(
      const std::vector<std::string>& patterns);

  bool empty() const { return patterns_.empty(); }
  // Reserved rooms have none, nor has a room whose feed's name is too long.
  bool HasFeed(absl::string_view name_space, absl::string_view room) const;

 private:
  // Of the namespace, and of the room.
  std::vector<std::pair<std::string, std::string>> patterns_;
};

}  // namespace roomlog

#endif  // ROOMLOG_SESSIONS_PRESENCE_RULES_H_
