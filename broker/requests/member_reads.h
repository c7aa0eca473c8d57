// Answers who is in a room, without asking any node.
#ifndef ROOMLOG_BROKER_REQUESTS_MEMBER_READS_H_
#define ROOMLOG_BROKER_REQUESTS_MEMBER_READS_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "base/ids.h"
#include "broker/journal/journal.h"
#include "proto/backplane.pb.h"
#include "sessions/presence_rules.h"
#include "sessions/room_members.h"

namespace roomlog {

// Keeps in step with the journal by what it tells. The I/O thread owns it: an
// answer waits for no commit and no disk.
class MemberReads {
 public:
  // `presence` says which rooms have a feed.
  explicit MemberReads(PresenceRules presence)
      : presence_(std::move(presence)) {}

  void OnMembersChanged(const MembersChanged& changed);
  // Whether all that the log remembered has been told. Ask nothing before.
  bool is_complete() const { return is_complete_; }
  const RoomMembers& members() const { return members_; }

  // `is_owner_away`: nothing is heard of that node just now.
  proto::Members Answer(
      const proto::ReadMembers& read,
      absl::FunctionRef<bool(ProducerId)> is_owner_away) const;

 private:
  const PresenceRules presence_;
  RoomMembers members_;
  absl::flat_hash_map<std::string, int64_t>
      last_seen_;  // By LastSeen::RowKey().
  Offset through_;
  bool is_complete_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_REQUESTS_MEMBER_READS_H_
