// Just enough JSON to know that what a client sent is JSON, and to read a name.
// simdjson is no judge of that: it refuses integers beyond 64 bits and lone
// surrogates, both of which JavaScript's JSON.stringify writes.
#ifndef ROOMLOG_BASE_JSON_H_
#define ROOMLOG_BASE_JSON_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace roomlog {

// Whether `text` is one JSON value (RFC 8259) without space around it, nested
// at most kJsonDepthMax deep. `text` must be UTF-8.
bool IsJson(absl::string_view text);

// The first element of `array`, as written. `array` is JSON, an array. Empty:
// it has none.
absl::string_view FirstElement(absl::string_view array);

// All elements of `array`, as written, or nothing if there are more than `max`.
// `array` is JSON, an array.
std::optional<std::vector<absl::string_view>> Elements(absl::string_view array,
                                                       size_t max);

// All members of `object`: their names, unquoted, and values as written; or
// nothing if there are more than `max`. `object` is JSON, an object.
std::optional<std::vector<std::pair<std::string, absl::string_view>>> Members(
    absl::string_view object, size_t max);

// What the JSON string `quoted`, with its quotes, says, in UTF-8. A lone
// surrogate becomes U+FFFD.
std::string Unquote(absl::string_view quoted);

// Writes `text`, which must be UTF-8, as a JSON string with its quotes.
std::string Quote(absl::string_view text);

}  // namespace roomlog

#endif  // ROOMLOG_BASE_JSON_H_
