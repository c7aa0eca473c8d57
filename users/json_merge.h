// JSON merge patch.
#ifndef ROOMLOG_USERS_JSON_MERGE_H_
#define ROOMLOG_USERS_JSON_MERGE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace roomlog {

// `target` with `patch` merged into it, as RFC 7396 has it; both are JSON
// (IsJson()). Members keep their places, new ones come last, and what is not
// touched stays as it was written.
std::string MergeJson(absl::string_view target, absl::string_view patch);

}  // namespace roomlog

#endif  // ROOMLOG_USERS_JSON_MERGE_H_
