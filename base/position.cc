#include "base/position.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

// Lower-case hexadecimal without leading zeros: one text for each number.
bool ParseHex(absl::string_view text, uint64_t* value) {
  if (text.empty() || text.size() > 16 || (text[0] == '0' && text.size() > 1)) {
    return false;
  }
  for (const char c : text) {
    if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
  }
  return absl::SimpleHexAtoi(text, value);
}

}  // namespace

std::string FormatPosition(Position position) {
  return absl::StrCat(absl::Hex(position.epoch.value()), "-",
                      absl::Hex(position.offset.value()));
}

absl::StatusOr<Position> ParsePosition(absl::string_view text) {
  const size_t dash = text.find('-');
  uint64_t epoch = 0;
  uint64_t offset = 0;
  if (dash == absl::string_view::npos ||
      !ParseHex(text.substr(0, dash), &epoch) ||
      !ParseHex(text.substr(dash + 1), &offset)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "not an offset: \"", absl::CHexEscape(text.substr(0, 64)), "\""));
  }
  return Position{Epoch(epoch), Offset(offset)};
}

}  // namespace roomlog
