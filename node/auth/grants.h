// What users may do, in which rooms.
#ifndef ROOMLOG_NODE_AUTH_GRANTS_H_
#define ROOMLOG_NODE_AUTH_GRANTS_H_

#include <simdjson.h>

#include <array>
#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "node/auth/room_pattern.h"

namespace roomlog {

// The first four are about rooms; the others about users, with whose names
// their patterns are matched.
enum class Right {
  kJoin,
  kPublish,
  kHistory,
  kPresence,
  kState,        // To read and watch it; one's own one always may.
  kStateChange,  // To change it.
  kDismiss       // To close users' sockets, and revoke their tokens.
};
inline constexpr std::array<Right, 7> kRights = {
    Right::kJoin,  Right::kPublish,     Right::kHistory, Right::kPresence,
    Right::kState, Right::kStateChange, Right::kDismiss};

// "join" and so on.
absl::string_view NameOf(Right right);

// Rules, each of a right and a pattern. There are none that forbid: what no
// rule allows is forbidden. Does not change once made; any thread.
class Grants {
 public:
  // As in the configuration: "join,history=chat/*,lobby;publish=user/{sub}/*".
  // `all` stands for each right. INVALID_ARGUMENT: what is not understood.
  static absl::StatusOr<Grants> Parse(absl::string_view text);
  // As in a token's claim: {"join": ["chat/*"], "publish": [...]}. Likewise.
  static absl::StatusOr<Grants> FromJson(simdjson::dom::element json);

  bool Allow(Right right, absl::string_view name_space, absl::string_view room,
             absl::string_view user) const;

 private:
  absl::Status Add(Right right, absl::string_view pattern);

  std::array<std::vector<RoomPattern>, kRights.size()> patterns_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_GRANTS_H_
