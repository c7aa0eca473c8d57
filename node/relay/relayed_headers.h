// Headers as they travel between nodes: "Name: value".
#ifndef ROOMLOG_NODE_RELAY_RELAYED_HEADERS_H_
#define ROOMLOG_NODE_RELAY_RELAYED_HEADERS_H_

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace roomlog {

inline std::string HeaderLine(absl::string_view name, absl::string_view value) {
  return absl::StrCat(name, ": ", value);
}

inline std::pair<absl::string_view, absl::string_view> HeaderOf(
    absl::string_view line) {
  const size_t colon = line.find(": ");
  if (colon == line.npos) return {line, ""};
  return {line.substr(0, colon), line.substr(colon + 2)};
}

}  // namespace roomlog

#endif  // ROOMLOG_NODE_RELAY_RELAYED_HEADERS_H_
