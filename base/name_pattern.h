// Patterns of names, such as room-*.
#ifndef ROOMLOG_BASE_NAME_PATTERN_H_
#define ROOMLOG_BASE_NAME_PATTERN_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace roomlog {

// What does not stand for itself in a pattern.
struct PatternSigns {
  char any_run = '*';                  // Any run of bytes, also none.
  std::optional<char> any_byte = '?';  // One byte.
};

// Whether `pattern` takes the whole of `name`. The work is at most the product
// of the two lengths, however the pattern was made.
bool MatchesPattern(absl::string_view pattern, absl::string_view name,
                    PatternSigns signs = {});

}  // namespace roomlog

#endif  // ROOMLOG_BASE_NAME_PATTERN_H_
