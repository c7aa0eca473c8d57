// How RoomLayer hands live events to whom they are for: see room_layer.h.
#include <algorithm>
#include <utility>

#include "node/rooms/room_layer.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {

void RoomLayer::OnEvents(absl::Span<const RoomEvent> events) {
  for (const RoomEvent& arrived : events) {
    const EventView& event = arrived.event;
    const auto found = followed_.find(arrived.room);
    if (found == followed_.end()) {
      const auto raw = raw_followed_.find(arrived.room);
      if (raw == raw_followed_.end()) continue;
      FlushRun();
      // It may ask for anything, even to follow another room.
      raw_rooms_.at(RoomKey(raw->second)).on_event(event);
      continue;
    }
    Room& room = *found->second;
    if (!room.position.has_value()) continue;
    if (run_.room() != &room || run_.entries().size() >= kEventRunMax) {
      FlushRun();
    }
    const bool is_logged = (event.flags & proto::EVENT_FLAG_EPHEMERAL) == 0;
    if (is_logged) {
      const Offset heard = run_.empty() ? room.position->offset : run_.last();
      if (event.offset <= heard) continue;
      FollowLogHead({room.position->epoch, event.offset});
    }
    RoomPackets::Rendered rendered =
        room.packets.Render(event, room.position->epoch);
    if (is_logged && !rendered.frames.empty() && room.observers.empty() &&
        IsForAll(room, rendered.envelope.get())) {
      run_.Add(room, event, std::move(rendered));
    } else {
      FlushRun();
      Deliver(room, event, std::move(rendered));
      for (const auto& observer : room.observers) {
        observer(event, room.position->epoch);
      }
    }
  }
  FlushRun();
}

bool RoomLayer::IsForAll(const Room& room,
                         const proto::Envelope* envelope) const {
  return envelope == nullptr ||
         (!IsForNodes(*envelope) &&
          Audience(envelope, room.key, rooms_).is_everybody());
}

void RoomLayer::FlushRun() {
  if (run_.empty()) return;
  Room& room = *run_.room();
  for (Membership* const member : room.members) DeliverRun(*member);
  for (EventRun::Entry& entry : run_.entries()) {
    NoteDelivered(room, entry.event, entry.rendered);
  }
  run_.Clear();
}

void RoomLayer::DeliverRun(Membership& member) {
  RoomClient& client = member.client;
  if (!client.flows || !member.is_in) return;
  const EventRun::Frames& all = run_.For(client.with_offsets);
  const Offset has = std::max(member.from, client.floor);
  if (run_.entries().front().event.offset > has &&
      client.collection == nullptr &&
      client.socket.queued_bytes() + all.bytes <= kClientBufferBytesMax) {
    client.socket.SendAll(all.frames);
    return;
  }
  for (EventRun::Entry& entry : run_.entries()) {
    DeliverTo(member, entry.event, entry.rendered, Audience());
  }
}

void RoomLayer::Deliver(Room& room, const EventView& event,
                        RoomPackets::Rendered rendered) {
  const bool is_logged = (event.flags & proto::EVENT_FLAG_EPHEMERAL) == 0;
  const bool is_for_nodes =
      rendered.envelope != nullptr && IsForNodes(*rendered.envelope);
  if (!rendered.frames.empty()) {
    const Audience audience(rendered.envelope.get(), room.key, rooms_);
    ForEachCandidate(room, audience, rendered.envelope.get(),
                     [&](Membership& member) {
                       DeliverTo(member, event, rendered, audience);
                     });
  } else if (!is_for_nodes) {
    ++unsendable_events_;
  }
  const EnvelopePtr envelope = rendered.envelope;
  NoteDelivered(room, event, rendered);
  if (!is_for_nodes || node_events_ == nullptr) return;
  const RoomKey key = room.key;  // What the handler does may end the room.
  node_events_->OnNodeEvent(
      {.room = key,
       .envelope = *envelope,
       .packet = rendered.packet,
       .has_attachments =
           (event.flags & proto::EVENT_FLAG_HAS_ATTACHMENTS) != 0,
       .position =
           is_logged ? Position{log_head_.epoch, event.offset} : log_head_});
}

