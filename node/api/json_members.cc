#include "node/api/json_members.h"

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/utf8.h"

namespace roomlog {
namespace {

// More than any body has.
constexpr size_t kMembersMax = 16;

}  // namespace

absl::StatusOr<JsonMembers> JsonMembers::Of(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) {
    return absl::InvalidArgumentError("a body is wanted, which is JSON");
  }
  if (!IsUtf8(text) || !IsJson(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat("this is not JSON in UTF-8: ", ShownOf(text)));
  }
  if (text[0] != '{') {
    return absl::InvalidArgumentError(
        absl::StrCat("an object is wanted, not ", ShownOf(text)));
  }
  auto members = Members(text, kMembersMax);
  if (!members.has_value()) {
    return absl::InvalidArgumentError("the object has too many members");
  }
  JsonMembers found;
  for (auto& [name, value] : *members) {
    if (!found.Find(name).empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the member ", ShownOf(name), " is there twice"));
    }
    found.members_.emplace_back(std::move(name), value);
  }
  return found;
}

absl::string_view JsonMembers::Find(absl::string_view name) const {
  const auto found = absl::c_find_if(
      members_, [&](const auto& member) { return member.first == name; });
  return found == members_.end() ? absl::string_view() : found->second;
}

std::optional<absl::string_view> JsonMembers::FirstBut(
    absl::Span<const absl::string_view> known) const {
  for (const auto& [name, value] : members_) {
    if (!absl::c_linear_search(known, absl::string_view(name))) return name;
  }
  return std::nullopt;
}

std::string ShownOf(absl::string_view text) {
  constexpr size_t kShownMax = 64;
  return absl::StrCat(absl::CHexEscape(text.substr(0, kShownMax)),
                      text.size() > kShownMax ? "..." : "");
}

}  // namespace roomlog
