// Clients that come back, and what is kept for them: see server_loop.h.
#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "node/server/server_loop.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {
namespace {

constexpr size_t kPrivateIdBytes = 20;

// After these the client does not come back for its session.
bool IsFinal(absl::string_view reason) {
  return reason == "client namespace disconnect" ||
         reason == "server namespace disconnect" || reason == "parse error";
}

RecoveredSession OwedTo(const SessionKeeper::Restored& restored,
                        const std::optional<ClientOffset>& has) {
  const proto::SessionRecord& record = restored.record;
  // The record does not say in which life of the log it was opened. A client
  // that has an offset of another life than this one does.
  const Epoch epoch =
      has.has_value() ? has->place().epoch : restored.position.epoch;
  RecoveredSession session;
  session.opened = {epoch, Offset(record.opened_at())};
  session.has = has;
  session.restored = restored.position;
  for (const proto::SessionRoom& room : record.rooms()) {
    session.rooms.push_back({room.name(), Offset(room.from()), room.start()});
  }
  return session;
}

}  // namespace

void ServerLoop::MakeSessionKeeper() {
  sessions_ = std::make_unique<SessionKeeper>(
      rooms_, timers_, clock_, id_, index_, core_->recovery->window,
      SessionKeeper::Listener{
          .on_fenced = [this](SocketWire& wire) { OnFenced(wire); },
          .on_expired =
              [this](const proto::SessionNotice& notice) { OnExpired(notice); },
          .log = [this](absl::string_view line) { Log(line); }});
}

void ServerLoop::WhenLossesAreKnown(std::function<void()> done) {
  if (sessions_ == nullptr) return done();
  sessions_->WhenHeard(kSessionGoodbyeTime, std::move(done));
}

// ---- A client that is new ----

void ServerLoop::OpenSession(
    Socket& socket, const std::shared_ptr<const NamespaceRules>& rules) {
  std::string data = StoreValues({socket.data_});
  if (data.size() > kSessionDataBytesMax) {
    Log(absl::StrCat("a socket in ", socket.name_space().name(),
                     " cannot be recovered: its data takes ", data.size(),
                     " bytes, more than ", kSessionDataBytesMax));
    return Accept(socket, *rules);
  }
  std::vector<std::string> rooms;
  if (core_->follow_namespaces) rooms.emplace_back("");
  std::string kept_data = data;
  sessions_->Open(
      {.name_space = socket.name_space().name(),
       .socket_id = socket.id(),
       .user = socket.User(),
       .user_unproven = !rules->gatekeeper.has_value(),
       .rooms = rooms,
       .data = std::move(data)},
      [this, rules, rooms, kept_data = std::move(kept_data),
       self = std::weak_ptr<Socket*>(socket.self_)](
          absl::StatusOr<SessionKeeper::Opened> opened) mutable {
        const std::shared_ptr<Socket*> found = self.lock();
        if (found == nullptr) {
          if (opened.ok()) sessions_->Close(opened->name);
          return;
        }
        Socket& socket = **found;
        if (!opened.ok()) return Accept(socket, *rules);
        SocketWire& wire = socket.wire_;
        auto session = std::make_unique<SocketSession>();
        session->private_id = opened->name.private_id;
        session->kept_data = std::move(kept_data);
        session->direct_room = DirectRoom(wire.name_space(), id_, wire.id());
        socket.session_ = std::move(session);
        sessions_->Add(wire, std::move(opened->name));
        wire.Accept(socket.session_->private_id);
        socket.is_accepted_ = true;
        socket.is_connected_ = true;
        rooms_.AddRecoverableClient(wire, opened->position, rooms, *sessions_);
        NoteDataTouched(socket);  // Perhaps it was, while this took its time.
        CallConnectionHandlers(socket, *rules);
      });
}

// ---- A client that comes back ----

