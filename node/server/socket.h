// One client in one namespace, as a program sees it.
#ifndef ROOMLOG_NODE_SERVER_SOCKET_H_
#define ROOMLOG_NODE_SERVER_SOCKET_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "node/engineio/handshake_info.h"
#include "node/rooms/history_page.h"
#include "node/rooms/room.h"
#include "node/server/emit_arguments.h"
#include "node/server/handlers.h"
#include "node/server/namespace.h"
#include "node/server/session_gap.h"
#include "node/server/socket_session.h"
#include "node/server/timers.h"
#include "node/socketio/encoded_packet.h"
#include "node/socketio/socket_wire.h"

namespace roomlog {

class AuthSession;
class ServerLoop;

// What the client said when it connected. `request` lasts as long as the
// socket.
struct SocketHandshake {
  const HandshakeInfo& request;  // Headers, URL, address, time.
  Value auth;                    // `{}` if it gave none.
};

// A room of a client that comes back.
struct RestoredRoom {
  std::string name;
  // It was joined with history, some of which may still be owed.
  bool with_history = false;
};

// Belongs to the loop of its connection: everything here is called on that
// thread, which is the one that calls the socket's handlers. A handler may call
// anything, on its own socket and on others of its loop. A reference is good
// until the handlers of OnDisconnect() have run; who keeps something longer
// keeps the id, and uses io.To(id).
//
// A handler that throws is logged; no other socket notices. One that takes long
// holds up its loop, and is logged too.
class Socket {
 public:
  // Made by ServerLoop.
  Socket(ServerLoop& loop, SocketWire& wire, Namespace name_space);
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  // 20 characters, unique in the cluster, known to others.
  const std::string& id() const { return wire_.id(); }
  const Namespace& name_space() const { return name_space_; }
  // Reads `auth` anew each time.
  SocketHandshake Handshake() const;
  // Whatever the program keeps with it; FetchSockets() shows it to all nodes.
  // With recovery, what is changed before the handler returns is kept for when
  // the client comes back; call this for each change. More than
  // kSessionDataBytesMax cannot be kept: the client can then not recover.
  Value& Data();
  const Value& Data() const { return data_; }
  // Whose socket it is: one user may have many. Empty: nobody in particular.
  // Who comes back to it is the same user.
  const std::string& User() const { return user_; }
  // To be said by the gatekeeper or, where there is none, by a middleware.
  // After the gatekeeper or once the client is let in, for a name longer than
  // kUserNameBytesMax or not in UTF-8, and for another user than that of a
  // client that is back, it is logged and nothing changes.
  void SetUser(absl::string_view user);
  // To be said by the gatekeeper: since when what proves who it is was good.
  // When the user's tokens are revoked (User::Revoke()) those that came with
  // newer ones stay; without this none does.
  void SetProvenAt(absl::Time time) { proven_at_ = time; }
  // For gatekeepers: until when the tokens of a user were revoked.
  std::optional<absl::Time> RevokedAt(absl::string_view user) const;
  // The client was cut off and is back: id, rooms and data are what they were,
  // and it was sent all that it missed. For middlewares: it may still turn out
  // that something is missing, and then they are run again for another socket.
  bool recovered() const { return recovered_; }
  // For middlewares, while it is recovered(): the rooms that it is to be in
  // again. Empty once it is.
  std::vector<RestoredRoom> RestoredRooms() const;
  // Likewise those that it is to watch again.
  std::vector<std::string> RestoredWatches() const;
  std::vector<std::string> RestoredUserWatches() const;
  // For middlewares: it is not to be in that room again, nor to be sent what
  // was said there.
  void GiveUpRestoredRoom(absl::string_view room);
  void GiveUpRestoredWatch(absl::string_view room);
  void GiveUpRestoredUserWatch(absl::string_view user);
  // Why the client, which asked for its session, could not have it; null if it
  // could, or did not ask.
  const SessionGap* recovery_gap() const {
    return recovery_gap_.has_value() ? &*recovery_gap_ : nullptr;
  }
  // Who it is, as node/auth has found out; null without authentication.
  const std::shared_ptr<AuthSession>& auth_session() const {
    return auth_session_;
  }
  void set_auth_session(std::shared_ptr<AuthSession> session) {
    auth_session_ = std::move(session);
  }
  // In the namespace: no longer from within a middleware, not yet after
  // Disconnect().
  bool is_connected() const { return is_connected_; }

