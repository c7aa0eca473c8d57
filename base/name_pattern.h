// Patterns of names, such as room-*.
#ifndef ROOMLOG_BASE_NAME_PATTERN_H_
#define ROOMLOG_BASE_NAME_PATTERN_H_

#include "absl/strings/string_view.h"

namespace roomlog {

// Whether `pattern` takes the whole of `name`: * is any run of bytes, ? one
// byte, everything else itself. The work is at most the product of the two
// lengths, however the pattern was made.
bool MatchesPattern(absl::string_view pattern, absl::string_view name);

}  // namespace roomlog

#endif  // ROOMLOG_BASE_NAME_PATTERN_H_
