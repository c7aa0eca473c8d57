// How RoomLayer collects what is owed to clients that come back: see
// room_layer.h and recovery.h.
#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "node/rooms/room_layer.h"
#include "node/rooms/session_start.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {

void RoomLayer::Recover(SocketWire& socket, RecoveredSession session,
                        SessionChanges& changes, RecoverDone done) {
  const auto client = std::make_shared<RoomClient>(socket);
  client->with_offsets = true;
  client->changes = &changes;
  client->flows = false;
  client->collection = std::make_unique<Collection>();
  client->collection->session = std::move(session);
  client->collection->done = std::move(done);
  // What the broker said when it restored the session is newer than anything
  // that the client can have heard.
  NoteLogHead(client->collection->session.restored);
  recoveries_.emplace(&socket, client);
  recoveries_waiting_.push_back(client);
  WakeRecoveries();
}

void RoomLayer::WakeRecoveries() {
  // One that is owed nothing ends at once, and wakes the next.
  if (std::exchange(waking_recoveries_, true)) return;
  while (!recoveries_waiting_.empty() && collecting_ < kRecoveriesAtOnce) {
    const std::shared_ptr<RoomClient> client =
        recoveries_waiting_.front().lock();
    recoveries_waiting_.pop_front();
    if (client != nullptr && !client->is_removed) BeginCollecting(*client);
  }
  waking_recoveries_ = false;
}

void RoomLayer::BeginCollecting(RoomClient& client) {
  ++collecting_;
  Collection& collection = *client.collection;
  collection.is_begun = true;
  RecoveredSession& session = collection.session;
  // An offset that is not of this session says nothing of it.
  if (session.has.has_value() &&
      (session.has->place().epoch != session.opened.epoch ||
       session.has->place().offset < session.opened.offset)) {
    session.has.reset();
  }
  client.cursor = session.has.has_value() ? session.has->place().offset
                                          : session.opened.offset;
  if (session.has.has_value() && session.has->history.has_value()) {
    client.last_join = session.has->history->join;
  }
  for (const SessionRoomEntry& entry : session.rooms) {
    const absl::StatusOr<RoomKey> room =
        RoomKey::Make(client.socket.name_space(), entry.name);
    if (!room.ok()) continue;
    Membership& member = MembershipOf(client, *room);
    member.is_in = true;
    member.from = entry.from;
    member.heard_since = {session.opened.epoch,
                          std::max(entry.from, client.cursor)};
    member.Recount();
    if (entry.start.empty()) continue;
    const absl::StatusOr<SessionStart> start = ParseSessionStart(entry.start);
    if (!start.ok()) {
      collection.gaps.push_back(
          {GapReason::kDamage, entry.name, session.opened, session.opened});
      break;
    }
    client.last_join = std::max(client.last_join, start->join);
    if (entry.from < client.cursor) continue;
    OwedHistory owed{member.shared_from_this(), *start, std::nullopt};
    if (session.has.has_value() && session.has->history.has_value()) {
      const ClientOffset& has = *session.has;
      if (start->join < has.history->join) continue;
      if (start->join == has.history->join) owed.after = has.event;
    }
    collection.histories.push_back(std::move(owed));
  }
  GoOn(client);
}

bool RoomLayer::CollectHistories(RoomClient& client) {
  Collection& collection = *client.collection;
  for (const auto& [room, member] : client.memberships) {
    if (!IsFollowed(*room)) return false;
  }
  if (!std::exchange(collection.is_checked, true)) CheckCollection(client);
  while (!collection.histories.empty() && !client.full()) {
    const OwedHistory& owed = collection.histories.front();
    Membership& member = *owed.member;
    if (client.cursor < member.from) return true;  // Others come before it.
    if (member.step == Membership::Step::kWaiting) {
      // The room may have been silent where the client joined it, or this loop
      // behind that.
      const Position through{stream_position_.epoch, member.from};
      const Offset known = std::min(member.from, member.room.position->offset);
      member.step = Membership::Step::kReplaying;
      member.replay =
          owed.after.has_value()
              ? Replay::ForMember(member.room.key, owed.after->offset, through,
                                  known)
              : Replay::ForJoin(member.room.key, owed.start.start, through,
                                known);
      member.replay->NoteLogHead(log_head_.offset);
      member.history_suffix = FormatHistorySuffix(
          {{stream_position_.epoch, client.cursor}, owed.start.join});
      member.Recount();
    }
    if (!member.replay->done()) {
      EnqueueReplay(member);
      Pump(client);
      return false;
    }
    if (const std::optional<Gap> gap = member.replay->TakeGap()) {
      SendGap(member, *gap);
    }
    member.DropReplay();
    member.step = Membership::Step::kWaiting;
    member.history_suffix.clear();
    member.Recount();
    collection.histories.pop_front();
  }
  return true;
}

void RoomLayer::CheckCollection(RoomClient& client) {
  Collection& collection = *client.collection;
  const RecoveredSession& session = collection.session;
  const Epoch epoch = stream_position_.epoch;
  Offset known = stream_position_.offset;
  if (log_head_.epoch == epoch) known = std::max(known, log_head_.offset);
  if (session.restored.epoch == epoch) {
    known = std::max(known, session.restored.offset);
  }
  // It was opened in another life of the log; or what the client has is not
  // there, so the log is not the one that it heard.
  const bool is_other_log =
      !client.memberships.empty() &&
      (session.opened.epoch != epoch || client.cursor > known);
  if (!is_other_log) return;
  for (const SessionRoomEntry& entry : session.rooms) {
    collection.gaps.push_back({GapReason::kEpoch,
                               entry.name,
                               {session.opened.epoch, client.cursor},
                               {epoch, known}});
  }
}

void RoomLayer::NoteLimit(Membership& member) {
  Collection& collection = *member.client.collection;
  const bool is_followed = IsFollowed(member.room);
  if (is_followed && collection.events <= kRecoveryEventsMax &&
      collection.bytes <= kRecoveryBytesMax) {
    return;
  }
  const Position from{stream_position_.epoch, member.place()};
  collection.gaps.push_back({GapReason::kLimit,
                             std::string(member.room.key.room()), from,
                             is_followed ? *member.room.position : from});
}

void RoomLayer::TellRecovery(RoomClient& client) {
  const std::shared_ptr<RoomClient> held = client.shared_from_this();
  const std::unique_ptr<Collection> collection = std::move(client.collection);
  recoveries_.erase(&client.socket);
  --collecting_;
  if (collection->gaps.empty()) {
    Insert(held);
    std::move(collection->done)(Recovered{std::move(collection->frames)});
    if (!client.is_removed) Pump(client);
  } else {
    Drop(client);
    std::move(collection->done)(NotRecovered{std::move(collection->gaps)});
  }
  WakeRecoveries();
}

}  // namespace roomlog
