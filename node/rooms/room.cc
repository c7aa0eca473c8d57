#include "node/rooms/room.h"

#include <algorithm>
#include <utility>

namespace roomlog {

bool RoomClient::WantsIn(const Room* room) const {
  const auto found = memberships.find(room);
  if (found == memberships.end()) return false;
  const Membership& member = *found->second;
  return member.requests.empty() ? member.is_member
                                 : member.requests.back().join.has_value();
}

bool RoomClient::IsIn(const Room* room) const {
  const auto found = memberships.find(room);
  return found != memberships.end() && found->second->is_member;
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
  for (Membership* const member : members) member->MoveCursorToRoom();
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

void Membership::Become(State next) {
  const auto catches_up = [](State s) {
    return s == State::kJoining || s == State::kBehind;
  };
  if (catches_up(state)) --room.catching_up;
  if (catches_up(next)) ++room.catching_up;
  state = next;
  if (room.catching_up == 0 && room.position.has_value()) {
    room.recent.Reset(room.position->offset);
  }
}

void Membership::MoveCursorToRoom() {
  if (state != State::kLive || !room.position.has_value()) return;
  cursor = std::max(cursor, room.position->offset);
}

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
