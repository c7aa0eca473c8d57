#include "node/server/socket.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/presence_room.h"
#include "base/user_room.h"
#include "base/utf8.h"
#include "node/rooms/direct_room.h"
#include "node/server/server_loop.h"
#include "node/server/socket_session.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {

Socket::Socket(ServerLoop& loop, SocketWire& wire, Namespace name_space)
    : loop_(loop),
      wire_(wire),
      name_space_(std::move(name_space)),
      self_(std::make_shared<Socket*>(this)) {}

Socket::~Socket() = default;

Value& Socket::Data() {
  if (session_ != nullptr) loop_.NoteDataTouched(*this);
  return data_;
}

SocketHandshake Socket::Handshake() const {
  // Not kept: as values it takes many times the memory of its text.
  return {wire_.handshake(), ParseJson(wire_.auth()).value_or(Value())};
}

// ---- What it says ----

void Socket::AddHandler(absl::string_view event, EventHandler handler) {
  handlers_[std::string(event)].push_back(
      std::make_shared<EventHandler>(std::move(handler)));
}

void Socket::Off(absl::string_view event) {
  handlers_.erase(std::string(event));
}

void Socket::OnDisconnecting(DisconnectHandler handler) {
  on_disconnecting_.push_back(std::move(handler));
}

void Socket::OnDisconnect(DisconnectHandler handler) {
  on_disconnect_.push_back(std::move(handler));
}

void Socket::Dispatch(const IncomingEvent& event) {
  const Args args(event.arguments, event.attachments, /*skip=*/1);
  Ack ack;
  if (event.ack_id.has_value()) {
    ack = Ack([port = loop_.port(), self = std::weak_ptr<Socket*>(self_),
               id = *event.ack_id](std::variant<Values, Ack::Json> answer) {
      port->Run([self, id, answer = std::move(answer)]() mutable {
        const std::shared_ptr<Socket*> socket = self.lock();
        if (socket != nullptr) (*socket)->Acknowledge(id, std::move(answer));
      });
    });
  }
  // Copies, as a handler may add handlers, or take them away.
  const auto any_handlers = any_handlers_;
  for (const auto& handler : any_handlers) {
    loop_.Guard(event.name, name_space_.name(),
                [&] { (*handler)(event.name, args, ack); });
  }
  const auto found = handlers_.find(std::string(event.name));
  if (found == handlers_.end()) return;
  const auto handlers = found->second;
  for (const auto& handler : handlers) {
    loop_.Guard(event.name, name_space_.name(), [&] { (*handler)(args, ack); });
  }
}

void Socket::CallDisconnect(const std::vector<DisconnectHandler>& handlers,
                            absl::string_view what, absl::string_view reason) {
  const auto copies = handlers;
  for (const DisconnectHandler& handler : copies) {
    loop_.Guard(what, name_space_.name(), [&] { handler(reason); });
  }
}

// ---- What it is told ----

void Socket::Send(const FrameList& frames) {
  for (const SharedFramePtr& frame : frames) wire_.Send(frame);
}

void Socket::EmitValues(absl::string_view event, const Values& values,
                        AckDone done, const EmitOptions& options) {
  if (leaves_with_close_.has_value()) {
    if (done) done(absl::UnavailableError("socket has been disconnected"));
    return;
  }
  const bool is_skipped =
      options.is_volatile && wire_.queued_bytes() > kVolatileQueueBytesMax;
  if (is_skipped && !done) return;
  std::optional<uint64_t> ack_id;
  if (done) ack_id = loop_.NextAckId();
  absl::StatusOr<EncodedPacket> packet =
      EncodeEvent(name_space_.name(), event, values, ack_id);
  if (packet.ok() && session_ != nullptr &&
      packet->size_bytes() > kPacketBytesMax) {
    packet = absl::InvalidArgumentError(
        absl::StrCat("an event of ", packet->size_bytes(),
                     " bytes is larger than ", kPacketBytesMax));
  }
  if (!packet.ok()) {
    loop_.Log(absl::StrCat("\"", event, "\" cannot be emitted in ",
                           name_space_.name(), ": ",
                           packet.status().message()));
    if (done) done(packet.status());
    return;
  }
  if (done && !ExpectAck(*ack_id, options.timeout, std::move(done))) return;
  // Like a question that gets lost on its way: it times out.
  if (is_skipped) return;
  if (session_ != nullptr) {
    loop_.EmitByLog(*this, {*std::move(packet), ack_id, options.is_volatile});
    return;
  }
  if (loop_.recovers() && !ack_id.has_value()) EndInNoString(&packet->text);
  Send(MakeFrames(*packet));
}

void Socket::EmitAtOnce(absl::string_view event, const Values& values) {
  absl::StatusOr<EncodedPacket> packet =
      EncodeEvent(name_space_.name(), event, values, std::nullopt);
  if (!packet.ok()) {
    loop_.Log(absl::StrCat("\"", event, "\" cannot be emitted in ",
                           name_space_.name(), ": ",
                           packet.status().message()));
    return;
  }
  if (loop_.recovers()) EndInNoString(&packet->text);
  Send(MakeFrames(*packet));
}

