#include "node/link/local_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/presence_limits.h"
#include "base/user_room.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {

EventView LocalLog::Event::View() const {
  EventView view;
  view.offset = offset;
  view.previous = previous;
  view.time_ms = time_ms;
  view.flags = flags;
  view.id = bytes.view().substr(0, id_bytes);
  view.packet = bytes.view().substr(id_bytes);
  return view;
}

absl::StatusOr<PublishAnswer> LocalLog::Do(size_t loop,
                                           const PublishRequest& request,
                                           int64_t time_ms, Deliver deliver) {
  if ((request.flags & proto::EVENT_FLAG_SESSION) != 0) {
    return DoSession(loop, request, time_ms, deliver);
  }
  if ((request.flags & proto::EVENT_FLAG_USER) != 0) {
    return DoUser(request, time_ms, deliver);
  }
  if (IsUserRoom(request.room.room())) {
    return absl::InvalidArgumentError(
        "only the broker says what becomes of a user");
  }
  return Publish(request, time_ms, deliver);
}

PublishAnswer LocalLog::Publish(const PublishRequest& request, int64_t time_ms,
                                Deliver deliver) {
  PublishAnswer answer;
  const bool is_logged = (request.flags & proto::EVENT_FLAG_EPHEMERAL) == 0;
  Event event;
  event.time_ms = time_ms;
  event.flags = request.flags;
  event.id_bytes = request.id.size();
  event.bytes = SharedBytes(absl::StrCat(request.id, request.packet));
  if (is_logged) {
    Room& room = RoomOf(request.room);
    const auto same = room.ids.find(request.id);
    if (!request.id.empty() && same != room.ids.end()) {
      return {{epoch_, same->second}, /*duplicate=*/true};
    }
    event.offset = last_offset_ = last_offset_.Next();
    event.previous = room.head;
    answer.position = {epoch_, event.offset};
    room.head = event.offset;
    if (!request.id.empty()) room.ids[request.id] = event.offset;
    room.bytes += BytesOf(event);
    bytes_ += BytesOf(event);
    room.events.push_back(event);
    while (room.events.size() > kLocalRoomEventsMax ||
           room.bytes > kLocalRoomBytesMax) {
      DropOldest(room);
    }
    by_silence_.splice(by_silence_.end(), by_silence_, room.silent);
    KeepWithinBounds();
  } else {
    // It takes a number of the log's order, as at the broker.
    event.offset = last_offset_ = last_offset_.Next();
  }
  const auto followers = followers_.find(request.room);
  if (followers == followers_.end()) return answer;
  for (const Follower& follower : followers->second) {
    deliver(follower.loop, {follower.handle, event.View(), event.bytes});
  }
  answer.receivers = static_cast<uint32_t>(followers->second.size());
  return answer;
}

absl::StatusOr<PublishAnswer> LocalLog::DoSession(size_t loop,
                                                  const PublishRequest& request,
                                                  int64_t time_ms,
                                                  Deliver deliver) {
  last_offset_ = last_offset_.Next();
  PublishAnswer answer;
  answer.position = {epoch_, last_offset_};
  SessionTable::Effects effects;
  absl::StatusOr<std::string> record = sessions_.Apply(
      ProducerId(loop + 1), request.packet, last_offset_, time_ms, &effects);
  Tell(effects, time_ms, deliver);
  if (!record.ok()) return record.status();
  answer.session = *std::move(record);
  return answer;
}

absl::StatusOr<UserRecord> LocalLog::FindUser(const RoomKey& room) const {
  const auto found = rooms_.find(room);
  if (found == rooms_.end() || found->second.events.empty()) {
    return UserRecord();
  }
  const EventView last = found->second.events.back().View();
  return ParseUserEvent(last.packet, last.offset);
}

