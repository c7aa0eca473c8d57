#include "broker/requests/member_reads.h"

#include <algorithm>
#include <string>

#include "absl/status/statusor.h"
#include "base/presence_limits.h"
#include "base/room_key.h"
#include "sessions/last_seen.h"

namespace roomlog {

void MemberReads::OnMembersChanged(const MembersChanged& changed) {
  for (const MemberChange& change : changed.changes) members_.Apply(change);
  for (const StateChange& row : changed.seen) {
    if (row.value.has_value()) {
      last_seen_[row.key] = LastSeen::TimeOf(*row.value).value_or(0);
    } else {
      last_seen_.erase(row.key);
    }
  }
  through_ = changed.through;
  is_complete_ = changed.is_complete;
}

proto::Members MemberReads::Answer(
    const proto::ReadMembers& read,
    absl::FunctionRef<bool(ProducerId)> is_owner_away) const {
  proto::Members answer;
  answer.set_request(read.request());
  const absl::StatusOr<RoomKey> room = RoomKey::Parse(read.room());
  if (!room.ok()) {
    answer.mutable_error()->set_code(proto::ERROR_CODE_INVALID);
    answer.mutable_error()->set_message(std::string(room.status().message()));
    return answer;
  }
  const RoomMembers::Counts counts = members_.Count(room->text());
  answer.set_at(through_.value());
  answer.set_socket_count(counts.sockets);
  answer.set_user_count(counts.users);
  answer.set_has_feed(presence_.HasFeed(room->name_space(), room->room()));

  const size_t limit = std::min<size_t>(read.limit(), kMembersPageMax);
  const auto is_away = [&](const RoomMembers::SocketMember& member) {
    return member.is_away || is_owner_away(member.owner);
  };
  size_t given = 0;
  // Whether the page has room for another.
  const auto has_room = [&] {
    if (given == limit) answer.set_more(true);
    return given++ < limit;
  };
  const auto add_user = [&](const RoomMembers::UserMember& member) {
    proto::Members::User* const user = answer.add_users();
    user->set_name(std::string(member.name));
    user->set_sockets(static_cast<uint32_t>(member.sockets));
    user->set_away(member.is_away);
  };
  if (read.what() == proto::ReadMembers::WHAT_SOCKETS) {
    members_.ForEachSocket(room->text(), read.after(),
                           [&](const RoomMembers::SocketMember& member) {
                             if (!has_room()) return false;
                             proto::Members::Socket* const socket =
                                 answer.add_sockets();
                             socket->set_id(std::string(member.id));
                             socket->set_user(std::string(member.user));
                             socket->set_away(is_away(member));
                             return true;
                           });
  } else if (read.what() == proto::ReadMembers::WHAT_USERS) {
    members_.ForEachUser(room->text(), read.after(), is_away,
                         [&](const RoomMembers::UserMember& member) {
                           if (!has_room()) return false;
                           add_user(member);
                           return true;
                         });
  } else if (read.what() == proto::ReadMembers::WHAT_USER) {
    if (const auto member =
            members_.FindUser(room->text(), read.user(), is_away)) {
      add_user(*member);
    }
    // Who may know it of one room need not know it of all.
    if (room->room().empty() && answer.users().empty()) {
      const auto seen =
          last_seen_.find(LastSeen::RowKey(room->name_space(), read.user()));
      if (seen != last_seen_.end()) answer.set_last_seen_ms(seen->second);
    }
  } else if (read.what() == proto::ReadMembers::WHAT_ROOMS) {
    members_.ForEachRoom(
        room->name_space(), read.after(),
        [&](const RoomMembers::RoomMember& member) {
          if (!has_room()) return false;
          proto::Members::Room* const listed = answer.add_rooms();
          listed->set_name(std::string(member.name));
          listed->set_sockets(static_cast<uint32_t>(member.counts.sockets));
          listed->set_users(static_cast<uint32_t>(member.counts.users));
          return true;
        });
  }
  return answer;
}

}  // namespace roomlog
