#include "node/rooms/room_layer.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/limits.h"

namespace roomlog {

RoomLayer::RoomLayer(Backplane& backplane, NodeEventHandler* node_events)
    : backplane_(backplane), node_events_(node_events) {}

RoomLayer::~RoomLayer() = default;

// ---- Sockets ----

void RoomLayer::AddClient(SocketWire& socket) {
  const auto client = std::make_shared<RoomClient>(socket);
  clients_by_id_[socket.name_space()][socket.id()] = client.get();
  clients_.emplace(&socket, client);
}

void RoomLayer::RemoveClient(SocketWire& socket) {
  const auto found = clients_.find(&socket);
  if (found == clients_.end()) return;
  // Reads and publishes that are under way find the client gone.
  const std::shared_ptr<RoomClient> client = std::move(found->second);
  clients_.erase(found);
  const auto in_namespace = clients_by_id_.find(socket.name_space());
  in_namespace->second.erase(socket.id());
  if (in_namespace->second.empty()) clients_by_id_.erase(in_namespace);
  // The backplane hears of the rooms in the order of their names, which is the
  // same in each process.
  std::vector<Membership*> members;
  for (const auto& [room, member] : client->memberships) {
    members.push_back(member.get());
  }
  std::sort(members.begin(), members.end(),
            [](const Membership* a, const Membership* b) {
              return a->room.key < b->room.key;
            });
  for (Membership* const member : members) {
    member->Become(Membership::State::kOut);
    Remove(*member);
  }
}

void RoomLayer::OnDrained(SocketWire& socket) {
  if (RoomClient* const client = FindClient(socket)) Pump(*client);
}

void RoomLayer::Join(SocketWire& socket, const RoomKey& room,
                     const ReplayStart& start, JoinDone done) {
  RoomClient* const client = FindClient(socket);
  if (client == nullptr) return;
  if (FindMembership(*client, room) == nullptr && !room.room().empty() &&
      RoomsOf(socket).size() >= kRoomsPerClientMax) {
    if (done != nullptr) {
      std::move(done)(
          absl::ResourceExhaustedError("the client is in too many rooms"));
    }
    return;
  }
  if (client->asks_too_much()) {
    if (done != nullptr) {
      std::move(done)(
          absl::ResourceExhaustedError("too many requests are unanswered"));
    }
    return;
  }
  Membership& member = MembershipOf(*client, room);
  ++client->unanswered;
  member.requests.push_back({start, std::move(done)});
  Advance(member);
  Pump(*client);
}

void RoomLayer::Leave(SocketWire& socket, const RoomKey& room, JoinDone done) {
  RoomClient* const client = FindClient(socket);
  if (client == nullptr) return;
  Membership* const member = FindMembership(*client, room);
  if (member == nullptr) {
    if (done != nullptr) std::move(done)(Joined());
    return;
  }
  // One that makes a difference is taken: there are no more than joins.
  if (client->asks_too_much() && !client->WantsIn(&member->room)) {
    if (done != nullptr) {
      std::move(done)(
          absl::ResourceExhaustedError("too many requests are unanswered"));
    }
    return;
  }
  ++client->unanswered;
  member->requests.push_back({std::nullopt, std::move(done)});
  Advance(*member);
  Pump(*client);
}

std::vector<std::string> RoomLayer::RoomsOf(const SocketWire& socket) const {
  std::vector<std::string> rooms;
  const RoomClient* const client = FindClient(socket);
  if (client == nullptr) return rooms;
  for (const auto& [room, member] : client->memberships) {
    if (!room->key.room().empty() && client->WantsIn(room)) {
      rooms.emplace_back(room->key.room());
    }
  }
  std::sort(rooms.begin(), rooms.end());
  return rooms;
}

bool RoomLayer::WantsIn(const SocketWire& socket, const RoomKey& room) const {
  const RoomClient* const client = FindClient(socket);
  return client != nullptr && client->WantsIn(FindRoom(room));
}

void RoomLayer::Publish(PublishRequest request, Backplane::PublishDone done) {
  const bool is_logged = (request.flags & proto::EVENT_FLAG_EPHEMERAL) == 0;
  backplane_.Publish(std::move(request),
                     [this, is_logged, done = std::move(done)](
                         absl::StatusOr<PublishAnswer> answer) mutable {
                       if (answer.ok() && is_logged) {
                         NoteLogHead(answer->position);
                       }
                       if (done != nullptr) std::move(done)(std::move(answer));
                     });
}

void RoomLayer::Pin(const RoomKey& room) { RoomOf(room).is_pinned = true; }

void RoomLayer::FollowRaw(const RoomKey& room, RawFollower follower) {
  raw_rooms_[room] = std::move(follower);
  raw_followed_[backplane_.Follow(room)] = room;
}

RoomClient* RoomLayer::FindClient(const SocketWire& socket) const {
  const auto found = clients_.find(&socket);
  return found == clients_.end() ? nullptr : found->second.get();
}

Room* RoomLayer::FindRoom(const RoomKey& key) const {
  const auto found = rooms_.find(key);
  return found == rooms_.end() ? nullptr : found->second.get();
}

Room& RoomLayer::RoomOf(const RoomKey& key) {
  std::shared_ptr<Room>& room = rooms_[key];
  if (room == nullptr) {
    room = std::make_shared<Room>(key);
    Follow(*room);
  }
  return *room;
}

Membership* RoomLayer::FindMembership(RoomClient& client, const RoomKey& key) {
  const auto member = client.memberships.find(FindRoom(key));
  return member == client.memberships.end() ? nullptr : member->second.get();
}

Membership& RoomLayer::MembershipOf(RoomClient& client, const RoomKey& key) {
  Room& room = RoomOf(key);
  std::shared_ptr<Membership>& member = client.memberships[&room];
  if (member == nullptr) {
    member = std::make_shared<Membership>(client, room);
    room.Add(*member);
  }
  return *member;
}

void RoomLayer::Follow(Room& room) {
  room.handle = backplane_.Follow(room.key);
  followed_[*room.handle] = &room;
}

void RoomLayer::Remove(Membership& member) {
  RoomClient& client = member.client;
  Room& room = member.room;
  member.removed = true;
  room.Remove(member);
  if (member.waiting) {
    client.waiting.erase(std::find_if(
        client.waiting.begin(), client.waiting.end(),
        [&](const RoomClient::Work& work) { return work.member == &member; }));
  }
  client.memberships.erase(&room);  // Deletes `member`.
  EraseIfUnused(room);
}

void RoomLayer::EraseIfUnused(Room& room) {
  if (!room.members.empty() || room.is_pinned) return;
  if (room.handle.has_value()) {
    backplane_.Unfollow(*room.handle);
    followed_.erase(*room.handle);
  }
  rooms_.erase(RoomKey(room.key));
}

void RoomLayer::Advance(Membership& member) {
  if (member.answering) return;  // Whoever answers goes on with the rest.
  while (!member.requests.empty()) {
    if (member.state == Membership::State::kJoining) return;
    if (!member.requests.front().join.has_value()) {
      member.is_member = false;
      member.DropReplay();
      member.Become(Membership::State::kOut);
      member.Answer(Joined());
      continue;
    }
    // A member that is behind gets what it already should have first.
    if (!member.room.position.has_value() || !member.room.handle.has_value() ||
        member.state == Membership::State::kBehind) {
      return;
    }
    BeginJoin(member, std::nullopt);
  }
  if (member.state == Membership::State::kOut) Remove(member);
}

void RoomLayer::BeginJoin(Membership& member,
                          const std::optional<Position>& lost_from) {
  const Position through = *member.room.position;
  member.Become(Membership::State::kJoining);
  member.replay =
      Replay::ForJoin(member.room.key, *member.requests.front().join, through);
  if (lost_from.has_value()) member.replay->NoteLostEpoch(*lost_from);
  if (log_head_.epoch == through.epoch) {
    member.replay->NoteLogHead(log_head_.offset);
  }
  if (member.replay->done()) {
    FinishJoin(member);
  } else {
    Enqueue(member);
  }
}

void RoomLayer::FinishJoin(Membership& member) {
  const Replay& replay = *member.replay;
  const bool from_now =
      std::holds_alternative<FromNow>(*member.requests.front().join);
  if (!(member.is_member && from_now)) {
    member.cursor = replay.position().offset;
  }  // Else it may be ahead of the room, and stays there.
  Joined joined{
      {replay.position().epoch, member.cursor}, replay.sent(), replay.gap()};
  member.is_member = true;
  member.DropReplay();
  member.Answer(std::move(joined));
  GoOn(member);
}

void RoomLayer::RefuseJoin(Membership& member, const absl::Status& why) {
  member.DropReplay();
  member.Answer(why);
  if (member.is_member) {
    GoOn(member);
  } else {
    member.Become(Membership::State::kOut);
  }
}

// ---- What the backplane says ----

void RoomLayer::OnTick() {
  for (const RoomKey& key : std::exchange(rooms_to_follow_again_, {})) {
    const auto room = rooms_.find(key);
    if (room != rooms_.end() && !room->second->handle.has_value()) {
      Follow(*room->second);
    } else if (raw_rooms_.contains(key)) {
      raw_followed_[backplane_.Follow(key)] = key;
    }
  }
  for (const std::weak_ptr<Membership>& stalled : std::exchange(stalled_, {})) {
    const std::shared_ptr<Membership> member = stalled.lock();
    if (member == nullptr) continue;
    if (member->state == Membership::State::kJoining ||
        member->state == Membership::State::kBehind) {
      Enqueue(*member);
      Pump(member->client);
    }
  }
}

void RoomLayer::OnFollowing(RoomHandle handle, Position head) {
  const auto found = followed_.find(handle);
  if (found == followed_.end()) return;
  Room& room = *found->second;
  FollowLogHead(head);
  if (room.position.has_value() && room.position->epoch != head.epoch) {
    BeginNewEpoch(room, head);
    return;
  }
  // If the room was followed before, its members read what came in between.
  if (!room.position.has_value() || room.position->offset < head.offset) {
    room.MoveTo(head);
    for (Membership* member : room.members) {
      if (member->state == Membership::State::kLive) GoOn(*member);
    }
  }
  AdvanceAll(room);
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
  // Those who are in already stay: they are late, but miss nothing.
  rooms_to_follow_again_.push_back(room.key);
  room.ForEachMember([&](Membership& member) {
    // What they ask for when told so waits for the next try.
    for (size_t asked = member.requests.size();
         asked > 0 && member.state == Membership::State::kOut &&
         member.requests.front().join.has_value();
         --asked) {
      RefuseJoin(member, status);
    }
    Advance(member);
  });
}

void RoomLayer::OnGap(RoomHandle handle, Position /*from*/, Position to,
                      GapReason reason) {
  const auto found = followed_.find(handle);
  if (found == followed_.end()) return;
  Room& room = *found->second;
  FollowLogHead(to);
  if (!room.position.has_value()) return;
  if (room.position->epoch != to.epoch) {
    BeginNewEpoch(room, to);
    return;
  }
  if (to.offset <= room.position->offset) return;
  room.MoveTo(to);
  for (Membership* member : room.members) {
    // Those who are being sent the past will find the gap in the log.
    if (member->state != Membership::State::kLive ||
        member->cursor >= to.offset) {
      continue;
    }
    // The cursor says from where on this member misses something.
    SendGap(*member, {reason, {to.epoch, member->cursor}, to});
    member->cursor = to.offset;
  }
}

void RoomLayer::BeginNewEpoch(Room& room, Position to) {
  const std::shared_ptr<Room> held = room.shared_from_this();
  const Epoch old_epoch = room.position->epoch;
  room.MoveTo(to);
  // A join that begins anew may be answered at once.
  room.ForEachMember([&](Membership& member) {
    const Gap gap{GapReason::kEpoch, {old_epoch, member.cursor}, to};
    switch (member.state) {
      case Membership::State::kOut:
        break;
      case Membership::State::kBehind:
      case Membership::State::kLive:
        SendGap(member, gap);
        member.DropReplay();
        member.cursor = to.offset;
        member.Become(Membership::State::kLive);
        break;
      case Membership::State::kJoining: {
        // It begins anew. What was sent so far belongs to the old life, and so
        // does what a member who joins anew had before.
        if (member.is_member) SendGap(member, gap);
        std::optional<Position> lost_from;
        if (member.replay->sent() > 0) lost_from = member.replay->position();
        member.DropReplay();
        member.cursor = to.offset;
        BeginJoin(member, lost_from);
        break;
      }
    }
  });
  AdvanceAll(room);
}

void RoomLayer::AdvanceAll(Room& room) {
  room.ForEachMember([this](Membership& member) {
    const std::shared_ptr<RoomClient> client = member.client.shared_from_this();
    Advance(member);
    Pump(*client);
  });
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
