// Where in the log's order clients are, and how one that is behind gets to the
// present: see room_layer.h.
#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "node/rooms/gap.h"
#include "node/rooms/room_layer.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {

Offset RoomLayer::PlaceOf(const RoomClient& client) const {
  return std::max(stream_position_.offset, client.floor);
}

void RoomLayer::StopFlowing(RoomClient& client, Offset cursor) {
  client.flows = false;
  client.cursor = cursor;
  for (const auto& [room, member] : client.memberships) member->Recount();
}

void RoomLayer::Hold(Membership& member) {
  if (std::exchange(member.holds_client, true)) return;
  RoomClient& client = member.client;
  ++client.holds;
  client.catch_up.reset();
  if (client.flows) StopFlowing(client, PlaceOf(client));
}

void RoomLayer::Unhold(RoomClient& client) {
  --client.holds;
  GoOn(client);
}

void RoomLayer::GoOn(RoomClient& client) {
  const std::shared_ptr<RoomClient> held = client.shared_from_this();
  while (!client.flows && client.holds == 0 && !client.is_stalled &&
         !client.is_removed && !client.full()) {
    if (client.catch_up != nullptr) {
      if (!SendCaughtUp(client)) break;
    } else {
      if (client.collection != nullptr && !CollectHistories(client)) break;
      if (!BeginCatchUp(client)) break;
    }
  }
  if (client.collection != nullptr && !client.is_removed &&
      (client.flows || !client.collection->gaps.empty())) {
    TellRecovery(client);
  }
}

bool RoomLayer::BeginCatchUp(RoomClient& client) {
  if (client.full()) return false;
  Offset through = std::max(stream_position_.offset, client.cursor);
  std::vector<Membership*> moved;
  bool is_recent = true;
  // The history of a join comes where the client joined, as it did live: so
  // what was sent before it is before it by its offset, too.
  std::optional<Offset> bound;
  if (client.collection != nullptr && !client.collection->histories.empty()) {
    bound = client.collection->histories.front().member->from;
  }
  // A loop that has not heard all up to there does not know where its rooms
  // end; the log does.
  const bool is_behind = bound.has_value() && stream_position_.offset < *bound;
  const auto end_of = [&](const Room& room) {
    Position end = *room.position;
    if (is_behind) {
      end.offset = *bound;
    } else if (bound.has_value()) {
      end.offset = std::min(end.offset, *bound);
    }
    return end;
  };
  for (Membership* const member : client.MembershipsInOrder()) {
    if (!member->is_in) continue;
    const Room& room = member->room;
    if (!IsFollowed(room)) return false;
    if (end_of(room).offset <= member->place()) continue;
    moved.push_back(member);
    through = std::max(through, room.position->offset);
    if (room.recent.floor() > member->place()) is_recent = false;
  }
  if (bound.has_value()) {
    through = *bound;
    if (moved.empty()) {
      client.cursor = std::max(client.cursor, through);
      return true;
    }
  } else if (is_recent) {
    if (SendRecent(client, moved)) Flow(client, through);
    return false;
  }
  client.catch_up = std::make_shared<CatchUp>(through, client.page_events);
  for (Membership* const member : moved) {
    const Position end = end_of(member->room);
    client.catch_up->AddRoom(
        member->room.key, member->weak_from_this(), member->place(), end,
        std::min(end.offset, member->room.position->offset));
  }
  return true;
}

bool RoomLayer::SendRecent(RoomClient& client,
                           absl::Span<Membership* const> moved) {
  struct Lane {
    Membership* member;
    RecentFrames::Iterator next;
    RecentFrames::Iterator end;
  };
  std::vector<Lane> lanes;
  for (Membership* const member : moved) {
    RecentFrames& recent = member->room.recent;
    const Lane lane{member, recent.After(member->place()), recent.end()};
    if (lane.next != lane.end) lanes.push_back(lane);
  }
  const auto later = [](const Lane& a, const Lane& b) {
    return a.next->offset > b.next->offset;
  };
  std::make_heap(lanes.begin(), lanes.end(), later);
  while (!lanes.empty()) {
    if (client.full()) return false;
    std::pop_heap(lanes.begin(), lanes.end(), later);
    Lane& lane = lanes.back();
    client.cursor = lane.next->offset;
    SendTo(*lane.member, lane.next->envelope.get(), lane.next->frames);
    if (++lane.next == lane.end) {
      lanes.pop_back();
    } else {
      std::push_heap(lanes.begin(), lanes.end(), later);
    }
  }
  return !client.full();
}

