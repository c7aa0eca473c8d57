// JSON objects in which nothing is said twice.
#ifndef ROOMLOG_NODE_AUTH_UNIQUE_MEMBERS_H_
#define ROOMLOG_NODE_AUTH_UNIQUE_MEMBERS_H_

#include <simdjson.h>

#include <string_view>

#include "absl/container/flat_hash_set.h"

namespace roomlog {

// Of two members of one name each reader takes another one, so that who signs
// and who checks would not speak of the same.
inline bool HasUniqueMembers(simdjson::dom::object object) {
  absl::flat_hash_set<std::string_view> names;
  for (const auto member : object) {
    if (!names.insert(member.key).second) return false;
  }
  return true;
}

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_UNIQUE_MEMBERS_H_
