// The members of a body's object, as they were written.
#ifndef ROOMLOG_NODE_API_JSON_MEMBERS_H_
#define ROOMLOG_NODE_API_JSON_MEMBERS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace roomlog {

// Numbers and text in it go into the log byte for byte, so they are not read.
// Borrows the text.
class JsonMembers {
 public:
  // INVALID_ARGUMENT: it is not JSON, or no object, or a name is there twice.
  static absl::StatusOr<JsonMembers> Of(absl::string_view text);

  // The JSON of the member; empty if there is none.
  absl::string_view Find(absl::string_view name) const;
  // The first name that is none of these, if there is one.
  std::optional<absl::string_view> FirstBut(
      absl::Span<const absl::string_view> known) const;
  size_t size() const { return members_.size(); }

 private:
  std::vector<std::pair<std::string, absl::string_view>> members_;
};

// For messages: short, whatever was sent.
std::string ShownOf(absl::string_view text);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_API_JSON_MEMBERS_H_
