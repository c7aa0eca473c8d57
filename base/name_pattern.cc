#include "base/name_pattern.h"

#include <cstddef>

namespace roomlog {

// Remembers only the last *, which is enough: whatever an earlier one could
// take more, the last one can take instead.
bool MatchesPattern(absl::string_view pattern, absl::string_view name,
                    PatternSigns signs) {
  size_t p = 0;
  size_t n = 0;
  size_t star = absl::string_view::npos;  // Where the last * is,
  size_t taken = 0;                       // and where what it took ends.
  while (n < name.size()) {
    // A * in the name is a byte like any other; in the pattern it never is.
    if (p < pattern.size() && pattern[p] == signs.any_run) {
      star = p++;
      taken = n;
    } else if (p < pattern.size() &&
               (pattern[p] == signs.any_byte || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != absl::string_view::npos) {
      p = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == signs.any_run) ++p;
  return p == pattern.size();
}

}  // namespace roomlog
