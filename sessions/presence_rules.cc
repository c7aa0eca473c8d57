#include "sessions/presence_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/name_pattern.h"
#include "base/presence_room.h"
#include "base/reserved_room.h"

namespace roomlog {

absl::StatusOr<PresenceRules> PresenceRules::Parse(
    const std::vector<std::string>& patterns) {
  PresenceRules rules;
  for (const std::string& text : patterns) {
    const size_t colon = text.find(':');
    if (text == "*") {
      rules.patterns_.emplace_back("*", "*");
    } else if (colon == std::string::npos || colon == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text,
                       "\" is not namespace:room, nor * for every room; the "
                       "main namespace is /"));
    } else {
      rules.patterns_.emplace_back(text.substr(0, colon),
                                   text.substr(colon + 1));
    }
  }
  return rules;
}

bool PresenceRules::HasFeed(absl::string_view name_space,
                            absl::string_view room) const {
  if (IsReservedRoom(room) ||
      kPresenceRoomPrefix.size() + room.size() > kRoomNameBytesMax) {
    return false;
  }
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const auto& rule) {
    return MatchesPattern(rule.first, name_space) &&
           MatchesPattern(rule.second, room);
  });
}

}  // namespace roomlog