absl::StatusOr<PublishAnswer> LocalLog::DoUser(PublishRequest request,
                                               int64_t time_ms,
                                               Deliver deliver) {
  if (!IsUserRoom(request.room.room())) {
    return absl::InvalidArgumentError(
        "a user's operation in a room that keeps no user");
  }
  if (const auto found = rooms_.find(request.room);
      !request.id.empty() && found != rooms_.end()) {
    const auto same = found->second.ids.find(request.id);
    if (same != found->second.ids.end()) {
      return PublishAnswer{{epoch_, same->second}, /*duplicate=*/true};
    }
  }
  const absl::StatusOr<UserRecord> record = FindUser(request.room);
  if (!record.ok()) return record.status();
  absl::StatusOr<UserChange> change =
      ChangeUser(*record, request.room.name_space(),
                 UserOfRoom(request.room.room()), request.packet, time_ms);
  if (!change.ok()) return change.status();
  std::vector<StateChange> not_written;
  user_expiries_.Set(request.room.text(), change->expires_ms, &not_written);
  user_expiries_.Written();
  request.flags = proto::EVENT_FLAG_ROOM_APPLICATION;
  request.packet = std::move(change->packet);
  return Publish(request, time_ms, deliver);
}

void LocalLog::ExpireUsers(int64_t time_ms, Deliver deliver) {
  for (size_t i = 0; i < kUserStatesExpiredPerCallMax; ++i) {
    const std::optional<std::string> due = user_expiries_.FirstDue(time_ms);
    if (!due.has_value()) return;
    std::vector<StateChange> not_written;
    user_expiries_.Set(*due, 0, &not_written);
    user_expiries_.Written();
    const absl::StatusOr<RoomKey> room = RoomKey::Parse(*due);
    const absl::StatusOr<UserRecord> record = FindUser(*room);
    // It may have been forgotten.
    if (!record.ok() || record->state.empty()) continue;
    Publish({.room = *room,
             .flags = proto::EVENT_FLAG_ROOM_APPLICATION,
             .id = "",
             .packet = UserExpiredPacket(room->name_space(),
                                         UserOfRoom(room->room()))},
            time_ms, deliver);
  }
}

void LocalLog::Settle(int64_t time_ms, Deliver deliver) {
  ExpireUsers(time_ms, deliver);
  SessionTable::Effects effects;
  sessions_.SettleMembers(time_ms, kMembersSettledPerCallMax, &effects);
  sessions_.Expire(time_ms, kSessionsExpiredPerCallMax, &effects);
  Tell(effects, time_ms, deliver);
}

void LocalLog::Tell(const SessionTable::Effects& effects, int64_t time_ms,
                    Deliver deliver) {
  sessions_.Written();
  std::vector<StateChange> not_written;
  for (const MemberChange& change : effects.members) {
    members_.Apply(change);
    last_seen_.Apply(change, time_ms, &not_written);
  }
  last_seen_.Written();
  for (const SessionNoticeToSend& notice : effects.notices) {
    absl::StatusOr<RoomKey> room = RoomKey::Parse(notice.room);
    if (!room.ok()) continue;
    Publish({.room = *std::move(room),
             .flags = proto::EVENT_FLAG_EPHEMERAL,
             .id = "",
             .packet = notice.packet},
            time_ms, deliver);
  }
}

Position LocalLog::Follow(const RoomKey& room, Follower follower) {
  followers_[room].push_back(follower);
  followed_[follower] = room;
  const auto found = rooms_.find(room);
  // Of a room that was forgotten nobody knows where it ended; but all it had is
  // before what comes.
  return {epoch_,
          found == rooms_.end() ? forgotten_through_ : found->second.head};
}

void LocalLog::Unfollow(Follower follower) {
  const auto followed = followed_.extract(follower);
  if (followed.empty()) return;
  const auto room = followers_.find(followed.mapped());
  std::erase(room->second, follower);
  if (room->second.empty()) followers_.erase(room);
}

