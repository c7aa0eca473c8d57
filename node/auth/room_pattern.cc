#include "node/auth/room_pattern.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/name_pattern.h"
#include "node/auth/auth_limits.h"

namespace roomlog {
namespace {

// In the place of each *, which a user's name may hold as well; no name holds
// this.
constexpr char kAny = '\0';
constexpr absl::string_view kUser = "{sub}";

bool Fits(absl::string_view pattern, absl::string_view name) {
  return MatchesPattern(pattern, name,
                        {.any_run = kAny, .any_byte = std::nullopt});
}

std::string WithStars(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"*", absl::string_view(&kAny, 1)}});
}

absl::Status Wrong(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the room pattern \"", absl::CHexEscape(text.substr(0, 64)), "\" ", why));
}

}  // namespace

absl::StatusOr<RoomPattern> RoomPattern::Parse(absl::string_view text) {
  if (text.empty()) return Wrong(text, "is empty");
  if (text.size() > kRoomPatternBytesMax) {
    return Wrong(text, absl::StrCat("is longer than ", kRoomPatternBytesMax));
  }
  if (absl::StrContains(text, absl::string_view(&kAny, 1))) {
    return Wrong(text, "holds a NUL");
  }
  RoomPattern pattern;
  absl::string_view room = text;
  pattern.name_space_ = "/";
  const size_t colon = text.find(':');
  if (text.front() == '/' && colon != text.npos) {
    pattern.name_space_ = WithStars(text.substr(0, colon));
    room = text.substr(colon + 1);
  }
  if (room.empty()) return Wrong(text, "names no room");
  if (pattern.name_space_.find_first_of("{}") != std::string::npos) {
    return Wrong(text, "has braces in its namespace");
  }
  pattern.pieces_ = absl::StrSplit(WithStars(room), kUser);
  for (size_t i = 0; i < pattern.pieces_.size(); ++i) {
    const std::string& piece = pattern.pieces_[i];
    if (piece.find_first_of("{}") != std::string::npos) {
      return Wrong(text, "has braces around something else than sub");
    }
    const bool is_between = i > 0 && i + 1 < pattern.pieces_.size();
    if ((is_between && piece.empty()) ||
        (i > 0 && !piece.empty() && piece.front() == kAny) ||
        (i + 1 < pattern.pieces_.size() && !piece.empty() &&
         piece.back() == kAny)) {
      return Wrong(text, "has nothing that parts {sub} from what is beside it");
    }
  }
  return pattern;
}

bool RoomPattern::Matches(absl::string_view name_space, absl::string_view room,
                          absl::string_view user) const {
  if (!Fits(name_space_, name_space)) return false;
  if (pieces_.size() == 1) return Fits(pieces_[0], room);
  if (user.empty()) return false;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const std::string& piece = pieces_[i];
    if (piece.empty()) continue;
    if (i > 0 && absl::StrContains(user, piece.front())) return false;
    if (i + 1 < pieces_.size() && absl::StrContains(user, piece.back())) {
      return false;
    }
  }
  return Fits(absl::StrJoin(pieces_, user), room);
}

}  // namespace roomlog
