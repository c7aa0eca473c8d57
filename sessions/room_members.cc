#include "sessions/room_members.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

// "<namespace>\0<name>", for rooms, users and sockets alike.
std::string NameIn(absl::string_view name_space, absl::string_view name) {
  return absl::StrCat(name_space, absl::string_view("\0", 1), name);
}

}  // namespace

RoomMembers::RoomMembers() = default;
RoomMembers::~RoomMembers() = default;

void RoomMembers::Apply(const MemberChange& change) {
  // The session table lets no other ids in.
  if (change.socket_id.size() != kSocketIdBytes) return;
  Socket& socket = SocketOf(change);
  socket.owner = change.owner;
  socket.is_away = change.is_away;
  if (change.is_gone) return Erase(socket, change);
  for (const std::string& room : change.left) {
    const auto found = rooms_.find(NameIn(change.name_space, room));
    if (found != rooms_.end()) Leave(socket, *found->second);
  }
  for (const std::string& room : change.joined) Join(socket, change, room);
}

RoomMembers::Socket& RoomMembers::SocketOf(const MemberChange& change) {
  std::unique_ptr<Socket>& kept =
      sockets_[NameIn(change.name_space, change.socket_id)];
  if (kept != nullptr) return *kept;
  kept = std::make_unique<Socket>();
  std::copy(change.socket_id.begin(), change.socket_id.end(), kept->id.begin());
  if (change.user.empty()) return *kept;
  std::string key = NameIn(change.name_space, change.user);
  auto user = users_.find(key);
  if (user == users_.end()) {
    auto added = std::make_unique<User>();
    added->key = std::move(key);
    added->name_at = change.name_space.size() + 1;
    const absl::string_view added_key = added->key;
    user = users_.emplace(added_key, std::move(added)).first;
  }
  kept->user = user->second.get();
  kept->user->sockets.insert(kept.get());
  return *kept;
}

void RoomMembers::Join(Socket& socket, const MemberChange& change,
                       absl::string_view room_name) {
  std::string text = NameIn(change.name_space, room_name);
  auto found = rooms_.find(text);
  if (found == rooms_.end()) {
    auto added = std::make_unique<Room>();
    added->text = std::move(text);
    const absl::string_view added_text = added->text;
    rooms_by_text_.insert(added.get());
    found = rooms_.emplace(added_text, std::move(added)).first;
  }
  Room& room = *found->second;
  if (!room.sockets.insert(&socket).second) return;
  socket.rooms.push_back(&room);
  if (socket.user != nullptr) ++room.users[socket.user];
}

void RoomMembers::Leave(Socket& socket, Room& room) {
  if (room.sockets.erase(&socket) == 0) return;
  std::erase(socket.rooms, &room);
  if (socket.user != nullptr) {
    const auto user = room.users.find(socket.user);
    if (--user->second == 0) room.users.erase(user);
  }
  if (!room.sockets.empty()) return;
  rooms_by_text_.erase(&room);
  // The map's key lies in what goes.
  const auto found = rooms_.find(room.text);
  const std::unique_ptr<Room> gone = std::move(found->second);
  rooms_.erase(found);
}

void RoomMembers::Erase(Socket& socket, const MemberChange& change) {
  while (!socket.rooms.empty()) Leave(socket, *socket.rooms.back());
  if (socket.user != nullptr) {
    User& user = *socket.user;
    user.sockets.erase(&socket);
    if (user.sockets.empty()) {
      const auto found = users_.find(user.key);
      const std::unique_ptr<User> gone = std::move(found->second);
      users_.erase(found);
    }
  }
  sockets_.erase(NameIn(change.name_space, change.socket_id));
}

const RoomMembers::Room* RoomMembers::Find(absl::string_view room) const {
  const auto found = rooms_.find(room);
  return found == rooms_.end() ? nullptr : found->second.get();
}

RoomMembers::Counts RoomMembers::Count(absl::string_view room_text) const {
  const Room* const room = Find(room_text);
  if (room == nullptr) return {};
  return {room->sockets.size(), room->users.size()};
}

absl::string_view RoomMembers::ByText::Of(const Room* room) {
  return room->text;
}

void RoomMembers::ForEachRoom(
    absl::string_view name_space, absl::string_view after,
    absl::FunctionRef<bool(const RoomMember&)> each) const {
  const std::string prefix = NameIn(name_space, "");
  const std::string begin = absl::StrCat(prefix, after);
  for (auto it = rooms_by_text_.upper_bound(absl::string_view(begin));
       it != rooms_by_text_.end(); ++it) {
    const Room& room = **it;
    if (!absl::StartsWith(room.text, prefix)) return;
    if (!each({absl::string_view(room.text).substr(prefix.size()),
               {room.sockets.size(), room.users.size()}})) {
      return;
    }
  }
}

RoomMembers::SocketMember RoomMembers::Shown(const Socket& socket) {
  SocketMember member;
  member.id = socket.id_view();
  if (socket.user != nullptr) member.user = socket.user->name();
  member.owner = socket.owner;
  member.is_away = socket.is_away;
  return member;
}

void RoomMembers::ForEachSocket(
    absl::string_view room_text, absl::string_view after,
    absl::FunctionRef<bool(const SocketMember&)> each) const {
  const Room* const room = Find(room_text);
  if (room == nullptr) return;
  for (auto it = room->sockets.upper_bound(after); it != room->sockets.end();
       ++it) {
    if (!each(Shown(**it))) return;
  }
}

void RoomMembers::ForEachUser(
    absl::string_view room_text, absl::string_view after, IsAway is_away,
    absl::FunctionRef<bool(const UserMember&)> each) const {
  const Room* const room = Find(room_text);
  if (room == nullptr) return;
  for (auto it = room->users.upper_bound(after); it != room->users.end();
       ++it) {
    if (!each(Shown(*room, *it->first, it->second, is_away))) return;
  }
}

RoomMembers::UserMember RoomMembers::Shown(const Room& room, const User& user,
                                           size_t sockets, IsAway is_away) {
  const auto is_there = [&](Socket* socket) {
    return room.sockets.contains(socket) && !is_away(Shown(*socket));
  };
  return {user.name(), sockets,
          std::none_of(user.sockets.begin(), user.sockets.end(), is_there)};
}

std::optional<RoomMembers::UserMember> RoomMembers::FindUser(
    absl::string_view room_text, absl::string_view name, IsAway is_away) const {
  const Room* const room = Find(room_text);
  if (room == nullptr) return std::nullopt;
  const auto found = room->users.find(name);
  if (found == room->users.end()) return std::nullopt;
  return Shown(*room, *found->first, found->second, is_away);
}

}  // namespace roomlog
