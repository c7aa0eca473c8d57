#include "node/rooms/session_start.h"

#include <cstddef>
#include <variant>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/limits.h"

namespace roomlog {

std::string FormatSessionStart(const SessionStart& start) {
  struct Format {
    std::string operator()(FromNow) const { return ""; }
    std::string operator()(FromStart) const { return " start"; }
    std::string operator()(LastEvents last) const {
      return absl::StrCat(" last ", last.count);
    }
    std::string operator()(const AfterPosition& after) const {
      return absl::StrCat(" after ", FormatPosition(after.position));
    }
    std::string operator()(SinceTime since) const {
      return absl::StrCat(" since ", since.ms);
    }
  };
  const std::string text = std::visit(Format(), start.start);
  return text.empty() ? text : absl::StrCat(start.join, text);
}

absl::StatusOr<SessionStart> ParseSessionStart(absl::string_view text) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ');
  SessionStart parsed;
  if (words.size() >= 2 && absl::SimpleAtoi(words[0], &parsed.join)) {
    if (words.size() == 2 && words[1] == "start") {
      parsed.start = FromStart{};
    } else if (words.size() == 3 && words[1] == "last") {
      LastEvents last;
      if (absl::SimpleAtoi(words[2], &last.count) &&
          last.count <= kReplayEventsMax) {
        parsed.start = last;
      }
    } else if (words.size() == 3 && words[1] == "after") {
      const absl::StatusOr<Position> position = ParsePosition(words[2]);
      if (position.ok()) parsed.start = AfterPosition{*position};
    } else if (words.size() == 3 && words[1] == "since") {
      SinceTime since;
      if (absl::SimpleAtoi(words[2], &since.ms)) parsed.start = since;
    }
  }
  // One text for each.
  if (text.empty() || FormatSessionStart(parsed) != text) {
    return absl::InvalidArgumentError(
        absl::StrCat("not the start of a join: \"",
                     absl::CHexEscape(text.substr(0, 64)), "\""));
  }
  return parsed;
}

}  // namespace roomlog
