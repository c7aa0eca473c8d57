#include "node/server/server_loop.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/presence_room.h"
#include "base/reserved_room.h"
#include "proto/event_columns.h"
#include "users/user_record.h"

namespace roomlog {

ServerLoop::ServerLoop(std::shared_ptr<const ServerCore> core, size_t index,
                       std::string id, Backplane& backplane, const Clock& clock,
                       std::shared_ptr<LoopPort> port)
    : core_(std::move(core)),
      index_(index),
      id_(std::move(id)),
      backplane_(backplane),
      clock_(clock),
      port_(std::move(port)),
      requests_(timers_, clock_),
      rooms_(backplane, this, [this](Timers::Task task) {
        timers_.At(clock_.Steady(), std::move(task));
      }) {
  if (core_->recovery.has_value()) MakeSessionKeeper();
  if (core_->hears_dismissals) {
    dismissals_.emplace(
        rooms_, backplane_,
        [this](const proto::Dismissal& dismissal, absl::Time at) {
          OnDismissal(dismissal, at);
        },
        [this] { AdmitThoseWhoWait(); });
  }
  if (index == 0) {
    for (const auto& [name, rules] : core_->namespaces) {
      for (const auto& [room, handler] : rules->on_presence) {
        ObservePresence(name, room, handler);
      }
    }
  }
  if (!core_->follow_namespaces) return;
  rooms_.FollowRaw(
      *RoomKey::Make(kNodeNamespace, id_),
      {.on_event =
           [this](const EventView& event) {
             proto::NodeAnswer answer;
             if (answer.ParseFromArray(event.packet.data(),
                                       static_cast<int>(event.packet.size()))) {
               requests_.OnAnswer(answer);
             }
           },
       .on_following = nullptr});
  for (const auto& [name, rules] : core_->namespaces) {
    const absl::StatusOr<RoomKey> room = RoomKey::Make(name, "");
    if (room.ok()) rooms_.Pin(*room);
  }
}

void ServerLoop::ObservePresence(const std::string& name_space,
                                 const std::string& room,
                                 const PresenceHandler& handler) {
  absl::StatusOr<RoomKey> key = RoomKey::Make(name_space, room);
  const absl::StatusOr<RoomKey> feed =
      RoomKey::Make(name_space, PresenceRoomOf(room));
  if (!key.ok() || !feed.ok() || IsReservedRoom(room)) {
    return Log(absl::StrCat("nobody can be in a room named ", room));
  }
  rooms_.Observe(
      *feed, [this, name_space, &handler](const EventView& event, Epoch epoch) {
        std::optional<PresenceChange> change = ParsePresenceEvent(event.packet);
        if (!change.has_value()) return;
        change->position = {epoch, event.offset};
        change->time = absl::FromUnixMillis(event.time_ms);
        Guard("presence", name_space, [&] { handler(*change); });
      });
  backplane_.ReadMembers(
      {.room = *std::move(key)},
      [this, name_space, room](const absl::StatusOr<MembersPage>& page) {
        if (page.ok() && page->has_feed) return;
        Log(absl::StrCat(
            "nobody tells who comes and goes in the room \"", room, "\" of ",
            name_space, ": ",
            page.ok() ? "the broker's flag --presence_feed does not name it"
                      : page.status().message()));
      });
}

ServerLoop::~ServerLoop() { port_->Close(); }

void ServerLoop::OnTick() {
  rooms_.OnTick();
  if (sessions_ != nullptr) sessions_->OnTick();
  if (dismissals_.has_value()) dismissals_->OnTick();
  AdmitThoseWhoWait();
  buried_.clear();
  if (failed_emits_ == 0) return;
  Log(absl::StrCat(failed_emits_,
                   " emits failed, the last with: ", last_failure_.message()));
  failed_emits_ = 0;
}

void ServerLoop::Log(absl::string_view line) const {
  if (core_->log) core_->log(line);
}

// ---- Sockets ----

void ServerLoop::OnConnect(SocketWire& wire) {
  const LoopPort::Scope scope(port_.get());
  buried_.clear();
  const std::shared_ptr<const NamespaceRules> rules =
      core_->Find(wire.name_space());
  if (rules == nullptr) {
    wire.Refuse("Invalid namespace", "");
    return;
  }
  if (sessions_ != nullptr && RestoreIfAsked(wire, rules)) return;
  Begin(wire, rules, std::nullopt);
}

void ServerLoop::Begin(SocketWire& wire,
                       const std::shared_ptr<const NamespaceRules>& rules,
                       std::optional<SessionGap> gap) {
  Socket& socket = MakeSocket(wire);
  socket.recovery_gap_ = std::move(gap);
  Admit(socket, rules);
}

Socket& ServerLoop::MakeSocket(SocketWire& wire) {
  auto socket = std::make_unique<Socket>(
      *this, wire, Namespace(core_, nullptr, wire.name_space()));
  Socket& made = *socket;
  sockets_.emplace(&wire, std::move(socket));
  return made;
}

void ServerLoop::Admit(Socket& socket,
                       const std::shared_ptr<const NamespaceRules>& rules) {
  const bool skips = socket.recovered_ && core_->recovery->skip_middlewares;
  const size_t first = skips ? rules->middlewares.size() : 0;
  if (!rules->gatekeeper.has_value()) {
    return RunMiddlewares(socket, rules, first);
  }
  if (dismissals_.has_value() && !dismissals_->are_known()) {
    // Nobody is let in whose token may have been revoked.
    to_admit_.push_back(
        {socket.self_, rules, clock_.Steady() + kRevocationsWaitMax});
    return;
  }
  Ask(socket, rules->gatekeeper->admit, [this, rules, first](Socket& admitted) {
    admitted.is_user_settled_ = true;
    RunMiddlewares(admitted, rules, first);
  });
}

void ServerLoop::AdmitThoseWhoWait() {
  if (to_admit_.empty()) return;
  const bool are_known = dismissals_->are_known();
  for (ToAdmit& each : std::exchange(to_admit_, {})) {
    const std::shared_ptr<Socket*> socket = each.socket.lock();
    if (socket == nullptr) continue;
    if (are_known) {
      Admit(**socket, each.rules);
    } else if (clock_.Steady() >= each.deadline) {
      Refuse(**socket,
             {"this node does not know yet whose tokens were revoked: its "
              "broker is away",
              Value::ObjectOf({{"code", "unavailable"}})});
    } else {
      to_admit_.push_back(std::move(each));
    }
  }
}

void ServerLoop::OnDismissal(const proto::Dismissal& dismissal, absl::Time at) {
  std::vector<std::weak_ptr<Socket*>> leaving;
  for (const auto& [wire, socket] : sockets_) {
    if (dismissal.user().empty()) {
      if (socket->id() != dismissal.socket_id() ||
          socket->name_space().name() != dismissal.name_space()) {
        continue;
      }
    } else if (socket->User() != dismissal.user() ||
               // It came with a newer token.
               (dismissal.revokes() && socket->proven_at_.has_value() &&
                *socket->proven_at_ > at)) {
      continue;
    }
    leaving.push_back(socket->self_);
  }
  for (const std::weak_ptr<Socket*>& each : leaving) {
    const std::shared_ptr<Socket*> socket = each.lock();
    if (socket == nullptr) continue;
    (*socket)->dismissed_as_ = dismissal.revokes() ? "revoked" : "dismissed";
    // Else once it is let in.
    if ((*socket)->is_connected_) Dismiss(**socket);
  }
}

void ServerLoop::Dismiss(Socket& socket) {
  socket.EmitAtOnce(
      kClosedEvent,
      {Value::ObjectOf({{"code", socket.dismissed_as_},
                        {"message", "the server closes this connection"}})});
  socket.Disconnect();
}

void ServerLoop::RunMiddlewares(
    Socket& socket, const std::shared_ptr<const NamespaceRules>& rules,
    size_t index) {
  if (index == rules->middlewares.size()) return LetIn(socket, rules);
  Ask(socket, rules->middlewares[index], [this, rules, index](Socket& passed) {
    RunMiddlewares(passed, rules, index + 1);
  });
}

void ServerLoop::Ask(Socket& socket, const Middleware& middleware,
                     absl::AnyInvocable<void(Socket&) &&> then) {
  struct Answer {
    absl::AnyInvocable<void(Socket&) &&> then;
    std::atomic<bool> is_given = false;
  };
  const auto answer = std::make_shared<Answer>();
  answer->then = std::move(then);
  const Next next(
      [this, port = port_, answer, self = std::weak_ptr<Socket*>(socket.self_)](
          std::optional<Next::Refusal> refusal) {
        if (answer->is_given.exchange(true)) return;
        port->Run([this, answer, self, refusal = std::move(refusal)] {
          const std::shared_ptr<Socket*> socket = self.lock();
          if (socket == nullptr) return;
          if (refusal.has_value()) {
            Refuse(**socket, *refusal);
          } else {
            std::move(answer->then)(**socket);
          }
        });
      });
  if (!Guard("middleware", socket.name_space().name(),
             [&] { middleware(socket, next); })) {
    next("Internal error");  // Unless it has said something before.
  }
}

void ServerLoop::LetIn(Socket& socket,
                       const std::shared_ptr<const NamespaceRules>& rules) {
  if (sessions_ == nullptr) {
    Accept(socket, *rules);
  } else if (socket.recovered_) {
    Recover(socket, rules);
  } else {
    OpenSession(socket, rules);
  }
}

void ServerLoop::Accept(Socket& socket, const NamespaceRules& rules) {
  SocketWire& wire = socket.wire_;
  wire.Accept();
  socket.is_accepted_ = true;
  socket.is_connected_ = true;
  rooms_.AddClient(wire);
  if (core_->follow_namespaces) {
    const absl::StatusOr<RoomKey> room = RoomKey::Make(wire.name_space(), "");
    if (room.ok()) rooms_.Join(wire, *room, FromNow{}, nullptr);
  }
  CallConnectionHandlers(socket, rules);
}

void ServerLoop::CallConnectionHandlers(Socket& socket,
                                        const NamespaceRules& rules) {
  if (!socket.dismissed_as_.empty()) return Dismiss(socket);
  for (const ConnectionHandler& handler : rules.on_connection) {
    Guard("connection", socket.name_space().name(), [&] { handler(socket); });
  }
}

void ServerLoop::Refuse(Socket& socket, const Next::Refusal& refusal) {
  std::string data;
  if (refusal.data.has_value()) data = refusal.data->ToJson();
  socket.wire_.Refuse(refusal.message, data);
  if (sessions_ != nullptr) EndSession(socket, "refused");
  Bury(socket);
}

void ServerLoop::Bury(Socket& socket) {
  socket.self_.reset();
  auto gone = sockets_.extract(&socket.wire_);
  buried_.push_back(std::move(gone.mapped()));
}

void ServerLoop::OnEvent(SocketWire& wire, const IncomingEvent& event) {
  const LoopPort::Scope scope(port_.get());
  const auto found = sockets_.find(&wire);
  if (found == sockets_.end()) return;
  Socket& socket = *found->second;
  if (!socket.leaves_with_close_.has_value()) socket.Dispatch(event);
}

void ServerLoop::OnAck(SocketWire& wire, const IncomingAck& ack) {
  const LoopPort::Scope scope(port_.get());
  const auto found = sockets_.find(&wire);
  if (found == sockets_.end()) return;
  found->second->TakeAck(ack.id,
                         Args(ack.arguments, ack.attachments, 0).ToValues());
}

void ServerLoop::OnDisconnect(SocketWire& wire, absl::string_view reason) {
  const LoopPort::Scope scope(port_.get());
  restoring_.erase(&wire);
  if (const auto in_doubt = in_doubt_.extract(&wire); !in_doubt.empty()) {
    sessions_->Detach(in_doubt.mapped(), SessionKeeper::Resent::kNothing);
  }
  const auto found = sockets_.find(&wire);
  if (found != sockets_.end()) End(*found->second, reason);
}

void ServerLoop::End(Socket& socket, absl::string_view reason) {
  socket.is_connected_ = false;
  socket.CallDisconnect(socket.on_disconnecting_, "disconnecting", reason);
  if (sessions_ != nullptr) EndSession(socket, reason);
  rooms_.RemoveClient(socket.wire_);
  socket.self_.reset();
  socket.FailAcks(absl::UnavailableError("socket has been disconnected"));
  socket.CallDisconnect(socket.on_disconnect_, "disconnect", reason);
  Bury(socket);
}

void ServerLoop::PartWith(Socket& socket) {
  const auto disconnect = [this, self = std::weak_ptr<Socket*>(socket.self_)] {
    const std::shared_ptr<Socket*> socket = self.lock();
    if (socket != nullptr) Disconnect(**socket);
  };
  if (socket.session_ != nullptr && !socket.session_->waiting.empty()) {
    // SayWaiting() calls again, unless the broker takes too long.
    timers_.At(clock_.Steady() + kLastWordsTime, disconnect);
    return;
  }
  // Without the cluster's requests nothing comes back to this loop alone.
  if (heard_ == said_ || !core_->follow_namespaces) return disconnect();
  // An event to ourselves: what was said before it comes before it.
  const uint64_t id = requests_.Begin(
      1, kLastWordsTime,
      [this, said = said_, disconnect](const absl::Status& status,
                                       const ClusterRequests::Answers&) {
        if (status.ok()) heard_ = std::max(heard_, said);
        disconnect();
      });
  if (id == 0) return;  // Which was told.
  proto::NodeAnswer nothing;
  nothing.set_request(id);
  nothing.mutable_server_side_answer();
  rooms_.Publish({.room = *RoomKey::Make(kNodeNamespace, id_),
                  .flags = proto::EVENT_FLAG_EPHEMERAL,
                  .id = "",
                  .packet = nothing.SerializeAsString()},
                 TellRequest(id));
}

void ServerLoop::Disconnect(Socket& socket) {
  if (std::exchange(socket.is_parted_with_, true)) return;
  if (*socket.leaves_with_close_) {
    socket.wire_.DisconnectClient();
  } else {
    socket.wire_.Disconnect();
  }
}

void ServerLoop::OnDrained(SocketWire& wire) {
  const LoopPort::Scope scope(port_.get());
  rooms_.OnDrained(wire);
}

// ---- The log ----

void ServerLoop::Say(PublishRequest request, Backplane::PublishDone done) {
  ++said_;
  rooms_.Publish(std::move(request), std::move(done));
}

void ServerLoop::Publish(RoomKey room, uint32_t flags, std::string packet,
                         std::string id, PublishedDone done) {
  done = Guarded("publish", room.name_space(), std::move(done));
  Say({.room = std::move(room),
       .flags = flags,
       .id = std::move(id),
       .packet = std::move(packet)},
      [done = std::move(done)](absl::StatusOr<PublishAnswer> answer) mutable {
        if (done == nullptr) return;
        if (answer.ok()) {
          std::move(done)(Published{answer->position, answer->duplicate});
        } else {
          std::move(done)(answer.status());
        }
      });
}

void ServerLoop::ReadHistory(HistoryQuery query, HistoryDone done) {
  done = Guarded("history", query.room.name_space(), std::move(done));
  rooms_.ReadHistory(std::move(query), std::move(done));
}

void ServerLoop::ReadMembers(MembersRequest request, PresenceDone done) {
  done = Guarded("presence", request.room.name_space(), std::move(done));
  backplane_.ReadMembers(std::move(request), std::move(done));
}

void ServerLoop::ReadUser(RoomKey room, UserStateDone done) {
  done = Guarded("user state", room.name_space(), std::move(done));
  HistoryRequest last;
  last.room = std::move(room);
  last.newest_first = true;
  last.events_max = 1;
  backplane_.Read(
      std::move(last),
      [this, done = std::move(done)](absl::StatusOr<HistoryPage> page) mutable {
        if (!page.ok()) return std::move(done)(page.status());
        UserState state;
        if (page->events.empty()) return std::move(done)(std::move(state));
        const EventView& event = page->events.back();
        absl::StatusOr<UserRecord> record =
            ParseUserEvent(event.packet, event.offset);
        if (!record.ok()) return std::move(done)(record.status());
        if (record->IsThere(absl::ToUnixMillis(clock_.Now()))) {
          state = {std::move(record->state),
                   {page->epoch, record->version},
                   record->expires_ms};
        }
        std::move(done)(std::move(state));
      });
}

}  // namespace roomlog