  // ---- What it says ----

  // Handlers of (args, ack), of (args), or of nothing. Several may be given for
  // one event; they are called in order.
  template <typename F>
  void On(absl::string_view event, F handler) {
    AddHandler(event, MakeEventHandler(std::move(handler)));
  }
  // Handlers of (event, args, ack) or (event, args), for every event, called
  // before those of On().
  template <typename F>
  void OnAny(F handler) {
    any_handlers_.push_back(
        std::make_shared<AnyHandler>(MakeAnyHandler(std::move(handler))));
  }
  // Takes all handlers of an event away.
  void Off(absl::string_view event);
  // `reason` is one of Socket.IO's, such as "transport close". The first is
  // called while it is still in its rooms, the second when all is over.
  void OnDisconnecting(DisconnectHandler handler);
  void OnDisconnect(DisconnectHandler handler);

  // ---- What it is told ----

  // One socket. Without recovery at once, past the log. With ServerOptions::
  // recovery by the log, so that it is not lost with the connection: in one
  // order with all else that the socket is told, and after what was emitted to
  // it before; but what asks for an acknowledgement is not sent again.
  // Arguments are anything that a Value can be made of. If the last is a
  // function (see AckDone), the client is asked to acknowledge, and it is
  // called when that has come; without Timeout() it may take until the client
  // is gone. Who asks after that hears nothing. What cannot be said (a reserved
  // event name, more than 10 attachments, text that is not UTF-8) is logged.
  template <typename... Arguments>
  void Emit(absl::string_view event, Arguments&&... arguments) {
    EmitArguments<AckDone> taken =
        TakeEmitArguments<AckDone>(std::forward<Arguments>(arguments)...);
    EmitValues(event, taken.values, std::move(taken.done), EmitOptions());
  }

  struct EmitOptions {
    bool is_volatile = false;
    absl::Duration timeout = absl::InfiniteDuration();
  };
  void EmitValues(absl::string_view event, const Values& values, AckDone done,
                  const EmitOptions& options);

  // Past the log, also with recovery, and before what is on its way there: the
  // last words to a socket that is about to be disconnected.
  void EmitAtOnce(absl::string_view event, const Values& values);

  // socket.Timeout(absl::Seconds(5)).Emit("question", [](auto& answer) {...});
  class Emitter {
   public:
    Emitter(Socket& socket, EmitOptions options)
        : socket_(socket), options_(options) {}
    Emitter Volatile() const { return {socket_, {true, options_.timeout}}; }
    Emitter Timeout(absl::Duration timeout) const {
      return {socket_, {options_.is_volatile, timeout}};
    }
    template <typename... Arguments>
    void Emit(absl::string_view event, Arguments&&... arguments) const {
      EmitArguments<AckDone> taken =
          TakeEmitArguments<AckDone>(std::forward<Arguments>(arguments)...);
      socket_.EmitValues(event, taken.values, std::move(taken.done), options_);
    }

   private:
    Socket& socket_;
    EmitOptions options_;
  };
  // Not queued if the client does not keep up.
  Emitter Volatile() { return Emitter(*this, {.is_volatile = true}); }
  Emitter Timeout(absl::Duration timeout) {
    return Emitter(*this, {.timeout = timeout});
  }

  // ---- Everybody but this socket ----

  BroadcastOperator Broadcast() const;
  BroadcastOperator To(absl::string_view room) const;
  BroadcastOperator To(const std::vector<std::string>& rooms) const;
  BroadcastOperator In(absl::string_view room) const { return To(room); }
  BroadcastOperator Except(absl::string_view room) const;
  BroadcastOperator Local() const { return Broadcast().Local(); }

  // ---- Rooms ----