bool ServerLoop::RestoreIfAsked(
    SocketWire& wire, const std::shared_ptr<const NamespaceRules>& rules) {
  if (!absl::StrContains(wire.auth(), "\"pid\"")) return false;
  const Value auth = ParseJson(wire.auth()).value_or(Value());
  if (!auth["pid"].is_string()) return false;
  const std::string private_id(auth["pid"].AsString());
  const std::string offset(auth["offset"].AsString());
  std::optional<std::string> user = UserOf(*rules, wire.name_space(), auth);
  if (private_id.size() != kPrivateIdBytes || !user.has_value()) {
    Begin(wire, rules, SessionGap{SessionGap::Reason::kExpired, {}});
    return true;
  }
  const auto token = std::make_shared<SocketWire*>(&wire);
  restoring_[&wire] = token;
  sessions_->Restore(
      {.name_space = wire.name_space(),
       .private_id = private_id,
       .user = *std::move(user),
       .offset = offset,
       .is_breakable = wire.is_breakable()},
      [this, rules, offset, token = std::weak_ptr<SocketWire*>(token)](
          absl::StatusOr<SessionKeeper::Restored> restored) {
        const std::shared_ptr<SocketWire*> found = token.lock();
        if (found == nullptr) {
          // It has gone again meanwhile.
          if (restored.ok()) {
            sessions_->Detach(restored->name, SessionKeeper::Resent::kNothing);
          }
          return;
        }
        SocketWire& wire = **found;
        restoring_.erase(&wire);
        if (restored.ok()) {
          OnRestored(wire, rules, offset, *std::move(restored));
          return;
        }
        const auto reason = absl::IsDeadlineExceeded(restored.status())
                                ? SessionGap::Reason::kUnavailable
                                : SessionGap::Reason::kExpired;
        Begin(wire, rules, SessionGap{reason, {}});
      });
  return true;
}

std::optional<std::string> ServerLoop::UserOf(const NamespaceRules& rules,
                                              absl::string_view name_space,
                                              const Value& auth) const {
  if (!rules.gatekeeper.has_value()) return std::string();
  std::string user;
  Guard("gatekeeper", name_space,
        [&] { user = rules.gatekeeper->user_of(auth); });
  if (user.empty()) return std::nullopt;
  return user;
}

void ServerLoop::OnRestored(SocketWire& wire,
                            const std::shared_ptr<const NamespaceRules>& rules,
                            const std::string& offset,
                            SessionKeeper::Restored restored) {
  // Two of one id must not meet; the broker's notice may come later.
  SocketWire* const older =
      sessions_->FindSocket(restored.name.name_space, restored.name.private_id);
  if (older != nullptr) {
    sessions_->Remove(*older);
    OnFenced(*older);
  }
  if (restored.record.is_in_doubt()) {
    // It may keep some of what it was sent the last time, and nobody knows how
    // much. Once it has heard CONNECT it has taken in all of that, and when it
    // comes again its offset says so.
    wire.TakeId(restored.record.socket_id());
    wire.Accept(restored.name.private_id);
    wire.AskIfHeard();
    in_doubt_[&wire] = restored.name;
    return;
  }
  std::optional<ClientOffset> has;
  if (!offset.empty()) {
    const absl::StatusOr<ClientOffset> parsed = ParseClientOffset(offset);
    if (!parsed.ok()) {
      sessions_->Close(restored.name);
      Begin(wire, rules, SessionGap{SessionGap::Reason::kBadOffset, {}});
      return;
    }
    has = *parsed;
  }
  auto session = std::make_unique<SocketSession>();
  session->private_id = restored.name.private_id;
  session->has = has;
  session->id_anew = wire.id();
  session->kept_data = restored.record.data();
  session->direct_room =
      DirectRoom(wire.name_space(), id_, restored.record.socket_id());
  for (const proto::SessionRoom& room : restored.record.rooms()) {
    if (!IsDirectRoom(room.name())) continue;
    const absl::StatusOr<RoomKey> key =
        RoomKey::Make(wire.name_space(), room.name());
    if (!key.ok()) continue;
    session->direct_room = *key;
    session->direct = SocketSession::Direct::kIn;
  }
  wire.TakeId(restored.record.socket_id());
  sessions_->Add(wire, restored.name);
  Socket& socket = MakeSocket(wire);
  const absl::StatusOr<Values> data = LoadValues(session->kept_data);
  if (data.ok() && !data->empty()) socket.data_ = data->front();
  const std::string restored_user = restored.record.user();
  session->restored =
      std::make_unique<SessionKeeper::Restored>(std::move(restored));
  socket.session_ = std::move(session);
  socket.user_ = restored_user;
  socket.is_user_settled_ = true;
  socket.recovered_ = true;
  Admit(socket, rules);
}