void RoomLayer::NoteDelivered(Room& room, const EventView& event,
                              RoomPackets::Rendered& rendered) {
  // All who flow have it now.
  stream_position_.offset = std::max(stream_position_.offset, event.offset);
  if ((event.flags & proto::EVENT_FLAG_EPHEMERAL) != 0) return;
  room.position->offset = event.offset;
  if (room.catching_up == 0) {
    room.recent.Reset(event.offset);
  } else if (!rendered.frames.empty()) {
    rendered.frames.Keep();
    room.recent.Add({.offset = event.offset,
                     .frames = std::move(rendered.frames),
                     .envelope = rendered.envelope});
  }
}

void RoomLayer::DeliverTo(Membership& member, const EventView& event,
                          RoomPackets::Rendered& rendered,
                          const Audience& audience) {
  RoomClient& client = member.client;
  // A client that came from another loop may be ahead of this one.
  if (!client.flows || !member.is_in || event.offset <= member.from ||
      event.offset <= client.floor || !audience.Includes(client)) {
    return;
  }
  if ((event.flags & proto::EVENT_FLAG_EPHEMERAL) != 0) {
    if (client.socket.queued_bytes() <= kVolatileQueueBytesMax) {
      client.Send(rendered.frames.For(client.with_offsets));
    }
    return;
  }
  if (client.full()) {
    // Its queue is long enough; it reads on from here as that drains.
    StopFlowing(client, Offset(event.offset.value() - 1));
    return;
  }
  client.Send(rendered.frames.For(client.with_offsets));
}

void RoomLayer::ForEachCandidate(Room& room, const Audience& audience,
                                 const proto::Envelope* envelope,
                                 absl::FunctionRef<void(Membership&)> visit) {
  if (!audience.is_for_few()) {
    for (Membership* const member : room.members) visit(*member);
    return;
  }
  // The event lies in a room whose members may be very many.
  const std::string& name =
      envelope->rooms(static_cast<int>(envelope->through()));
  const auto visit_client = [&](RoomClient& client) {
    const auto member = client.memberships.find(&room);
    if (member != client.memberships.end()) visit(*member->second);
  };
  const auto in_namespace =
      clients_by_id_.find(std::string(room.key.name_space()));
  if (in_namespace == clients_by_id_.end()) return;
  const auto client = in_namespace->second.find(name);
  const RoomClient* visited = nullptr;
  if (client != in_namespace->second.end()) {
    visited = client->second;
    visit_client(*client->second);
  }
  if (IsDirectRoom(room.key.room()) || IsReservedRoom(name)) return;
  const absl::StatusOr<RoomKey> key =
      RoomKey::Make(room.key.name_space(), name);
  if (!key.ok() || name.empty()) return;
  if (Room* const named = FindRoom(*key)) {
    for (Membership* const member : named->members) {
      if (&member->client != visited) visit_client(member->client);
    }
  }
}

std::vector<SocketWire*> RoomLayer::Select(absl::string_view name_space,
                                           const proto::Envelope& envelope) {
  std::vector<SocketWire*> selected;
  const absl::StatusOr<RoomKey> room = RoomKey::Make(name_space, "");
  const auto clients = clients_by_id_.find(std::string(name_space));
  if (!room.ok() || clients == clients_by_id_.end()) return selected;
  const Audience audience(&envelope, *room, rooms_);
  for (const auto& [id, client] : clients->second) {
    if (audience.Selects(*client)) selected.push_back(&client->socket);
  }
  // In an order that does not hang on where the table put them.
  std::sort(selected.begin(), selected.end(),
            [](const SocketWire* a, const SocketWire* b) {
              return a->id() < b->id();
            });
  return selected;
}

std::vector<SocketWire*> RoomLayer::Recipients(
    const RoomKey& key, const proto::Envelope& envelope) {
  std::vector<SocketWire*> recipients;
  Room* const room = FindRoom(key);
  if (room == nullptr) return recipients;
  const Audience audience(&envelope, key, rooms_);
  ForEachCandidate(*room, audience, &envelope, [&](Membership& member) {
    if (member.is_in && member.client.flows && !member.client.full() &&
        audience.Includes(member.client)) {
      recipients.push_back(&member.client.socket);
    }
  });
  return recipients;
}

}  // namespace roomlog
