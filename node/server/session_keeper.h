// The sessions of one loop's sockets: what the broker is told of them.
#ifndef ROOMLOG_NODE_SERVER_SESSION_KEEPER_H_
#define ROOMLOG_NODE_SERVER_SESSION_KEEPER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/position.h"
#include "node/engineio/id_generator.h"
#include "node/link/backplane.h"
#include "node/rooms/room_layer.h"
#include "node/rooms/session_changes.h"
#include "node/server/timers.h"
#include "node/socketio/socket_wire.h"
#include "proto/sessions.pb.h"

namespace roomlog {

// By which its client asks for a session, and by which this loop has it: an
// operation with an older claim than the last is refused.
struct SessionName {
  std::string name_space;
  std::string private_id;  // 20 characters; whoever knows it may have it.
  uint64_t claim = 0;

  friend bool operator==(const SessionName&, const SessionName&) = default;
};

// Says what becomes of sessions, by numbered publishes (proto/sessions.proto),
// and hears what the broker tells of them. Between Add() and Remove() a
// socket's session is this loop's. Pure; one thread.
class SessionKeeper final : public SessionChanges {
 public:
  struct Opened {
    SessionName name;
    Position position;
  };
  struct Restored {
    SessionName name;
    proto::SessionRecord record;
    Position position;  // Of the operation that restored it.
  };
  // What a client is opened a session for,
  struct Opening {
    std::string name_space;
    std::string socket_id;
    std::string user;  // Empty: nobody knows.
    // It is what the program says: nobody asks for it when he comes back.
    bool user_unproven = false;
    std::vector<std::string> rooms;
    std::string data;
  };
  // and what one that comes back asks for.
  struct Asked {
    std::string name_space;
    std::string private_id;
    std::string user;
    std::string offset;  // What it says it has, as sent; empty: nothing.
    bool is_breakable = false;
  };
  using OpenDone = absl::AnyInvocable<void(absl::StatusOr<Opened>) &&>;
  using RestoreDone = absl::AnyInvocable<void(absl::StatusOr<Restored>) &&>;

  // What the broker told. None of them is called from within a call to this.
  struct Listener {
    // The socket's session is no longer here: another connection has it, or it
    // is over.
    std::function<void(SocketWire& socket)> on_fenced;
    // A session that this loop had last is over.
    std::function<void(const proto::SessionNotice& notice)> on_expired;
    std::function<void(absl::string_view line)> log;
  };

  // Borrows all but `listener`. `loop_id` and `loop_index` are the loop's.
  SessionKeeper(RoomLayer& rooms, Timers& timers, const Clock& clock,
                absl::string_view loop_id, size_t loop_index,
                absl::Duration window, Listener listener);

  // To be called about once a second.
  void OnTick();

  // Opens a session for a client that has come: in its rooms from there on.
  // Answered once, within kSessionOpenTime: DEADLINE_EXCEEDED after that, and
  // the session is closed again should it have been opened all the same.
  // Otherwise as Backplane::Publish() has it; RESOURCE_EXHAUSTED also if the
  // broker keeps too many.
  void Open(Opening opened, OpenDone done);

  // Asks for a session: kRestoresAtOnce at a time, the others in turn. Answered
  // once; DEADLINE_EXCEEDED if the broker did not within kSessionRestoreTime,
  // and the session is closed should it come all the same. NOT_FOUND: there is
  // none, or no more, or it is another user's.
  void Restore(const Asked& asked, RestoreDone done);

  // From here on `socket` has the session. No other socket may.
  void Add(SocketWire& socket, SessionName name);
  // It no longer has. Nothing is told the broker.
  void Remove(const SocketWire& socket);
  // The socket's session; null if it has none.
  const SessionName* Find(const SocketWire& socket) const;
  // The socket that has the session of this private id; null if none here has.
  SocketWire* FindSocket(absl::string_view name_space,
                         absl::string_view private_id) const;

  // SessionChanges:
  void Change(SocketWire& socket, std::vector<SessionRoomJoin> joins,
              std::vector<std::string> leaves, Done done) override;
  // The same for what the program keeps with it.
  void ChangeData(SocketWire& socket, std::string data, Done done);

  // The client is lost, and may come back; or it may not. Both are said until
  // the broker has heard it.
  enum class Resent { kSome, kNothing, kAnsweredAtOnce };
  // `resent`: what it was sent again when it came back last: see DetachSession.
  void Detach(const SessionName& name, Resent resent) {
    Say({name, /*is_close=*/false, resent});
  }
  void Close(const SessionName& name) { Say({name, /*is_close=*/true}); }

  // Detaches and closes that the broker has not heard yet.
  size_t unheard() const { return unheard_; }
  // Calls `done`, now or later, once there are none, or the time is over.
  void WhenHeard(absl::Duration at_most, std::function<void()> done);

 private:
  struct Restoring;
  struct Ending {
    SessionName name;
    bool is_close = false;
    Resent resent = Resent::kSome;
  };

  proto::SessionOperation OperationOn(const SessionName& name) const;
  void Publish(const proto::SessionOperation& operation,
               Backplane::PublishDone done);
  void PublishChange(SocketWire& socket,
                     const proto::SessionOperation& operation, Done done);
  void BeginRestores();
  void TryRestore(const std::shared_ptr<Restoring>& restoring);
  void AwaitRestored(const std::shared_ptr<Restoring>& restoring,
                     absl::Duration deadline);
  void EndRestore(Restoring& restoring, absl::StatusOr<Restored> restored);
  void Say(Ending ending);
  void Publish(Ending ending);
  void Heard();
  void OnNotice(const proto::SessionNotice& notice);
  // Calls back, but not from within.
  void Later(Timers::Task task);

  RoomLayer& rooms_;
  Timers& timers_;
  const Clock& clock_;
  const std::string notice_room_;
  const absl::Duration window_;
  const Listener listener_;
  IdGenerator ids_;
  absl::flat_hash_map<const SocketWire*, SessionName> sessions_;
  // By namespace, NUL and private id.
  absl::flat_hash_map<std::string, SocketWire*> sockets_;
  // What could not be said, to be said at the next tick.
  std::deque<Ending> to_say_again_;
  std::vector<std::shared_ptr<Restoring>> to_restore_again_;
  std::deque<std::shared_ptr<Restoring>> restores_waiting_;
  size_t restores_under_way_ = 0;
  bool is_beginning_restores_ = false;
  absl::Duration restore_answered_at_ = -absl::InfiniteDuration();
  size_t unheard_ = 0;
  std::vector<std::function<void()>> when_heard_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_SESSION_KEEPER_H_
