// A loop's part in the cluster: see server_loop.h.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "node/rooms/direct_room.h"
#include "node/server/server_loop.h"
#include "node/socketio/socketio_limits.h"
#include "proto/event_columns.h"

namespace roomlog {
namespace {

// A name that may be the id of a socket, of whatever node. Such an event goes
// to the namespace's room, which is right for a room of that name as well.
bool LooksLikeSocketId(absl::string_view name) {
  constexpr size_t kIdBytes = 20;
  return name.size() == kIdBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_';
         });
}

}  // namespace

// ---- What this loop says ----

size_t ServerLoop::PublishCopies(
    const BroadcastTarget& target, proto::Envelope envelope, uint32_t flags,
    const EncodedPacket& packet,
    const std::function<Backplane::PublishDone()>& done) {
  const std::string stored = StorePacket(packet);
  flags |= proto::EVENT_FLAG_ADDRESSED;
  if (!packet.attachments.empty()) flags |= proto::EVENT_FLAG_HAS_ATTACHMENTS;
  size_t copies = 0;
  const auto publish = [&](absl::string_view room_name) {
    absl::StatusOr<RoomKey> room = RoomKey::Make(target.name_space, room_name);
    // Nobody can be in a room of that name.
    if (!room.ok() || IsReservedRoom(room_name)) return;
    ++copies;
    Say({.room = *std::move(room),
         .flags = flags,
         .id = "",
         .packet = AddressPacket(envelope, stored)},
        done());
  };
  if (target.rooms.empty()) publish("");
  for (size_t i = 0; i < target.rooms.size(); ++i) {
    envelope.set_through(static_cast<uint32_t>(i));
    const std::string& room = target.rooms[i];
    // A reserved name is nobody's.
    if (!room.empty() && !IsReservedRoom(room)) {
      publish(LooksLikeSocketId(room) ? "" : room);
    }
  }
  return copies;
}

void ServerLoop::Broadcast(const BroadcastTarget& target,
                           const EncodedPacket& packet) {
  if (target.is_local) {
    core_->OnEachLoop([target, packet](ServerLoop& loop) {
      EncodedPacket local = packet;
      if (loop.recovers()) EndInNoString(&local.text);
      loop.DeliverLocally(target, MakeFrames(local));
    });
    return;
  }
  PublishCopies(target, target.ToEnvelope(),
                target.is_volatile ? proto::EVENT_FLAG_EPHEMERAL : 0, packet,
                [this]() -> Backplane::PublishDone {
                  return [this](absl::StatusOr<PublishAnswer> answer) {
                    if (answer.ok()) return;
                    ++failed_emits_;
                    last_failure_ = answer.status();
                  };
                });
}

void ServerLoop::BroadcastWithAcks(const BroadcastTarget& target,
                                   const EncodedPacket& packet,
                                   absl::Duration timeout, AcksDone done) {
  const size_t copies =
      target.is_local ? 1 : std::max<size_t>(1, target.rooms.size());
  const uint64_t id = requests_.Begin(
      copies, timeout,
      [this, done = std::move(done), name_space = target.name_space](
          const absl::Status& status, ClusterRequests::Answers answers) {
        // Whatever was missing, it is the clients' answers that did not come.
        const absl::Status told =
            absl::IsDeadlineExceeded(status)
                ? absl::DeadlineExceededError("operation has timed out")
                : status;
        Guard("acknowledgements", name_space,
              [&] { done(told, answers.values); });
      });
  if (id == 0) return;
  proto::Envelope envelope = target.ToEnvelope();
  *envelope.mutable_request() = RequestOf(id, timeout);
  if (target.is_local) {
    PublishAnswer to_ourselves;
    to_ourselves.receivers = static_cast<uint32_t>(core_->loops.size());
    requests_.OnPublished(id, to_ourselves);
    core_->OnEachLoop(
        [name_space = target.name_space, envelope, stored = StorePacket(packet),
         has_attachments = !packet.attachments.empty()](ServerLoop& loop) {
          loop.AskClients({.room = *RoomKey::Make(name_space, ""),
                           .envelope = envelope,
                           .packet = stored,
                           .has_attachments = has_attachments,
                           .position = {}});
        });
    return;
  }
  const size_t published =
      PublishCopies(target, std::move(envelope), proto::EVENT_FLAG_EPHEMERAL,
                    packet, [&] { return TellRequest(id); });
  for (size_t i = published; i < copies; ++i) {
    requests_.OnPublished(id, PublishAnswer());
  }
}

