#include "test/sim/node_listener.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/events.pb.h"

namespace roomlog {
namespace {

std::string ReasonName(GapReason reason) {
  switch (reason) {
    case GapReason::kRetention:
      return "retention";
    case GapReason::kEpoch:
      return "epoch";
    case GapReason::kLimit:
      return "limit";
    case GapReason::kDamage:
      return "damage";
  }
  return "unknown";
}

}  // namespace

std::string TextOfEvent(absl::string_view room, Offset offset,
                        absl::string_view packet) {
  if (absl::StartsWith(room, "$roomlog/")) {
    return absl::StrCat(packet, " at ", offset.value());
  }
  // 2["message","text"]
  const size_t comma = packet.find(',');
  if (comma == packet.npos || packet.size() < comma + 4) {
    return std::string(packet);
  }
  return std::string(packet.substr(comma + 2, packet.size() - comma - 4));
}

RoomHandle NodeListener::Follow(const RoomKey& room) {
  const RoomHandle handle = below_->Follow(room);
  followed_[handle] = {std::string(room.room()), Epoch()};
  return handle;
}

void NodeListener::Unfollow(RoomHandle room) {
  const auto it = followed_.find(room);
  if (it != followed_.end()) {
    oracle_.OnGone(name_, it->second.room);
    followed_.erase(it);
  }
  below_->Unfollow(room);
}

void NodeListener::OnFollowing(RoomHandle room, Position head) {
  const auto it = followed_.find(room);
  if (it != followed_.end()) {
    it->second.epoch = head.epoch;
    oracle_.OnJoining(name_, it->second.room, head);
    oracle_.OnJoined(name_, it->second.room, head, {});
  }
  above_->OnFollowing(room, head);
}

void NodeListener::OnFollowFailed(RoomHandle room, const absl::Status& status) {
  const auto it = followed_.find(room);
  if (it != followed_.end()) {
    oracle_.OnGone(name_, it->second.room);
    followed_.erase(it);
  }
  above_->OnFollowFailed(room, status);
}

void NodeListener::OnEvents(absl::Span<const RoomEvent> events) {
  for (const RoomEvent& event : events) {
    const auto it = followed_.find(event.room);
    if (it == followed_.end() ||
        (event.event.flags & proto::EVENT_FLAG_EPHEMERAL) != 0) {
      continue;
    }
    oracle_.OnNodeHeard(name_, event.event.offset);
    oracle_.OnHeard(
        name_, it->second.room, {it->second.epoch, event.event.offset},
        TextOfEvent(it->second.room, event.event.offset, event.event.packet));
  }
  above_->OnEvents(events);
}

void NodeListener::OnGap(RoomHandle room, Position from, Position to,
                         GapReason reason) {
  const auto it = followed_.find(room);
  if (it != followed_.end()) {
    it->second.epoch = to.epoch;
    oracle_.OnGap(name_, it->second.room, {from, to, ReasonName(reason)});
  }
  above_->OnGap(room, from, to, reason);
}

}  // namespace roomlog
