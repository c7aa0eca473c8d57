// What the backplane tells RoomLayer of rooms and of the log: see room_layer.h.
#include <algorithm>
#include <utility>
#include <variant>

#include "node/rooms/room_layer.h"

namespace roomlog {

void RoomLayer::OnTick() {
  for (const RoomKey& key : std::exchange(rooms_to_follow_again_, {})) {
    const auto room = rooms_.find(key);
    if (room != rooms_.end() && !room->second->handle.has_value()) {
      Follow(*room->second);
    } else if (raw_rooms_.contains(key)) {
      raw_followed_[backplane_.Follow(key)] = key;
    }
  }
  for (const auto& stalled : std::exchange(stalled_joins_, {})) {
    const std::shared_ptr<Membership> member = stalled.lock();
    if (member == nullptr || member->removed || !member->replay.has_value()) {
      continue;
    }
    EnqueueReplay(*member);
    Pump(member->client);
  }
  for (const auto& stalled : std::exchange(stalled_clients_, {})) {
    const std::shared_ptr<RoomClient> client = stalled.lock();
    if (client == nullptr) continue;
    client->is_stalled = false;
    GoOn(*client);
    Pump(*client);
  }
  for (const auto& stalled : std::exchange(stalled_changes_, {})) {
    if (const auto client = stalled.lock()) SendChanges(*client);
  }
  WakeRecoveries();
}

void RoomLayer::OnFollowing(RoomHandle handle, Position head) {
  const auto found = followed_.find(handle);
  if (found == followed_.end()) return TellRawFollower(handle);
  Room& room = *found->second;
  FollowLogHead(head);
  EnterEpoch(head.epoch);
  stream_position_.offset = std::max(stream_position_.offset, head.offset);
  room.is_followed = true;
  if (room.position.has_value() && room.position->epoch != head.epoch) {
    BeginNewEpoch(room, head);
    return;
  }
  // If the room was followed before, its members read what came in between.
  if (!room.position.has_value() || room.position->offset < head.offset) {
    room.MoveTo(head);
  }
  AdvanceAll(room);
}

void RoomLayer::TellRawFollower(RoomHandle handle) {
  const auto raw = raw_followed_.find(handle);
  if (raw == raw_followed_.end()) return;
  const auto& on_following = raw_rooms_.at(RoomKey(raw->second)).on_following;
  if (on_following) on_following();
}

void RoomLayer::OnFollowFailed(RoomHandle handle, const absl::Status& status) {
  if (const auto raw = raw_followed_.find(handle); raw != raw_followed_.end()) {
    rooms_to_follow_again_.push_back(raw->second);
    raw_followed_.erase(raw);
    return;
  }
  const auto found = followed_.find(handle);
  if (found == followed_.end()) return;
  Room& room = *found->second;
  followed_.erase(found);
  room.handle.reset();
  room.is_followed = false;
  rooms_to_follow_again_.push_back(room.key);
  room.ForEachMember([&](Membership& member) {
    const std::shared_ptr<RoomClient> client = member.client.shared_from_this();
    if (client->collection != nullptr) {
      NoteLimit(member);
      GoOn(*client);
      return;
    }
    // Those who are in already stay where they are: they are late, but miss
    // nothing.
    if (member.is_in && client->flows) StopFlowing(*client, PlaceOf(*client));
    // What they ask for when told so waits for the next try.
    for (size_t asked = member.requests.size();
         asked > 0 && !member.removed && !member.is_in &&
         member.step == Membership::Step::kWaiting &&
         !member.requests.empty() && member.requests.front().join.has_value();
         --asked) {
      RefuseJoin(member, status);
    }
    if (!member.removed) Advance(member);
  });
}

void RoomLayer::OnGap(RoomHandle handle, Position from, Position to,
                      GapReason reason) {
  const auto found = followed_.find(handle);
  if (found == followed_.end()) return TellRawFollower(handle);
  Room& room = *found->second;
  FollowLogHead(to);
  EnterEpoch(to.epoch);
  if (!room.position.has_value()) return;
  if (room.position->epoch != to.epoch) {
    BeginNewEpoch(room, to);
    return;
  }
  const Offset before = std::max(room.position->offset, from.offset);
  if (to.offset <= before) return;
  room.MoveTo(to);
  for (Membership* member : room.members) {
    const RoomClient& client = member->client;
    if (!member->is_in || client.collection != nullptr) continue;
    const Offset begin = std::max(before, member->from);
    if (begin >= to.offset) continue;
    // Those who are behind it will find it in the log. But who stopped within
    // it, or beyond it, was taken to have all up to there that this loop had
    // heard, and of this room it had heard nothing since `before`: he is told
    // of the whole of it at once, as those who flow, for what is missing may be
    // anywhere in it. (Who came from another loop may have had some of it
    // there: too much is told then.)
    if (!client.flows && client.cursor <= begin) continue;
    SendGap(*member, {reason, {to.epoch, begin}, to});
    member->from = std::max(member->from, to.offset);
  }
}

void RoomLayer::EnterEpoch(Epoch epoch) {
  if (stream_position_.epoch == epoch) return;
  const Epoch old_epoch =
      std::exchange(stream_position_, {epoch, Offset()}).epoch;
  if (old_epoch == Epoch()) return;
  for (const auto& [socket, client] : clients_) {
    client->floor = Offset();
    if (client->flows) continue;
    for (const auto& [room, member] : client->memberships) {
      if (!member->is_in || member->lost_from.has_value()) continue;
      member->lost_from = Position{old_epoch, member->place()};
    }
    client->cursor = Offset();
    client->catch_up.reset();
  }
}

void RoomLayer::BeginNewEpoch(Room& room, Position to) {
  const std::shared_ptr<Room> held = room.shared_from_this();
  const Position before = *room.position;
  room.MoveTo(to);
  // A join that begins anew may be answered at once.
  room.ForEachMember([&](Membership& member) {
    const std::shared_ptr<RoomClient> client = member.client.shared_from_this();
    if (member.is_in) {
      const Position from =
          std::exchange(member.lost_from, std::nullopt)
              .value_or(
                  Position{before.epoch, std::max(before.offset, member.from)});
      member.from = to.offset;
      SendGap(member, {GapReason::kEpoch, from, to});
    }
    if (client->collection != nullptr || !member.replay.has_value()) return;
    // It begins anew. What was sent so far belongs to the old life.
    const std::optional<Position> lost_from =
        member.replay->sent() > 0
            ? std::optional<Position>(member.replay->position())
            : std::nullopt;
    member.DropReplay();
    member.replay =
        Replay::ForJoin(room.key, *member.requests.front().join, to);
    if (lost_from.has_value()) member.replay->NoteLostEpoch(*lost_from);
    if (log_head_.epoch == to.epoch) {
      member.replay->NoteLogHead(log_head_.offset);
    }
    if (member.step == Membership::Step::kReplaying) StartHistory(member);
  });
  AdvanceAll(room);
}

void RoomLayer::NoteLogHead(Position head) {
  if (head.epoch == log_head_.epoch) {
    log_head_.offset = std::max(log_head_.offset, head.offset);
  }
}

void RoomLayer::FollowLogHead(Position head) {
  if (head.epoch != log_head_.epoch) log_head_ = head;
  NoteLogHead(head);
}

}  // namespace roomlog