void Socket::Acknowledge(uint64_t ack_id,
                         std::variant<Values, Ack::Json> answer) {
  if (const auto* json = std::get_if<Ack::Json>(&answer)) {
    wire_.Acknowledge(ack_id, json->array);
    return;
  }
  const absl::StatusOr<EncodedPacket> packet =
      EncodeAck(name_space_.name(), ack_id, std::get<Values>(answer));
  if (!packet.ok()) {
    loop_.Log(absl::StrCat("an acknowledgement cannot be sent in ",
                           name_space_.name(), ": ",
                           packet.status().message()));
    return;
  }
  Send(MakeFrames(*packet));
}

bool Socket::ExpectAck(uint64_t ack_id, absl::Duration timeout, AckDone done) {
  // Whoever asks again because the socket is gone would do so for ever.
  if (self_ == nullptr) return false;
  if (pending_acks_.size() >= kPendingAcksPerSocketMax) {
    done(absl::ResourceExhaustedError(
        "the client owes too many acknowledgements"));
    return false;
  }
  PendingAck& pending = pending_acks_[ack_id];
  pending.done = std::move(done);
  if (timeout < absl::InfiniteDuration()) {
    pending.timer = loop_.timers().At(
        loop_.clock().Steady() + timeout,
        [this, ack_id, self = std::weak_ptr<Socket*>(self_)] {
          if (self.expired()) return;
          // Socket.IO's own words.
          TakeAck(ack_id,
                  absl::DeadlineExceededError("operation has timed out"));
        });
  }
  return true;
}

void Socket::TakeAck(uint64_t ack_id, const absl::StatusOr<Values>& answer) {
  auto pending = pending_acks_.extract(ack_id);
  if (pending.empty()) return;  // Nobody asked, or it came too late.
  loop_.timers().Cancel(pending.mapped().timer);
  loop_.Guard("acknowledgement", name_space_.name(),
              [&] { pending.mapped().done(answer); });
}

void Socket::FailAcks(const absl::Status& why) {
  for (auto& [ack_id, pending] : std::exchange(pending_acks_, {})) {
    loop_.timers().Cancel(pending.timer);
    loop_.Guard("acknowledgement", name_space_.name(),
                [&] { pending.done(why); });
  }
}

// ---- Everybody but this socket ----

BroadcastOperator Socket::Broadcast() const { return name_space_.Except(id()); }

BroadcastOperator Socket::To(absl::string_view room) const {
  return Broadcast().To(room);
}

BroadcastOperator Socket::To(const std::vector<std::string>& rooms) const {
  return Broadcast().To(rooms);
}

BroadcastOperator Socket::Except(absl::string_view room) const {
  return Broadcast().Except(room);
}

// ---- Whose it is ----

void Socket::SetUser(absl::string_view user) {
  if (user == user_) return;
  if (is_accepted_ || is_user_settled_ || user.size() > kUserNameBytesMax ||
      !IsUtf8(user)) {
    loop_.Log(absl::StrCat(
        "the user of a socket in ", name_space_.name(), " cannot be set: ",
        is_accepted_       ? "it was let in already"
        : recovered_       ? "it came back as another's"
        : is_user_settled_ ? "its gatekeeper has said whose it is"
                           : "the name is too long, or no UTF-8"));
    return;
  }
  user_ = std::string(user);
}

std::optional<absl::Time> Socket::RevokedAt(absl::string_view user) const {
  return loop_.RevokedAt(user);
}

// ---- Rooms ----

void Socket::Join(absl::string_view room, JoinDone done) {
  Join(room, FromNow{}, std::move(done));
}

void Socket::Join(const std::vector<std::string>& rooms) {
  for (const std::string& room : rooms) Join(room);
}

void Socket::Join(absl::string_view room, const ReplayStart& start,
                  JoinDone done) {
  done = loop_.Guarded("join", name_space_.name(), std::move(done));
  const absl::StatusOr<RoomKey> key = RoomKey::Make(name_space_.name(), room);
  absl::Status status = key.status();
  if (room.empty()) status = absl::InvalidArgumentError("a room needs a name");
  if (IsReservedRoom(room)) {
    status = absl::InvalidArgumentError(
        absl::StrCat("\"", room, "\" is a reserved name"));
  }
  if (!status.ok()) {
    if (done != nullptr) std::move(done)(status);
    return;
  }
  if (room == id()) {
    if (done != nullptr) std::move(done)(Joined());
    return;
  }
  loop_.rooms().Join(wire_, *key, start, std::move(done));
}

void Socket::Leave(absl::string_view room, JoinDone done) {
  done = loop_.Guarded("leave", name_space_.name(), std::move(done));
  const absl::StatusOr<RoomKey> key = RoomKey::Make(name_space_.name(), room);
  if (!key.ok() || room.empty() || IsReservedRoom(room)) {
    if (done != nullptr) std::move(done)(Joined());
    return;
  }
  loop_.rooms().Leave(wire_, *key, std::move(done));
}