void ServerLoop::PublishToNamespace(const std::string& name_space,
                                    const proto::Envelope& envelope,
                                    uint32_t flags,
                                    Backplane::PublishDone done) {
  absl::StatusOr<RoomKey> room = RoomKey::Make(name_space, "");
  if (!room.ok()) {
    if (done != nullptr) std::move(done)(room.status());
    return;
  }
  Say({.room = *std::move(room),
       .flags = flags | proto::EVENT_FLAG_ADDRESSED,
       .id = "",
       .packet = AddressPacket(envelope, "")},
      std::move(done));
}

void ServerLoop::Control(const BroadcastTarget& target,
                         const proto::Envelope& envelope) {
  if (target.is_local) {
    core_->OnEachLoop(
        [name_space = target.name_space, envelope](ServerLoop& loop) {
          loop.ApplyControl(name_space, envelope, std::nullopt);
        });
    return;
  }
  PublishToNamespace(target.name_space, envelope, 0,
                     [this](absl::StatusOr<PublishAnswer> answer) {
                       if (answer.ok()) return;
                       ++failed_emits_;
                       last_failure_ = answer.status();
                     });
}

void ServerLoop::FetchSockets(const BroadcastTarget& target,
                              absl::Duration timeout, FetchDone done) {
  const size_t loops = core_->loops.size();
  const uint64_t id = requests_.Begin(
      1, timeout,
      [this, done = std::move(done), name_space = target.name_space](
          const absl::Status& status, ClusterRequests::Answers answers) {
        Guard("fetchSockets", name_space,
              [&] { done(status, answers.sockets); });
      });
  if (id == 0) return;
  proto::Envelope envelope = target.ToEnvelope();
  envelope.mutable_fetch_sockets();
  *envelope.mutable_request() = RequestOf(id, timeout);
  if (target.is_local) {
    PublishAnswer to_ourselves;
    to_ourselves.receivers = static_cast<uint32_t>(loops);
    requests_.OnPublished(id, to_ourselves);
    core_->OnEachLoop(
        [name_space = target.name_space, envelope](ServerLoop& loop) {
          loop.AnswerSockets(name_space, envelope);
        });
    return;
  }
  PublishToNamespace(target.name_space, envelope, proto::EVENT_FLAG_EPHEMERAL,
                     TellRequest(id));
}

void ServerLoop::ServerSideEmit(const std::string& name_space,
                                const std::string& event, const Values& values,
                                ServersDone done) {
  proto::Envelope envelope;
  proto::ServerSideEmit* const emit = envelope.mutable_server_side_emit();
  emit->set_server(core_->server_id);
  emit->set_event(event);
  emit->set_arguments(StoreValues(values));
  Backplane::PublishDone published;
  if (done) {
    const uint64_t id = requests_.Begin(
        1, kClusterRequestTime,
        [this, done = std::move(done), name_space](
            const absl::Status& status, ClusterRequests::Answers answers) {
          Guard("serverSideEmit", name_space,
                [&] { done(status, answers.values); });
        });
    if (id == 0) return;
    *envelope.mutable_request() = RequestOf(id, kClusterRequestTime);
    published = TellRequest(id);
  }
  PublishToNamespace(name_space, envelope, proto::EVENT_FLAG_EPHEMERAL,
                     std::move(published));
}

proto::Request ServerLoop::RequestOf(uint64_t id,
                                     absl::Duration timeout) const {
  proto::Request request;
  request.set_id(id);
  request.set_reply_room(id_);
  request.set_timeout_ms(static_cast<uint32_t>(
      std::clamp<int64_t>(absl::ToInt64Milliseconds(timeout), 1, 0xffffffff)));
  return request;
}

