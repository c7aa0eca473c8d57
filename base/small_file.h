// Files that people write: keys, lists, configuration.
#ifndef ROOMLOG_BASE_SMALL_FILE_H_
#define ROOMLOG_BASE_SMALL_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace roomlog {

// All that `path` holds. INVALID_ARGUMENT, with the path and the reason: it
// cannot be read, or holds more than `bytes_max`.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path,
                                          size_t bytes_max);

}  // namespace roomlog

#endif  // ROOMLOG_BASE_SMALL_FILE_H_
