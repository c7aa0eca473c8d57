// What becomes of a socket as a member of its rooms.
#ifndef ROOMLOG_SESSIONS_MEMBER_CHANGE_H_
#define ROOMLOG_SESSIONS_MEMBER_CHANGE_H_

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "proto/sessions.pb.h"

namespace roomlog {

// A socket is a member of the rooms of its session, reserved ones apart, and of
// the namespace's room with the empty name, unless the session is absent.
struct MemberChange {
  std::string name_space;
  std::string socket_id;
  std::string user;  // Empty: nobody in particular.
  ProducerId owner;
  bool is_away = false;  // Its client is lost and may come back.
  bool is_gone = false;  // It is in no room any more.
  // Names of rooms, in their order.
  std::vector<std::string> joined;
  std::vector<std::string> left;
};

// Between two states of a session's record; null: there is none. Nothing if no
// room would show it.
std::optional<MemberChange> MemberChangeBetween(
    const proto::SessionRecord* before, const proto::SessionRecord* after);

}  // namespace roomlog

#endif  // ROOMLOG_SESSIONS_MEMBER_CHANGE_H_
