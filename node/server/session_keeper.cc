#include "node/server/session_keeper.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/room_key.h"
#include "node/server/server_core.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {
namespace {

// Every session is claimed by a number that nobody else draws.
uint64_t DrawClaim() {
  uint64_t claim = 0;
  while (claim == 0) {
    // Neither waits nor fails for so few bytes once the system has started.
    if (getentropy(&claim, sizeof(claim)) != 0) {
      std::perror("getentropy");
      std::abort();
    }
  }
  return claim;
}

std::string KeyOf(absl::string_view name_space, absl::string_view private_id) {
  return absl::StrCat(name_space, absl::string_view("\0", 1), private_id);
}

// To the broker "nothing" is a place like another: a client may be sent again
// what came before its first offset, too.
std::string PlaceOf(absl::string_view offset) {
  // No offset is as long as that.
  constexpr size_t kBytesMax = 128;
  return offset.empty() ? "-" : std::string(offset.substr(0, kBytesMax));
}

// Worth another try.
bool Passes(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

}  // namespace

struct SessionKeeper::Restoring {
  proto::SessionOperation operation;
  RestoreDone done;  // Null once it was answered.
  Timers::Id timer = 0;
  std::optional<absl::Duration> began_at;  // Its turn.
};

SessionKeeper::SessionKeeper(RoomLayer& rooms, Timers& timers,
                             const Clock& clock, absl::string_view loop_id,
                             size_t loop_index, absl::Duration window,
                             Listener listener)
    : rooms_(rooms),
      timers_(timers),
      clock_(clock),
      notice_room_(absl::StrCat(loop_id, "/sessions")),
      window_(window),
      listener_(std::move(listener)),
      ids_(static_cast<uint8_t>(loop_index)) {
  rooms_.FollowRaw(
      *RoomKey::Make(kNodeNamespace, notice_room_),
      {.on_event =
           [this](const EventView& event) {
             proto::SessionNotice notice;
             if (notice.ParseFromArray(event.packet.data(),
                                       static_cast<int>(event.packet.size()))) {
               OnNotice(notice);
             }
           },
       .on_following = nullptr});
}

void SessionKeeper::OnTick() {
  for (Ending& ending : std::exchange(to_say_again_, {})) {
    Publish(std::move(ending));
  }
  for (const auto& restoring : std::exchange(to_restore_again_, {})) {
    TryRestore(restoring);
  }
}

void SessionKeeper::Later(Timers::Task task) {
  timers_.At(clock_.Steady(), std::move(task));
}

proto::SessionOperation SessionKeeper::OperationOn(
    const SessionName& name) const {
  proto::SessionOperation operation;
  operation.set_name_space(name.name_space);
  operation.set_private_id(name.private_id);
  operation.set_claim(name.claim);
  return operation;
}

void SessionKeeper::Publish(const proto::SessionOperation& operation,
                            Backplane::PublishDone done) {
  // The room names the session's namespace only: what is said is in no log.
  absl::StatusOr<RoomKey> room = RoomKey::Make(operation.name_space(), "");
  if (!room.ok()) {
    Later([done = std::move(done), status = room.status()]() mutable {
      std::move(done)(status);
    });
    return;
  }
  rooms_.Publish({.room = *std::move(room),
                  .flags = proto::EVENT_FLAG_SESSION,
                  .id = "",
                  .packet = operation.SerializeAsString()},
                 std::move(done));
}

// ---- Opening ----

void SessionKeeper::Open(Opening opened, OpenDone done) {
  const SessionName name{opened.name_space, ids_.Next(), DrawClaim()};
  proto::SessionOperation operation = OperationOn(name);
  proto::OpenSession* const open = operation.mutable_open();
  open->set_socket_id(opened.socket_id);
  open->set_user(opened.user);
  open->mutable_rooms()->Assign(opened.rooms.begin(), opened.rooms.end());
  open->set_data(std::move(opened.data));
  open->set_window_ms(absl::ToInt64Milliseconds(window_));
  open->set_notice_room(notice_room_);
  open->set_user_unproven(opened.user_unproven);

  struct Waiting {
    OpenDone done;  // Null once it was answered.
    Timers::Id timer = 0;
  };
  const auto opening = std::make_shared<Waiting>();
  opening->done = std::move(done);
  opening->timer = timers_.At(clock_.Steady() + kSessionOpenTime, [opening] {
    std::exchange(opening->done, nullptr)(
        absl::DeadlineExceededError("the broker did not open the session"));
  });
  Publish(operation,
          [this, opening, name](absl::StatusOr<PublishAnswer> answer) {
            if (opening->done == nullptr) {
              if (answer.ok()) Close(name);
              return;
            }
            timers_.Cancel(opening->timer);
            OpenDone done = std::exchange(opening->done, nullptr);
            if (answer.ok()) {
              std::move(done)(Opened{name, answer->position});
            } else {
              std::move(done)(answer.status());
            }
          });
}

// ---- Restoring ----

void SessionKeeper::Restore(const Asked& asked, RestoreDone done) {
  const auto restoring = std::make_shared<Restoring>();
  restoring->operation = OperationOn({asked.name_space, asked.private_id, 0});
  proto::RestoreSession* const restore = restoring->operation.mutable_restore();
  restore->set_notice_room(notice_room_);
  restore->set_user(asked.user);
  restore->set_offset(PlaceOf(asked.offset));
  restore->set_breakable(asked.is_breakable);
  restoring->done = std::move(done);
  AwaitRestored(restoring, clock_.Steady() + kSessionRestoreTime);
  restores_waiting_.push_back(restoring);
  BeginRestores();
}

void SessionKeeper::BeginRestores() {
  // One that is answered at once begins the next.
  if (std::exchange(is_beginning_restores_, true)) return;
  while (!restores_waiting_.empty() && restores_under_way_ < kRestoresAtOnce) {
    const std::shared_ptr<Restoring> restoring = restores_waiting_.front();
    restores_waiting_.pop_front();
    if (restoring->done == nullptr) continue;
    restoring->began_at = clock_.Steady();
    ++restores_under_way_;
    TryRestore(restoring);
  }
  is_beginning_restores_ = false;
}

void SessionKeeper::AwaitRestored(const std::shared_ptr<Restoring>& restoring,
                                  absl::Duration deadline) {
  restoring->timer = timers_.At(deadline, [this, restoring] {
    // While the broker answers others, the time that it waited for its turn
    // does not count.
    const absl::Duration now = clock_.Steady();
    const absl::Duration later =
        restoring->began_at.value_or(now) + kSessionRestoreTime;
    if (later > now && restore_answered_at_ + kSessionRestoreTime > now) {
      AwaitRestored(restoring, later);
      return;
    }
    EndRestore(*restoring,
               absl::DeadlineExceededError("the broker did not answer"));
  });
}

void SessionKeeper::TryRestore(const std::shared_ptr<Restoring>& restoring) {
  if (restoring->done == nullptr) return;
  restoring->operation.set_claim(DrawClaim());
  const SessionName name{restoring->operation.name_space(),
                         restoring->operation.private_id(),
                         restoring->operation.claim()};
  Publish(restoring->operation,
          [this, restoring, name](absl::StatusOr<PublishAnswer> answer) {
            if (restoring->done == nullptr) {
              if (answer.ok()) Close(name);
              return;
            }
            if (!answer.ok() && Passes(answer.status())) {
              to_restore_again_.push_back(restoring);
              return;
            }
            restore_answered_at_ = clock_.Steady();
            proto::SessionRecord record;
            if (answer.ok() && (answer->session.empty() ||
                                !record.ParseFromString(answer->session))) {
              // It was restored, but the answer that said so was lost.
              to_restore_again_.push_back(restoring);
              return;
            }
            timers_.Cancel(restoring->timer);
            if (answer.ok()) {
              EndRestore(*restoring,
                         Restored{name, std::move(record), answer->position});
            } else {
              EndRestore(*restoring, answer.status());
            }
          });
}

void SessionKeeper::EndRestore(Restoring& restoring,
                               absl::StatusOr<Restored> restored) {
  if (restoring.began_at.has_value()) --restores_under_way_;
  std::exchange(restoring.done, nullptr)(std::move(restored));
  BeginRestores();
}

// ---- While it is here ----

void SessionKeeper::Add(SocketWire& socket, SessionName name) {
  sockets_[KeyOf(name.name_space, name.private_id)] = &socket;
  sessions_[&socket] = std::move(name);
}

void SessionKeeper::Remove(const SocketWire& socket) {
  const auto session = sessions_.find(&socket);
  if (session == sessions_.end()) return;
  const SessionName& name = session->second;
  sockets_.erase(KeyOf(name.name_space, name.private_id));
  sessions_.erase(session);
}

const SessionName* SessionKeeper::Find(const SocketWire& socket) const {
  const auto session = sessions_.find(&socket);
  return session == sessions_.end() ? nullptr : &session->second;
}

SocketWire* SessionKeeper::FindSocket(absl::string_view name_space,
                                      absl::string_view private_id) const {
  const auto socket = sockets_.find(KeyOf(name_space, private_id));
  return socket == sockets_.end() ? nullptr : socket->second;
}

void SessionKeeper::Change(SocketWire& socket,
                           std::vector<SessionRoomJoin> joins,
                           std::vector<std::string> leaves, Done done) {
  const SessionName* const name = Find(socket);
  proto::SessionOperation operation;
  if (name != nullptr) operation = OperationOn(*name);
  proto::ChangeSession* const change = operation.mutable_change();
  change->mutable_leaves()->Assign(leaves.begin(), leaves.end());
  for (SessionRoomJoin& join : joins) {
    proto::SessionRoom* const room = change->add_joins();
    room->set_name(std::move(join.name));
    room->set_from(join.from.value());
    room->set_start(std::move(join.start));
  }
  PublishChange(socket, operation, std::move(done));
}

void SessionKeeper::ChangeData(SocketWire& socket, std::string data,
                               Done done) {
  const SessionName* const name = Find(socket);
  proto::SessionOperation operation;
  if (name != nullptr) operation = OperationOn(*name);
  operation.mutable_change()->set_has_data(true);
  operation.mutable_change()->set_data(std::move(data));
  PublishChange(socket, operation, std::move(done));
}

void SessionKeeper::PublishChange(SocketWire& socket,
                                  const proto::SessionOperation& operation,
                                  Done done) {
  if (operation.claim() == 0) {
    Later([done = std::move(done)]() mutable {
      std::move(done)(absl::NotFoundError("the socket has no session"));
    });
    return;
  }
  const SessionName name{operation.name_space(), operation.private_id(),
                         operation.claim()};
  Publish(operation, [this, socket = &socket, name, done = std::move(done)](
                         absl::StatusOr<PublishAnswer> answer) mutable {
    absl::Status status = answer.status();
    // A pointer is looked up, and not followed: the socket may be gone.
    const SessionName* const now = Find(*socket);
    const bool is_ours = now != nullptr && *now == name;
    if (!status.ok() && Passes(status)) {
      status = absl::UnavailableError(status.message());
    } else if (!status.ok() && is_ours) {
      Remove(*socket);
      if (!absl::IsFailedPrecondition(status) && !absl::IsNotFound(status)) {
        // It cannot be kept as it is, so it is not kept at all; or it was
        // refused before, and nobody knows any more why.
        listener_.log(
            absl::StrCat("a session in ", name.name_space,
                         " cannot be recovered any more: ", status.message()));
        Close(name);
      }
      // It is another's, or over. Whoever is told of a change that the session
      // does not have would come back without it, and not know.
      listener_.on_fenced(*socket);
    }
    std::move(done)(std::move(status));
  });
}

// ---- Its end ----

void SessionKeeper::Say(Ending ending) {
  ++unheard_;
  Publish(std::move(ending));
}

void SessionKeeper::Publish(Ending ending) {
  proto::SessionOperation operation = OperationOn(ending.name);
  if (ending.is_close) {
    operation.mutable_close();
  } else {
    proto::DetachSession* const detach = operation.mutable_detach();
    detach->set_resent_nothing(ending.resent == Resent::kNothing);
    detach->set_answered_at_once(ending.resent == Resent::kAnsweredAtOnce);
  }
  Publish(operation, [this, ending = std::move(ending)](
                         const absl::StatusOr<PublishAnswer>& answer) mutable {
    if (answer.ok() || !Passes(answer.status())) return Heard();
    to_say_again_.push_back(std::move(ending));
    if (to_say_again_.size() <= kSessionEndingsMax) return;
    // The broker learns of it when this node is gone.
    to_say_again_.pop_front();
    Heard();
  });
}

void SessionKeeper::Heard() {
  if (--unheard_ > 0) return;
  for (const auto& done : std::exchange(when_heard_, {})) done();
}

void SessionKeeper::WhenHeard(absl::Duration at_most,
                              std::function<void()> done) {
  if (unheard_ == 0) return done();
  const auto is_done = std::make_shared<bool>(false);
  const auto once = [is_done, done = std::move(done)] {
    if (!std::exchange(*is_done, true)) done();
  };
  when_heard_.push_back(once);
  timers_.At(clock_.Steady() + at_most, once);
}

// ---- What the broker tells ----

void SessionKeeper::OnNotice(const proto::SessionNotice& notice) {
  if (notice.expired()) {
    listener_.on_expired(notice);
    return;
  }
  SocketWire* const socket =
      FindSocket(notice.name_space(), notice.private_id());
  if (!notice.fenced() || socket == nullptr ||
      Find(*socket)->claim != notice.claim()) {
    return;
  }
  Remove(*socket);
  listener_.on_fenced(*socket);
}

}  // namespace roomlog
