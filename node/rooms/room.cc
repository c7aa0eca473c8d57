#include "node/rooms/room.h"

#include <algorithm>
#include <utility>

#include "node/rooms/direct_room.h"

namespace roomlog {

RoomClient::~RoomClient() = default;

std::vector<Membership*> RoomClient::MembershipsInOrder() const {
  std::vector<Membership*> members;
  members.reserve(memberships.size());
  for (const auto& [room, member] : memberships) {
    members.push_back(member.get());
  }
  std::sort(members.begin(), members.end(),
            [](const Membership* a, const Membership* b) {
              return a->room.key < b->room.key;
            });
  return members;
}

bool RoomClient::full() const {
  if (collection != nullptr) return !collection->gaps.empty();
  return socket.queued_bytes() > kClientBufferBytesMax;
}

void RoomClient::Send(const FrameList& frames) {
  if (collection == nullptr) {
    for (const SharedFramePtr& frame : frames) socket.Send(frame);
    return;
  }
  ++collection->events;
  for (const SharedFramePtr& frame : frames) {
    collection->bytes += frame->wire().size();
    collection->frames.push_back(frame);
  }
}

bool RoomClient::WantsIn(const Room* room) const {
  const auto found = memberships.find(room);
  if (found == memberships.end()) return false;
  const Membership& member = *found->second;
  return member.requests.empty() ? member.is_in
                                 : member.requests.back().join.has_value();
}

bool RoomClient::IsIn(const Room* room) const {
  const auto found = memberships.find(room);
  return found != memberships.end() && found->second->is_in;
}

size_t RoomClient::CountRooms() const {
  return std::count_if(
      memberships.begin(), memberships.end(), [this](const auto& membership) {
        const Room* const room = membership.first;
        return !room->key.room().empty() && !IsDirectRoom(room->key.room()) &&
               WantsIn(room);
      });
}

void Room::Add(Membership& member) {
  member.index_in_room = members.size();
  members.push_back(&member);
}

void Room::Remove(Membership& member) {
  Membership* const last = members.back();
  members[member.index_in_room] = last;
  last->index_in_room = member.index_in_room;
  members.pop_back();
}

void Room::MoveTo(Position to) {
  position = to;
  recent.Reset(to.offset);
}

void Room::ForEachMember(absl::FunctionRef<void(Membership&)> visit) {
  const std::shared_ptr<Room> room = shared_from_this();
  std::vector<std::shared_ptr<Membership>> visited;
  visited.reserve(members.size());
  for (Membership* member : members) {
    visited.push_back(member->shared_from_this());
  }
  for (const std::shared_ptr<Membership>& member : visited) {
    // What one is told may make another leave.
    if (!member->removed) visit(*member);
  }
}

void Membership::Recount() {
  const bool is_joining =
      step != Step::kWaiting && (requests.empty() || requests.front().join);
  const bool counts = !removed && !client.flows && (is_in || is_joining);
  if (counts == is_counted) return;
  is_counted = counts;
  room.catching_up += counts ? 1 : -1;
  // The first for whom they are held, or none any more.
  if (room.catching_up == (counts ? 1 : 0) && room.position.has_value()) {
    room.recent.Reset(room.position->offset);
  }
}

Offset Membership::place() const { return std::max(client.cursor, from); }

void Membership::DropReplay() {
  replay.reset();
  ++reads_begun;
  reading = false;
}

void Membership::Answer(absl::StatusOr<Joined> answer) {
  JoinDone done = std::move(requests.front().done);
  requests.pop_front();
  --client.unanswered;
  if (done == nullptr) return;
  answering = true;
  std::move(done)(std::move(answer));
  answering = false;
}

}  // namespace roomlog
