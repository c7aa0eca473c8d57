#include "users/json_merge.h"

#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/json.h"

namespace roomlog {
namespace {

using JsonMembers = std::vector<std::pair<std::string, absl::string_view>>;

bool IsObject(absl::string_view json) { return json.front() == '{'; }

// Not nested deeper than kJsonDepthMax, for IsJson() said so.
JsonMembers AllMembers(absl::string_view object) {
  return *Members(object, std::numeric_limits<size_t>::max());
}

}  // namespace

std::string MergeJson(absl::string_view target, absl::string_view patch) {
  if (!IsObject(patch)) return std::string(patch);
  // By name; of a name that comes twice the last counts, as in JavaScript.
  std::map<std::string, absl::string_view> changes;
  std::vector<std::string> new_names;
  for (auto& [name, value] : AllMembers(patch)) {
    if (changes.insert_or_assign(name, value).second) {
      new_names.push_back(std::move(name));
    }
  }
  std::string merged = "{";
  const auto add = [&merged](const std::string& name, absl::string_view value) {
    absl::StrAppend(&merged, merged.size() > 1 ? "," : "", Quote(name), ":",
                    value);
  };
  const auto merge = [&](const std::string& name, absl::string_view old_value) {
    const auto change = changes.find(name);
    if (change == changes.end()) return add(name, old_value);
    if (change->second != "null") {
      add(name, MergeJson(old_value, change->second));
    }
    changes.erase(change);
  };
  if (IsObject(target)) {
    std::map<std::string, absl::string_view> last;
    const JsonMembers members = AllMembers(target);
    for (const auto& [name, value] : members) last[name] = value;
    for (const auto& [name, value] : members) {
      const auto found = last.find(name);
      if (found == last.end()) continue;  // It came before.
      merge(name, found->second);
      last.erase(found);
    }
  }
  for (const std::string& name : new_names) {
    // What is new is merged into nothing: its own nulls are left out, too.
    if (changes.contains(name)) merge(name, "null");
  }
  merged.push_back('}');
  return merged;
}

}  // namespace roomlog