  // What is said in the room after this call reaches the socket. `done` (null:
  // none) is not called if the socket is gone by then. Errors as of
  // RoomLayer::Join(), and INVALID_ARGUMENT for a name that is none: empty,
  // longer than kRoomNameBytesMax, not UTF-8.
  void Join(absl::string_view room, JoinDone done = nullptr);
  void Join(const std::vector<std::string>& rooms);
  // With history: `start` is FromNow, LastEvents, AfterPosition, SinceTime or
  // FromStart. First it comes, then `done` is called, then what is said live.
  // Joining again while in the room sends it again.
  void Join(absl::string_view room, const ReplayStart& start, JoinDone done);
  void Leave(absl::string_view room, JoinDone done = nullptr);
  // From then on the client hears who joins and leaves a room, that of the
  // namespace with the empty name included, as docs/client-api.md has it; if
  // the broker keeps a feed of it (MembersPage::has_feed). Ask who is there
  // once `done` was called: so nothing is missed in between. Counts as a room.
  void WatchPresence(absl::string_view room, JoinDone done = nullptr);
  void UnwatchPresence(absl::string_view room, JoinDone done = nullptr);
  std::vector<std::string> WatchedRooms() const;
  // From then on the client hears of each change of what is kept of a user
  // (User::SetState), as docs/client-api.md has it. Ask for the state once
  // `done` was called: so nothing is missed in between. Counts as a room.
  void WatchUser(absl::string_view user, JoinDone done = nullptr);
  void UnwatchUser(absl::string_view user, JoinDone done = nullptr);
  std::vector<std::string> WatchedUsers() const;
  // Its id first.
  std::vector<std::string> Rooms() const;
  // Reads a page of a room's history, once the client's queue has room for it.
  void History(HistoryQuery query, HistoryDone done);

  // Calls `task` after `delay`, on the loop, unless the socket is gone by then.
  void After(absl::Duration delay, absl::AnyInvocable<void() &&> task);

  // Ends its part in the namespace; with `close` the whole connection. What was
  // emitted before, to the socket or to its rooms, still reaches it, unless the
  // cluster takes longer than kLastWordsTime or the server does not follow
  // namespaces; what the client says is not heard any more. OnDisconnect()
  // comes later, not from within.
  void Disconnect(bool close = false);

 private:
  friend class ServerLoop;

  struct PendingAck {
    AckDone done;
    Timers::Id timer = 0;
  };

  // Rooms that only the library names.
  void JoinReserved(absl::string_view room, JoinDone done);
  void LeaveReserved(absl::string_view room, JoinDone done);
  // Those with the prefix, without it.
  std::vector<std::string> RestoredReserved(absl::string_view prefix) const;
  // By the name that the session knows.
  void GiveUpRestored(absl::string_view name);
  void AddHandler(absl::string_view event, EventHandler handler);
  void Dispatch(const IncomingEvent& event);
  void Send(const FrameList& frames);
  void Acknowledge(uint64_t ack_id, std::variant<Values, Ack::Json> answer);
  // False if too many are owed already, and `done` was told; or if the socket
  // is gone, and nobody is told any more.
  bool ExpectAck(uint64_t ack_id, absl::Duration timeout, AckDone done);
  bool Owes(uint64_t ack_id) const { return pending_acks_.contains(ack_id); }
  void TakeAck(uint64_t ack_id, const absl::StatusOr<Values>& answer);
  void FailAcks(const absl::Status& why);
  void CallDisconnect(const std::vector<DisconnectHandler>& handlers,
                      absl::string_view what, absl::string_view reason);

  ServerLoop& loop_;
  SocketWire& wire_;
  const Namespace name_space_;
  Value data_;
  std::string user_;
  std::optional<absl::Time> proven_at_;
  absl::string_view dismissed_as_;  // A constant; empty: it is not.
  bool is_user_settled_ = false;    // By the gatekeeper, or by coming back.
  std::shared_ptr<AuthSession> auth_session_;
  bool is_accepted_ = false;
  bool is_connected_ = false;
  // Disconnect() was called, and with what.
  std::optional<bool> leaves_with_close_;
  bool is_parted_with_ = false;  // The client was told.
  bool recovered_ = false;
  std::optional<SessionGap> recovery_gap_;
  std::unique_ptr<SocketSession> session_;  // Null: it cannot come back.
  // Who finds it empty finds no socket.
  std::shared_ptr<Socket*> self_;
  absl::flat_hash_map<std::string, std::vector<std::shared_ptr<EventHandler>>>
      handlers_;
  std::vector<std::shared_ptr<AnyHandler>> any_handlers_;
  std::vector<DisconnectHandler> on_disconnecting_;
  std::vector<DisconnectHandler> on_disconnect_;
  absl::flat_hash_map<uint64_t, PendingAck> pending_acks_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_SOCKET_H_
