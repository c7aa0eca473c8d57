#include "node/rooms/room_layer.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "base/limits.h"
#include "node/rooms/client_offset.h"

namespace roomlog {

RoomLayer::RoomLayer(Backplane& backplane, NodeEventHandler* node_events,
                     SharedReads::Later later)
    : backplane_(backplane),
      reads_(backplane, std::move(later)),
      node_events_(node_events) {}

RoomLayer::~RoomLayer() = default;

// ---- Sockets ----

void RoomLayer::AddClient(SocketWire& socket) {
  Insert(std::make_shared<RoomClient>(socket));
}

void RoomLayer::Insert(const std::shared_ptr<RoomClient>& client) {
  SocketWire& socket = client->socket;
  auto& in_namespace = clients_by_id_[socket.name_space()];
  // A socket that came back may meet its former self. The key borrows from the
  // socket that it was made for.
  in_namespace.erase(socket.id());
  in_namespace.emplace(socket.id(), client.get());
  clients_.emplace(&socket, client);
}

void RoomLayer::RemoveClient(SocketWire& socket) {
  if (const auto coming = recoveries_.find(&socket);
      coming != recoveries_.end()) {
    const std::shared_ptr<RoomClient> client = std::move(coming->second);
    recoveries_.erase(coming);
    if (client->collection->is_begun) --collecting_;
    Drop(*client);
    WakeRecoveries();
    return;
  }
  const auto found = clients_.find(&socket);
  if (found == clients_.end()) return;
  // Reads, changes and publishes that are under way find the client gone.
  const std::shared_ptr<RoomClient> client = std::move(found->second);
  clients_.erase(found);
  const auto in_namespace = clients_by_id_.find(socket.name_space());
  if (in_namespace != clients_by_id_.end()) {
    const auto by_id = in_namespace->second.find(socket.id());
    // Whoever came back under the id may have gone before its former self.
    if (by_id != in_namespace->second.end() && by_id->second == client.get()) {
      in_namespace->second.erase(by_id);
    }
    if (in_namespace->second.empty()) clients_by_id_.erase(in_namespace);
  }
  Drop(*client);
}

void RoomLayer::Drop(RoomClient& client) {
  client.is_removed = true;
  client.catch_up.reset();
  client.histories.clear();
  client.to_change.clear();
  client.waiting.clear();
  for (Membership* const member : client.MembershipsInOrder()) Remove(*member);
}

void RoomLayer::OnDrained(SocketWire& socket) {
  RoomClient* const client = FindClient(socket);
  if (client == nullptr) return;
  const std::shared_ptr<RoomClient> held = client->shared_from_this();
  Pump(*client);
  GoOn(*client);
}

void RoomLayer::Join(SocketWire& socket, const RoomKey& room,
                     const ReplayStart& start, JoinDone done) {
  RoomClient* const client = FindClient(socket);
  if (client == nullptr) return;
  if (FindMembership(*client, room) == nullptr && !room.room().empty() &&
      !IsDirectRoom(room.room()) &&
      client->CountRooms() >= kRoomsPerClientMax) {
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
  const std::shared_ptr<RoomClient> held = client->shared_from_this();
  Membership& member = MembershipOf(*client, room);
  ++client->unanswered;
  if (member.requests.empty()) member.requested = ++client->requests_seen;
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
  const std::shared_ptr<RoomClient> held = client->shared_from_this();
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
    if (!room->key.room().empty() && !IsReservedRoom(room->key.room()) &&
        client->WantsIn(room)) {
      rooms.emplace_back(room->key.room());
    }
  }
  std::sort(rooms.begin(), rooms.end());
  return rooms;
}

std::vector<std::string> RoomLayer::ReservedRoomsOf(
    const SocketWire& socket, absl::string_view prefix) const {
  std::vector<std::string> rooms;
  const RoomClient* const client = FindClient(socket);
  if (client == nullptr) return rooms;
  for (const auto& [room, member] : client->memberships) {
    if (absl::StartsWith(room->key.room(), prefix) && client->WantsIn(room)) {
      rooms.emplace_back(room->key.room().substr(prefix.size()));
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

void RoomLayer::Observe(
    const RoomKey& room,
    std::function<void(const EventView& event, Epoch epoch)> observer) {
  Pin(room);
  RoomOf(room).observers.push_back(std::move(observer));
}

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
  const std::shared_ptr<Membership> held = member.shared_from_this();
  Room& room = member.room;
  member.removed = true;
  member.is_in = false;
  member.Recount();
  room.Remove(member);
  member.client.memberships.erase(&room);
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

bool RoomLayer::IsFollowed(const Room& room) const {
  return room.is_followed && room.position.has_value() &&
         room.position->epoch == stream_position_.epoch;
}

// ---- Joins and leaves ----

void RoomLayer::Advance(Membership& member) {
  const std::shared_ptr<Membership> held = member.shared_from_this();
  const std::shared_ptr<RoomClient> client = member.client.shared_from_this();
  while (!member.removed && !member.requests.empty()) {
    // Whoever answers goes on with the rest.
    if (member.answering || member.step != Membership::Step::kWaiting) return;
    if (!member.requests.front().join.has_value()) {
      BeginLeave(member);
    } else if (CanJoin(member)) {
      BeginJoin(member);
    } else {
      return;
    }
  }
  if (!member.removed && !member.is_in && !member.answering) Remove(member);
}

bool RoomLayer::CanJoin(const Membership& member) const {
  const RoomClient& client = member.client;
  if (!IsFollowed(member.room)) return false;
  // A member that is behind gets what it already should have first. And what a
  // session says of a join is true of the client's place if that is where the
  // room is: so nothing is owed between the two.
  if (!member.is_in && client.changes == nullptr) return true;
  return client.flows ||
         (client.holds > 0 && client.cursor >= stream_position_.offset);
}

void RoomLayer::BeginJoin(Membership& member) {
  RoomClient& client = member.client;
  const ReplayStart& start = *member.requests.front().join;
  // A client that came from another loop may be ahead of what this one has
  // heard of the room; the log is not behind.
  Position through = *member.room.position;
  const Offset place = client.flows ? PlaceOf(client) : client.cursor;
  if (place > stream_position_.offset) {
    through.offset = std::max(through.offset, place);
  }
  if (IsHeard(member, start, through)) {
    through.offset = std::max(through.offset, member.from);
    member.Answer(Joined{through});
    return;
  }
  member.replay = Replay::ForJoin(member.room.key, start, through,
                                  member.room.position->offset);
  if (log_head_.epoch == member.room.position->epoch) {
    member.replay->NoteLogHead(log_head_.offset);
  }
  const bool has_history = !std::holds_alternative<FromNow>(start);
  member.join = 0;
  if (has_history && client.with_offsets) member.join = ++client.last_join;
  member.step = Membership::Step::kReplaying;
  if (client.changes != nullptr || !member.replay->done()) Hold(member);
  member.Recount();
  if (client.changes != nullptr) {
    member.step = Membership::Step::kChanging;
    member.join_from = std::max({client.cursor, member.room.position->offset,
                                 member.replay->position().offset});
    AskChange(member);
  } else {
    StartHistory(member);
  }
}

bool RoomLayer::IsHeard(const Membership& member, const ReplayStart& start,
                        Position through) {
  const AfterPosition* const after = std::get_if<AfterPosition>(&start);
  if (after == nullptr || !member.is_in || !member.heard_since.has_value()) {
    return false;
  }
  const Position& position = after->position;
  return position.epoch == through.epoch &&
         position.epoch == member.heard_since->epoch &&
         position.offset >= member.heard_since->offset &&
         position.offset <= through.offset;
}

void RoomLayer::BeginLeave(Membership& member) {
  RoomClient& client = member.client;
  member.is_in = false;
  member.heard_since.reset();
  if (client.changes != nullptr) {
    member.step = Membership::Step::kChanging;
    member.Recount();
    AskChange(member);
  } else {
    member.Recount();
    member.Answer(Joined());
  }
  GoOn(client);  // It may have waited for this room.
}

void RoomLayer::StartHistory(Membership& member) {
  RoomClient& client = member.client;
  member.step = Membership::Step::kReplaying;
  if (member.join != 0 && member.holds_client) {
    // An offset names one join, so those before it must be through.
    if (member.history_suffix.empty())
      client.histories.push_back(member.shared_from_this());
    member.history_suffix = FormatHistorySuffix(
        {{stream_position_.epoch, client.cursor}, member.join});
    if (client.histories.front().get() != &member) return;
  }
  if (member.replay->done()) {
    FinishJoin(member);
  } else {
    EnqueueReplay(member);
  }
}

void RoomLayer::FinishJoin(Membership& member) {
  const std::shared_ptr<RoomClient> client = member.client.shared_from_this();
  const Replay& replay = *member.replay;
  const Position end = replay.position();
  const bool from_now =
      std::holds_alternative<FromNow>(*member.requests.front().join);
  // Said from now on, it begins where the client is.
  Joined joined{from_now ? end : replay.last_known(), replay.sent(),
                replay.gap()};
  if (member.is_in && from_now) {
    // It may be ahead of the room, and stays there.
    joined.position.offset = std::max(end.offset, member.from);
  } else {
    member.from = end.offset;
  }
  // What is ahead of this loop it has by its own word only.
  if (!member.is_in || end.offset > stream_position_.offset) {
    member.heard_since = {end.epoch, member.from};
  }
  member.is_in = true;
  const bool was_held = EndJoin(member);
  member.Answer(std::move(joined));
  if (was_held) Unhold(*client);
}

void RoomLayer::RefuseJoin(Membership& member, const absl::Status& why) {
  const std::shared_ptr<RoomClient> client = member.client.shared_from_this();
  const bool is_in_session =
      member.step == Membership::Step::kReplaying && client->changes != nullptr;
  const bool was_held = EndJoin(member);
  member.Answer(why);
  if (is_in_session && !member.is_in && !client->is_removed) {
    // So that a recovery does not bring it into this room.
    ++client->unanswered;
    member.requests.push_front({std::nullopt, nullptr});
  }
  if (was_held) Unhold(*client);
}

bool RoomLayer::EndJoin(Membership& member) {
  RoomClient& client = member.client;
  member.DropReplay();
  member.step = Membership::Step::kWaiting;
  member.history_suffix.clear();
  const auto queued =
      std::find(client.histories.begin(), client.histories.end(),
                member.shared_from_this());
  const bool was_first = queued == client.histories.begin();
  if (queued != client.histories.end()) {
    client.histories.erase(queued);
    // Its turn comes with the loop's next word: the reads go on from Pump().
    if (was_first && !client.histories.empty()) {
      client.waiting.push_back([this, next = client.histories.front()] {
        if (next->removed || !next->replay.has_value()) return;
        StartHistory(*next);
        Advance(*next);
      });
    }
  }
  member.Recount();
  return std::exchange(member.holds_client, false);
}

void RoomLayer::AdvanceAll(Room& room) {
  room.ForEachMember([this](Membership& member) {
    const std::shared_ptr<RoomClient> client = member.client.shared_from_this();
    Advance(member);
    GoOn(*client);
    Pump(*client);
  });
}

}  // namespace roomlog