bool RoomLayer::SendCaughtUp(RoomClient& client) {
  CatchUp& catch_up = *client.catch_up;
  catch_up.DropGone();
  while (const std::optional<CatchUp::Item> item = catch_up.Next()) {
    if (client.full()) {
      // What was read would be a queue too: it is read again.
      client.page_events = std::max(kCatchUpPageEventsMin, catch_up.popped());
      client.catch_up.reset();
      return false;
    }
    Membership& member = *item->member;
    const Offset end =
        item->gap != nullptr ? item->gap->to.offset : item->offset;
    if (end <= member.from) {
      // It was told of a gap, of which this is part, after the read began.
    } else if (item->gap != nullptr) {
      SendGap(member, *item->gap);
      // Not again, should the client be held up before its end.
      member.from = end;
    } else {
      RoomPackets::Rendered rendered =
          member.room.packets.Render(*item->event, item->epoch);
      if (rendered.frames.empty() && rendered.envelope == nullptr) {
        ++unsendable_events_;
      }  // Else it may have been for the nodes, and has had its time.
      SendTo(member, rendered.envelope.get(), rendered.frames);
    }
    client.cursor = std::max(client.cursor, item->offset);
    catch_up.Pop();
  }
  if (catch_up.done()) {
    client.cursor = std::max(client.cursor, catch_up.through());
    client.page_events = std::min(kReadEventsMax, client.page_events * 2);
    client.catch_up.reset();
    return true;
  }
  while (std::optional<CatchUp::Read> read = catch_up.NextRead()) {
    client.waiting.push_back(
        [this, client = &client,
         catch_up = std::weak_ptr<CatchUp>(client.catch_up),
         read = *std::move(read)] {
          if (!catch_up.expired()) StartCatchUpRead(*client, read);
        });
  }
  Pump(client);
  return false;
}

void RoomLayer::StartCatchUpRead(RoomClient& client, CatchUp::Read read) {
  ++client.reads;
  reads_.Read(std::move(read.request),
              [this, asking = client.weak_from_this(),
               reading = std::weak_ptr<CatchUp>(client.catch_up),
               lane = read.lane](const absl::StatusOr<HistoryPage>& page) {
                const std::shared_ptr<RoomClient> client = asking.lock();
                if (client == nullptr || client->is_removed) return;
                --client->reads;
                if (page.ok()) NoteLogHead({page->epoch, page->head});
                const std::shared_ptr<CatchUp> catch_up = reading.lock();
                if (catch_up != nullptr && client->catch_up == catch_up) {
                  if (catch_up->Take(lane, page).ok()) {
                    GoOn(*client);
                  } else {
                    client->catch_up.reset();
                    client->is_stalled = true;
                    stalled_clients_.push_back(client);
                  }
                }
                if (!client->is_removed) Pump(*client);
              });
}

void RoomLayer::Flow(RoomClient& client, Offset through) {
  client.flows = true;
  client.floor = through;
  std::vector<std::shared_ptr<Membership>> waiting;
  for (const auto& [room, member] : client.memberships) {
    member->Recount();
    if (!member->requests.empty()) waiting.push_back(member);
  }
  // Those who joined first, first.
  std::sort(waiting.begin(), waiting.end(), [](const auto& a, const auto& b) {
    return a->requested < b->requested;
  });
  for (const std::shared_ptr<Membership>& member : waiting) {
    if (!member->removed) Advance(*member);
  }
  if (!client.is_removed) Pump(client);
}

void RoomLayer::SendTo(Membership& member, const proto::Envelope* envelope,
                       EventFrames& frames) {
  RoomClient& client = member.client;
  if (frames.empty() ||
      !Audience(envelope, member.room.key, rooms_).Includes(client)) {
    return;
  }
  if (!member.history_suffix.empty()) {
    client.Send(frames.InHistory(member.history_suffix));
  } else {
    client.Send(frames.For(client.with_offsets));
  }
  if (client.collection != nullptr) NoteLimit(member);
}

void RoomLayer::SendGap(Membership& member, const Gap& gap) {
  const RoomKey& room = member.room.key;
  RoomClient& client = member.client;
  if (client.collection != nullptr) {
    client.collection->gaps.push_back(
        {gap.reason, std::string(room.room()), gap.from, gap.to});
    return;
  }
  // Asking for it may still bring some of it.
  member.heard_since = gap.to;
  client.socket.Send(MakeFrame(GapPacket(room.name_space(), room.room(), gap)));
}

}  // namespace roomlog