void Socket::WatchPresence(absl::string_view room, JoinDone done) {
  JoinReserved(PresenceRoomOf(room), std::move(done));
}

void Socket::UnwatchPresence(absl::string_view room, JoinDone done) {
  LeaveReserved(PresenceRoomOf(room), std::move(done));
}

std::vector<std::string> Socket::WatchedRooms() const {
  return loop_.rooms().ReservedRoomsOf(wire_, kPresenceRoomPrefix);
}

void Socket::WatchUser(absl::string_view user, JoinDone done) {
  JoinReserved(UserRoomOf(user), std::move(done));
}

void Socket::UnwatchUser(absl::string_view user, JoinDone done) {
  LeaveReserved(UserRoomOf(user), std::move(done));
}

std::vector<std::string> Socket::WatchedUsers() const {
  return loop_.rooms().ReservedRoomsOf(wire_, kUserRoomPrefix);
}

void Socket::JoinReserved(absl::string_view room, JoinDone done) {
  done = loop_.Guarded("join", name_space_.name(), std::move(done));
  const absl::StatusOr<RoomKey> key = RoomKey::Make(name_space_.name(), room);
  if (!key.ok()) {
    if (done != nullptr) std::move(done)(key.status());
    return;
  }
  loop_.rooms().Join(wire_, *key, FromNow{}, std::move(done));
}

void Socket::LeaveReserved(absl::string_view room, JoinDone done) {
  done = loop_.Guarded("leave", name_space_.name(), std::move(done));
  const absl::StatusOr<RoomKey> key = RoomKey::Make(name_space_.name(), room);
  if (!key.ok()) {
    if (done != nullptr) std::move(done)(Joined());
    return;
  }
  loop_.rooms().Leave(wire_, *key, std::move(done));
}

std::vector<std::string> Socket::Rooms() const {
  std::vector<std::string> rooms = loop_.rooms().RoomsOf(wire_);
  rooms.insert(rooms.begin(), id());
  return rooms;
}

void Socket::History(HistoryQuery query, HistoryDone done) {
  done = loop_.Guarded("history", name_space_.name(), std::move(done));
  loop_.rooms().ReadHistory(wire_, std::move(query), std::move(done));
}

std::vector<RestoredRoom> Socket::RestoredRooms() const {
  std::vector<RestoredRoom> rooms;
  if (session_ == nullptr || session_->restored == nullptr) return rooms;
  for (const proto::SessionRoom& room : session_->restored->record.rooms()) {
    if (room.name().empty() || IsReservedRoom(room.name())) continue;
    rooms.push_back({room.name(), !room.start().empty()});
  }
  return rooms;
}

std::vector<std::string> Socket::RestoredWatches() const {
  return RestoredReserved(kPresenceRoomPrefix);
}

std::vector<std::string> Socket::RestoredUserWatches() const {
  return RestoredReserved(kUserRoomPrefix);
}

std::vector<std::string> Socket::RestoredReserved(
    absl::string_view prefix) const {
  std::vector<std::string> rooms;
  if (session_ == nullptr || session_->restored == nullptr) return rooms;
  for (const proto::SessionRoom& room : session_->restored->record.rooms()) {
    if (absl::StartsWith(room.name(), prefix)) {
      rooms.push_back(room.name().substr(prefix.size()));
    }
  }
  return rooms;
}

void Socket::GiveUpRestoredRoom(absl::string_view room) {
  if (!room.empty() && !IsReservedRoom(room)) GiveUpRestored(room);
}

void Socket::GiveUpRestoredWatch(absl::string_view room) {
  GiveUpRestored(PresenceRoomOf(room));
}

void Socket::GiveUpRestoredUserWatch(absl::string_view user) {
  GiveUpRestored(UserRoomOf(user));
}

void Socket::GiveUpRestored(absl::string_view room) {
  if (session_ == nullptr || session_->restored == nullptr) return;
  auto& rooms = *session_->restored->record.mutable_rooms();
  const auto kept = std::remove_if(
      rooms.begin(), rooms.end(),
      [&](const proto::SessionRoom& each) { return each.name() == room; });
  if (kept == rooms.end()) return;
  rooms.erase(kept, rooms.end());
  session_->given_up.emplace_back(room);
}

void Socket::After(absl::Duration delay, absl::AnyInvocable<void() &&> task) {
  loop_.timers().At(loop_.clock().Steady() + delay,
                    [this, task = std::move(task),
                     self = std::weak_ptr<Socket*>(self_)]() mutable {
                      if (self.expired()) return;
                      loop_.Guard("timer", name_space_.name(),
                                  [&] { std::move(task)(); });
                    });
}

void Socket::Disconnect(bool close) {
  if (!is_connected_) return;
  is_connected_ = false;
  leaves_with_close_ = close;
  loop_.PartWith(*this);
}

}  // namespace roomlog
