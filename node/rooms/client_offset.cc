#include "node/rooms/client_offset.h"

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace roomlog {
namespace {

// Decimal, from 1, without leading zeros or a sign: one text for each number.
bool ParseJoin(absl::string_view text, uint64_t* join) {
  return !text.empty() && text[0] >= '1' && text[0] <= '9' &&
         absl::SimpleAtoi(text, join) && absl::StrCat(*join) == text;
}

}  // namespace

std::string FormatHistorySuffix(const ClientOffset::InHistory& history) {
  return absl::StrCat("~", FormatPosition(history.place), "~", history.join);
}

std::string FormatClientOffset(const ClientOffset& offset) {
  std::string text = FormatPosition(offset.event);
  if (offset.history.has_value()) {
    text += FormatHistorySuffix(*offset.history);
  }
  return text;
}

absl::StatusOr<ClientOffset> ParseClientOffset(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '~');
  const absl::StatusOr<Position> event = ParsePosition(parts[0]);
  if (event.ok() && parts.size() == 1) return ClientOffset{*event, {}};
  if (event.ok() && parts.size() == 3) {
    const absl::StatusOr<Position> place = ParsePosition(parts[1]);
    uint64_t join = 0;
    if (place.ok() && ParseJoin(parts[2], &join)) {
      return ClientOffset{*event, ClientOffset::InHistory{*place, join}};
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "not an offset: \"", absl::CHexEscape(text.substr(0, 64)), "\""));
}

}  // namespace roomlog
