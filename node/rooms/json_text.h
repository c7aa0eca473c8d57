// JSON as text: cutting values out of it and writing strings into it, without
// ever building a tree.
#ifndef ROOMLOG_NODE_ROOMS_JSON_TEXT_H_
#define ROOMLOG_NODE_ROOMS_JSON_TEXT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roomlog {

// The texts of the elements of a JSON array, byte for byte, without the space
// around them. Proves on the way that all of it is well-formed JSON in UTF-8:
// what is published is kept for long and read by many.
// A lone surrogate in an escape (`"\ud800"`) is let through, as JSON does.
// INVALID_ARGUMENT: it is no array, malformed (says where), nested deeper than
// kJsonDepthMax, or has more than `elements_max` elements.
absl::StatusOr<std::vector<absl::string_view>> SplitJsonArray(
    absl::string_view json, size_t elements_max);

// The text up to and with the end of the JSON string that `json` begins with;
// empty if it does not begin with one.
absl::string_view LeadingJsonString(absl::string_view json);

// Appends `text` in quotes, escaped as JSON.stringify() does it. A text that is
// not UTF-8 gets U+FFFD for each byte beyond ASCII.
void AppendJsonString(absl::string_view text, std::string* json);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_JSON_TEXT_H_