Backplane::PublishDone ServerLoop::TellRequest(uint64_t id) {
  return [this, id](absl::StatusOr<PublishAnswer> answer) {
    requests_.OnPublished(id, answer);
  };
}

// ---- What this loop is told ----

void ServerLoop::OnNodeEvent(const NodeEvent& event) {
  const LoopPort::Scope scope(port_.get());
  const proto::Envelope& envelope = event.envelope;
  switch (envelope.operation_case()) {
    case proto::Envelope::OPERATION_NOT_SET:
      if (IsDirectRoom(event.room.room())) {
        AskClient(event);
      } else {
        AskClients(event);
      }
      return;
    case proto::Envelope::kSocketsJoin:
    case proto::Envelope::kSocketsLeave:
    case proto::Envelope::kDisconnectSockets:
      ApplyControl(event.room.name_space(), envelope, event.position);
      return;
    case proto::Envelope::kFetchSockets:
      AnswerSockets(event.room.name_space(), envelope);
      return;
    case proto::Envelope::kServerSideEmit:
      AskServer(event);
      return;
  }
}

void ServerLoop::DeliverLocally(const BroadcastTarget& target,
                                const FrameList& frames) {
  for (SocketWire* const wire :
       rooms_.Select(target.name_space, target.ToEnvelope())) {
    if (target.is_volatile && wire->queued_bytes() > kVolatileQueueBytesMax) {
      continue;
    }
    for (const SharedFramePtr& frame : frames) wire->Send(frame);
  }
}

void ServerLoop::ApplyControl(absl::string_view name_space,
                              const proto::Envelope& envelope,
                              std::optional<Position> position) {
  for (SocketWire* const wire : rooms_.Select(name_space, envelope)) {
    for (const std::string& name : envelope.sockets_join().rooms()) {
      const absl::StatusOr<RoomKey> room = RoomKey::Make(name_space, name);
      if (!room.ok() || name.empty() || IsReservedRoom(name) ||
          name == wire->id() || rooms_.WantsIn(*wire, *room)) {
        continue;
      }
      // What was said in the room since, though it was not followed here, is
      // read from the log.
      ReplayStart start = FromNow{};
      if (position.has_value()) start = AfterPosition{*position};
      rooms_.Join(*wire, *room, start, nullptr);
    }
    for (const std::string& name : envelope.sockets_leave().rooms()) {
      const absl::StatusOr<RoomKey> room = RoomKey::Make(name_space, name);
      if (room.ok() && !name.empty() && !IsReservedRoom(name)) {
        rooms_.Leave(*wire, *room, nullptr);
      }
    }
    if (envelope.has_disconnect_sockets()) {
      const auto socket = sockets_.find(wire);
      if (socket == sockets_.end()) continue;
      socket->second->Disconnect(envelope.disconnect_sockets().close());
    }
  }
}

void ServerLoop::AskClients(const NodeEvent& event) {
  const std::string name_space(event.room.name_space());
  const proto::Request& request = event.envelope.request();
  const absl::StatusOr<StoredPacket> packet =
      LoadPacket(event.packet, event.has_attachments);
  const uint64_t ack_id = NextAckId();
  absl::StatusOr<std::string> text =
      packet.ok() ? WithAckId(packet->text, name_space, ack_id)
                  : absl::StatusOr<std::string>(packet.status());
  std::vector<Socket*> asked;
  if (text.ok()) {
    for (SocketWire* const wire :
         rooms_.Recipients(event.room, event.envelope)) {
      const auto socket = sockets_.find(wire);
      if (socket != sockets_.end()) asked.push_back(socket->second.get());
    }
  }
  // How many there are is said first, and if there are none, too.
  proto::NodeAnswer count;
  count.mutable_client_count()->set_clients(
      static_cast<uint32_t>(asked.size()));
  Answer(request, std::move(count));
  if (asked.empty()) return;
  const FrameList frames = FramesOf(*text, *packet);
  for (Socket* const socket : asked) {
    const bool expected = socket->ExpectAck(
        ack_id, absl::Milliseconds(request.timeout_ms()),
        [this, request](const absl::StatusOr<Values>& values) {
          if (!values.ok()) return;  // Whoever asked has a timeout as well.
          proto::NodeAnswer answer;
          answer.mutable_client_ack()->set_values(StoreValues(*values));
          Answer(request, std::move(answer));
        });
    if (expected) socket->Send(frames);
  }
}