void ServerLoop::OnAllHeard(SocketWire& wire) {
  const LoopPort::Scope scope(port_.get());
  const auto found = in_doubt_.extract(&wire);
  if (found.empty()) return;
  sessions_->Detach(found.mapped(), SessionKeeper::Resent::kAnsweredAtOnce);
  wire.CutOff();
}

void ServerLoop::Recover(Socket& socket,
                         const std::shared_ptr<const NamespaceRules>& rules) {
  if (!socket.session_->given_up.empty()) return GiveUpRooms(socket, rules);
  const auto restored = std::move(socket.session_->restored);
  rooms_.Recover(
      socket.wire_, OwedTo(*restored, socket.session_->has), *sessions_,
      [this, rules, self = std::weak_ptr<Socket*>(socket.self_)](
          std::variant<Recovered, NotRecovered> outcome) {
        const std::shared_ptr<Socket*> found = self.lock();
        if (found == nullptr) return;
        if (const auto* recovered = std::get_if<Recovered>(&outcome)) {
          OnRecovered(**found, *rules, recovered->missed);
        } else {
          auto& gaps = std::get<NotRecovered>(outcome).gaps;
          const SessionGap::Reason reason =
              ReasonOf(gaps.empty() ? GapReason::kDamage : gaps[0].reason);
          OnNotRecovered(**found, rules, {reason, std::move(gaps)});
        }
      });
}

void ServerLoop::GiveUpRooms(
    Socket& socket, const std::shared_ptr<const NamespaceRules>& rules) {
  // Before anything else, so that whoever restores the session next does not
  // find them again.
  sessions_->Change(
      socket.wire_, {}, socket.session_->given_up,
      [this, rules,
       self = std::weak_ptr<Socket*>(socket.self_)](absl::Status status) {
        const std::shared_ptr<Socket*> found = self.lock();
        if (found == nullptr) return;
        if (status.ok()) {
          (*found)->session_->given_up.clear();
          Recover(**found, rules);
        } else if (absl::IsUnavailable(status)) {
          timers_.At(clock_.Steady() + kSessionRetryTime, [this, rules, self] {
            const std::shared_ptr<Socket*> socket = self.lock();
            if (socket != nullptr) GiveUpRooms(**socket, rules);
          });
        } else if (!absl::IsFailedPrecondition(status)) {
          OnNotRecovered(**found, rules, {SessionGap::Reason::kExpired, {}});
        }  // Else it is fenced, and OnFenced() ends it.
      });
}

void ServerLoop::OnRecovered(Socket& socket, const NamespaceRules& rules,
                             const FrameList& missed) {
  socket.session_->resent_nothing = missed.empty();
  socket.Send(missed);
  socket.wire_.Accept(socket.session_->private_id);
  socket.is_accepted_ = true;
  socket.is_connected_ = true;
  if (!socket.session_->waiting.empty()) JoinDirectRoom(socket);
  NoteDataTouched(socket);
  CallConnectionHandlers(socket, rules);
}

void ServerLoop::OnNotRecovered(
    Socket& socket, const std::shared_ptr<const NamespaceRules>& rules,
    SessionGap gap) {
  SocketWire& wire = socket.wire_;
  if (const SessionName* const name = sessions_->Find(wire)) {
    sessions_->Close(*name);
    sessions_->Remove(wire);
  }
  std::string id_anew = socket.session_->id_anew;
  socket.FailAcks(absl::UnavailableError("the session could not be recovered"));
  Bury(socket);
  // No handler has it in its hands, and the next may need what it holds.
  buried_.pop_back();
  wire.TakeId(std::move(id_anew));
  Begin(wire, rules, std::move(gap));
}

// ---- Its end ----