HistoryPage LocalLog::Read(const HistoryRequest& request) const {
  HistoryPage page;
  page.epoch = epoch_;
  page.head = page.trimmed_through = forgotten_through_;
  const auto found = rooms_.find(request.room);
  if (found == rooms_.end()) return page;
  const Room& room = found->second;
  page.head = room.head;
  page.trimmed_through = room.trimmed_through;
  const auto before = [](const Event& event, Offset offset) {
    return event.offset < offset;
  };
  auto begin = std::lower_bound(room.events.begin(), room.events.end(),
                                request.after.Next(), before);
  auto end = std::lower_bound(begin, room.events.end(), request.before, before);
  std::vector<const Event*> taken;
  size_t bytes = 0;
  // Whether the event is on the page, or the page ends before it.
  const auto take = [&](const Event& event) {
    if (event.time_ms < request.since_ms) return true;
    if (taken.size() == request.events_max ||
        (!taken.empty() && bytes + event.bytes.size() > kReadBytesMax)) {
      page.more = true;
      return false;
    }
    bytes += event.bytes.size();
    taken.push_back(&event);
    return true;
  };
  if (request.newest_first) {
    while (begin != end && take(*std::prev(end))) --end;
    std::reverse(taken.begin(), taken.end());
  } else {
    while (begin != end && take(*begin)) ++begin;
  }
  for (const Event* event : taken) {
    page.events.push_back(event->View());
    page.bytes.push_back(event->bytes);
  }
  return page;
}

MembersPage LocalLog::ReadMembers(const MembersRequest& request) const {
  const std::string& room = request.room.text();
  const RoomMembers::Counts counts = members_.Count(room);
  MembersPage page;
  page.at = {epoch_, last_offset_};
  page.socket_count = counts.sockets;
  page.user_count = counts.users;
  const size_t limit = std::min(request.limit, kMembersPageMax);
  const auto is_away = [](const RoomMembers::SocketMember& member) {
    return member.is_away;
  };
  if (request.what == MembersRequest::What::kSockets) {
    members_.ForEachSocket(
        room, request.after, [&](const RoomMembers::SocketMember& member) {
          page.more = page.sockets.size() == limit;
          if (page.more) return false;
          page.sockets.push_back({std::string(member.id),
                                  std::string(member.user), member.is_away});
          return true;
        });
  } else if (request.what == MembersRequest::What::kUsers) {
    members_.ForEachUser(
        room, request.after, is_away,
        [&](const RoomMembers::UserMember& member) {
          page.more = page.users.size() == limit;
          if (page.more) return false;
          page.users.push_back(
              {std::string(member.name), member.sockets, member.is_away});
          return true;
        });
  } else if (request.what == MembersRequest::What::kUser) {
    if (const auto member = members_.FindUser(room, request.user, is_away)) {
      page.users.push_back(
          {std::string(member->name), member->sockets, member->is_away});
    }
    // Who may know it of one room need not know it of all.
    if (request.room.room().empty()) {
      page.last_seen_ms =
          last_seen_.Of(request.room.name_space(), request.user).value_or(0);
    }
  } else if (request.what == MembersRequest::What::kRooms) {
    members_.ForEachRoom(
        request.room.name_space(), request.after,
        [&](const RoomMembers::RoomMember& member) {
          page.more = page.rooms.size() == limit;
          if (page.more) return false;
          page.rooms.push_back({std::string(member.name), member.counts.sockets,
                                member.counts.users});
          return true;
        });
  }
  return page;
}

LocalLog::Room& LocalLog::RoomOf(const RoomKey& key) {
  const auto [found, is_new] = rooms_.try_emplace(key);
  if (is_new) {
    found->second.head = forgotten_through_;
    found->second.trimmed_through = forgotten_through_;
    found->second.silent = by_silence_.insert(by_silence_.end(), key);
  }
  return found->second;
}

void LocalLog::DropOldest(Room& room) {
  const Event& oldest = room.events.front();
  const size_t bytes = BytesOf(oldest);
  room.bytes -= bytes;
  bytes_ -= bytes;
  room.trimmed_through = oldest.offset;
  room.ids.erase(std::string(oldest.View().id));
  room.events.pop_front();
}

void LocalLog::KeepWithinBounds() {
  while ((bytes_ > kLocalLogBytesMax || rooms_.size() > kLocalRoomsMax) &&
         by_silence_.size() > 1) {
    const auto forgotten = rooms_.find(by_silence_.front());
    forgotten_through_ = std::max(forgotten_through_, forgotten->second.head);
    bytes_ -= forgotten->second.bytes;
    rooms_.erase(forgotten);
    by_silence_.pop_front();
  }
}

size_t LocalLog::BytesOf(const Event& event) {
  constexpr size_t kOverheadBytes = 160;  // About what it costs besides.
  return event.bytes.size() + kOverheadBytes;
}

}  // namespace roomlog