void ServerLoop::AskServer(const NodeEvent& event) {
  const proto::ServerSideEmit& emit = event.envelope.server_side_emit();
  const bool is_asked = event.envelope.has_request();
  const proto::Request request = event.envelope.request();
  const auto answer = [this, request](bool handled, const Values& values) {
    proto::NodeAnswer node_answer;
    node_answer.mutable_server_side_answer()->set_handled(handled);
    node_answer.mutable_server_side_answer()->set_values(StoreValues(values));
    Answer(request, std::move(node_answer));
  };
  const std::shared_ptr<const NamespaceRules> rules =
      core_->Find(event.room.name_space());
  const bool is_ours = emit.server() != core_->server_id && index_ == 0 &&
                       rules != nullptr &&
                       rules->on_server_event.contains(emit.event());
  const absl::StatusOr<Values> values = LoadValues(emit.arguments());
  if (!is_ours || !values.ok()) {
    if (is_asked) answer(false, {});
    return;
  }
  Ack ack;
  if (is_asked) {
    ack = Ack([port = port_, answer](std::variant<Values, Ack::Json> given) {
      port->Run([answer, given = std::move(given)] {
        const auto* json = std::get_if<Ack::Json>(&given);
        answer(true, json == nullptr
                         ? std::get<Values>(given)
                         : ParseJson(json->array).value_or(Value()).AsArray());
      });
    });
  }
  std::string array = "[";
  std::vector<SharedBytes> attachments;
  for (const Value& value : *values) {
    if (array.size() > 1) array.push_back(',');
    value.AppendJson(&array, &attachments);
  }
  array.push_back(']');
  const Args args(array, attachments, 0);
  for (const EventHandler& handler : rules->on_server_event.at(emit.event())) {
    Guard(emit.event(), event.room.name_space(), [&] { handler(args, ack); });
  }
}

void ServerLoop::AnswerSockets(absl::string_view name_space,
                               const proto::Envelope& envelope) {
  proto::NodeAnswer answer;
  size_t bytes = 0;
  for (SocketWire* const wire : rooms_.Select(name_space, envelope)) {
    const auto socket = sockets_.find(wire);
    if (socket == sockets_.end()) continue;
    proto::Sockets::One* const one = answer.mutable_sockets()->add_sockets();
    one->set_id(wire->id());
    for (const std::string& room : socket->second->Rooms()) {
      one->add_rooms(room);
    }
    one->set_data(StoreValues({std::as_const(*socket->second).Data()}));
    const HandshakeInfo& handshake = wire->handshake();
    one->set_address(handshake.remote_address);
    one->set_url(handshake.url);
    one->set_issued_ms(absl::ToUnixMillis(handshake.issued));
    one->set_secure(handshake.secure);
    one->set_auth(std::string(wire->auth()));
    for (const auto& [header, value] : handshake.headers.All()) {
      one->add_headers(absl::StrCat(header, ": ", value));
    }
    bytes += one->ByteSizeLong();
    if (bytes < kSocketsAnswerBytes) continue;
    answer.mutable_sockets()->set_more(true);
    Answer(envelope.request(), std::exchange(answer, {}));
    bytes = 0;
  }
  answer.mutable_sockets();
  Answer(envelope.request(), std::move(answer));
}

void ServerLoop::Answer(const proto::Request& request,
                        proto::NodeAnswer answer) {
  answer.set_request(request.id());
  if (request.reply_room() == id_) {
    requests_.OnAnswer(answer);
    return;
  }
  absl::StatusOr<RoomKey> room =
      RoomKey::Make(kNodeNamespace, request.reply_room());
  if (!room.ok()) return;
  rooms_.Publish({.room = *std::move(room),
                  .flags = proto::EVENT_FLAG_EPHEMERAL,
                  .id = "",
                  .packet = answer.SerializeAsString()},
                 nullptr);
}

}  // namespace roomlog