void ServerLoop::EndSession(Socket& socket, absl::string_view reason) {
  SocketWire& wire = socket.wire_;
  if (sessions_->Find(wire) == nullptr) return;
  KeepData(socket);
  const SessionName* const found = sessions_->Find(wire);
  if (found == nullptr) return;  // What it keeps grew too large.
  const SessionName name = *found;
  sessions_->Remove(wire);
  if (IsFinal(reason)) {
    sessions_->Close(name);
  } else {
    sessions_->Detach(name, socket.session_->resent_nothing
                                ? SessionKeeper::Resent::kNothing
                                : SessionKeeper::Resent::kSome);
  }
}

void ServerLoop::OnFenced(SocketWire& wire) {
  const auto found = sockets_.find(&wire);
  if (found == sockets_.end()) return;
  End(*found->second, "forced close");
  // Not told to go: it may be an earlier connection of its own, looked at late,
  // that has taken the session. If its client is there it comes back.
  wire.CutOff();
}

void ServerLoop::OnExpired(const proto::SessionNotice& notice) {
  const std::shared_ptr<const NamespaceRules> rules =
      core_->Find(notice.name_space());
  if (rules == nullptr) return;
  ExpiredSession session;
  session.socket_id = notice.socket_id();
  const absl::StatusOr<Values> data = LoadValues(notice.data());
  if (data.ok() && !data->empty()) session.data = data->front();
  for (const SessionExpiredHandler& handler : rules->on_session_expired) {
    Guard("session expired", notice.name_space(), [&] { handler(session); });
  }
}

// ---- What the program keeps with a socket ----

void ServerLoop::NoteDataTouched(Socket& socket) {
  if (std::exchange(socket.session_->data_is_touched, true)) return;
  touched_.push_back(socket.self_);
  if (touched_.size() > 1) return;
  // By then the handler has returned.
  timers_.At(clock_.Steady(), [this] { KeepTouchedData(); });
}

void ServerLoop::KeepTouchedData() {
  for (const std::weak_ptr<Socket*>& self : std::exchange(touched_, {})) {
    const std::shared_ptr<Socket*> socket = self.lock();
    if (socket != nullptr) KeepData(**socket);
  }
}

void ServerLoop::KeepData(Socket& socket) {
  SocketSession& session = *socket.session_;
  if (!std::exchange(session.data_is_touched, false)) return;
  SocketWire& wire = socket.wire_;
  const SessionName* const name = sessions_->Find(wire);
  if (name == nullptr) return;
  std::string data = StoreValues({socket.data_});
  if (data == session.kept_data) return;
  if (data.size() > kSessionDataBytesMax) {
    // Better no session than one with what is no longer true.
    Log(absl::StrCat("a socket in ", socket.name_space().name(),
                     " cannot be recovered any more: its data takes ",
                     data.size(), " bytes, more than ", kSessionDataBytesMax));
    sessions_->Close(*name);
    sessions_->Remove(wire);
    return;
  }
  session.kept_data = data;
  sessions_->ChangeData(
      wire, std::move(data),
      [this, self = std::weak_ptr<Socket*>(socket.self_)](
          const absl::Status& status) {
        const std::shared_ptr<Socket*> socket = self.lock();
        if (socket == nullptr || !absl::IsUnavailable(status)) return;
        // Nobody knows what the broker has now, so it is said again.
        (*socket)->session_->kept_data.clear();
        timers_.At(clock_.Steady() + kSessionRetryTime, [this, self] {
          const std::shared_ptr<Socket*> socket = self.lock();
          if (socket != nullptr) NoteDataTouched(**socket);
        });
      });
}

// ---- What the program says to one socket ----

void ServerLoop::EmitByLog(Socket& socket, SocketSession::Emit emit) {
  SocketSession& session = *socket.session_;
  switch (session.direct) {
    case SocketSession::Direct::kIn:
      if (socket.is_accepted_) return SayByLog(socket, emit);
      break;
    case SocketSession::Direct::kPastTheLog:
      if (!emit.ack_id.has_value()) EndInNoString(&emit.packet.text);
      return socket.Send(MakeFrames(emit.packet));
    case SocketSession::Direct::kOut:
    case SocketSession::Direct::kJoining:
      break;
  }
  const size_t bytes = emit.packet.size_bytes() + kQueuedFrameOverheadBytes;
  if (session.waiting_bytes + bytes > kWaitingEmitBytesMax) {
    ++failed_emits_;
    last_failure_ = absl::ResourceExhaustedError(
        "too much waits to be said to a socket that has just come");
    if (emit.ack_id.has_value()) socket.TakeAck(*emit.ack_id, last_failure_);
    return;
  }
  session.waiting_bytes += bytes;
  session.waiting.push_back(std::move(emit));
  if (socket.is_accepted_) JoinDirectRoom(socket);
}

void ServerLoop::JoinDirectRoom(Socket& socket) {
  SocketSession& session = *socket.session_;
  if (session.direct == SocketSession::Direct::kIn) return SayWaiting(socket);
  if (session.direct != SocketSession::Direct::kOut) return;
  session.direct = SocketSession::Direct::kJoining;
  rooms_.JoinDirect(socket.wire_, session.direct_room,
                    [this, self = std::weak_ptr<Socket*>(socket.self_)](
                        const absl::StatusOr<Joined>& joined) {
                      const std::shared_ptr<Socket*> socket = self.lock();
                      if (socket == nullptr) return;
                      (*socket)->session_->direct =
                          joined.ok() ? SocketSession::Direct::kIn
                                      : SocketSession::Direct::kPastTheLog;
                      SayWaiting(**socket);
                    });
}

void ServerLoop::SayWaiting(Socket& socket) {
  SocketSession& session = *socket.session_;
  session.waiting_bytes = 0;
  for (SocketSession::Emit& emit : std::exchange(session.waiting, {})) {
    EmitByLog(socket, std::move(emit));
  }
  if (socket.leaves_with_close_.has_value()) PartWith(socket);
}

void ServerLoop::SayByLog(Socket& socket, const SocketSession::Emit& emit) {
  proto::Envelope envelope;
  envelope.add_rooms(socket.id());
  envelope.set_volatile_(emit.is_volatile);
  // To be handled here rather than by the layer of rooms: see AskClient().
  if (emit.ack_id.has_value()) envelope.mutable_request()->set_id(*emit.ack_id);
  uint32_t flags = proto::EVENT_FLAG_ADDRESSED;
  if (emit.is_volatile || emit.ack_id.has_value()) {
    flags |= proto::EVENT_FLAG_EPHEMERAL;
  }
  if (!emit.packet.attachments.empty()) {
    flags |= proto::EVENT_FLAG_HAS_ATTACHMENTS;
  }
  Say({.room = socket.session_->direct_room,
       .flags = flags,
       .id = "",
       .packet = AddressPacket(envelope, StorePacket(emit.packet))},
      [this, self = std::weak_ptr<Socket*>(socket.self_),
       ack_id = emit.ack_id](const absl::StatusOr<PublishAnswer>& answer) {
        if (answer.ok()) return;
        ++failed_emits_;
        last_failure_ = answer.status();
        const std::shared_ptr<Socket*> socket = self.lock();
        if (socket == nullptr || !ack_id.has_value()) return;
        (*socket)->TakeAck(*ack_id, answer.status());
      });
}

void ServerLoop::AskClient(const NodeEvent& event) {
  const absl::StatusOr<StoredPacket> packet =
      LoadPacket(event.packet, event.has_attachments);
  if (!packet.ok()) return;
  // Also if it is being sent its past: nobody would ask it again.
  for (SocketWire* const wire :
       rooms_.Select(event.room.name_space(), event.envelope)) {
    const auto socket = sockets_.find(wire);
    if (socket == sockets_.end() ||
        !socket->second->Owes(event.envelope.request().id())) {
      continue;
    }
    if (event.envelope.volatile_() &&
        wire->queued_bytes() > kVolatileQueueBytesMax) {
      continue;
    }
    socket->second->Send(FramesOf(packet->text, *packet));
  }
}

}  // namespace roomlog
