#include "node/auth/room_access.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "node/auth/auth_session.h"
#include "node/auth/authentication.h"

namespace roomlog {
namespace {

Refusal Limit(std::string message) {
  return {ErrorCode::kLimit, std::move(message)};
}

}  // namespace

class RoomAccess::SocketAccess final : public ClientAccess {
 public:
  SocketAccess(Socket& socket, const SocketLimits& limits, const Clock& clock)
      : socket_(socket),
        session_(socket.auth_session()),
        limits_(limits),
        clock_(clock),
        events_(limits.events, clock.Steady()) {}

  bool Handles(absl::string_view event) const override {
    return session_ != nullptr && event == Authentication::kRenewEvent;
  }

  std::optional<Refusal> CheckWatch(const RoomKey& room) override {
    std::optional<Refusal> refusal = CheckRight(Right::kPresence, room);
    if (!refusal.has_value()) {
      refusal = CheckRooms(
          absl::c_linear_search(socket_.WatchedRooms(), room.room()));
    }
    return refusal;
  }

  std::optional<Refusal> Check(const ClientRequest& request) override {
    const absl::Duration now = clock_.Steady();
    if (!events_.Take(now)) {
      return Limit(absl::StrCat("more than ", limits_.events.per_second,
                                " events a second on this connection"));
    }
    if (session_ != nullptr && !session_->place().TakeEvent(now)) {
      return Limit("more events a second than the user may send to this node");
    }
    return std::visit([this](const auto& each) { return CheckRights(each); },
                      request);
  }

 private:
  std::optional<Refusal> CheckRights(const ClientJoin& join) {
    std::optional<Refusal> refusal = CheckRight(Right::kJoin, join.room);
    // Who asks for what was said before reads history, whatever the event.
    if (!refusal.has_value() && !std::holds_alternative<FromNow>(join.start)) {
      refusal = CheckRight(Right::kHistory, join.room);
    }
    if (!refusal.has_value()) {
      refusal =
          CheckRooms(absl::c_linear_search(socket_.Rooms(), join.room.room()));
    }
    return refusal;
  }
  std::optional<Refusal> CheckRights(const ClientPublish& publish) {
    return CheckRight(Right::kPublish, publish.room);
  }
  std::optional<Refusal> CheckRights(const ClientHistory& history) {
    return CheckRight(Right::kHistory, history.room);
  }
  std::optional<Refusal> CheckRights(const ClientPresence& presence) {
    return CheckRight(Right::kPresence, presence.room);
  }
  std::optional<Refusal> CheckRights(const ClientUserState& state) {
    const absl::string_view own = socket_.User();
    const absl::string_view user = state.user.empty() ? own : state.user;
    const bool changes = state.change != ClientUserState::Change::kNone;
    if (session_ != nullptr && (changes || user != own) &&
        !session_->permissions().May(
            changes ? Right::kStateChange : Right::kState,
            socket_.name_space().name(), user)) {
      return Refusal{ErrorCode::kForbidden,
                     absl::StrCat("no right to ", changes ? "change" : "read",
                                  " what is kept of ", Quote(user))};
    }
    if (!state.watch.value_or(false)) return std::nullopt;
    return CheckRooms(absl::c_linear_search(socket_.WatchedUsers(), user));
  }
  template <typename Harmless>
  std::optional<Refusal> CheckRights(const Harmless&) {
    return std::nullopt;
  }

  std::optional<Refusal> CheckRight(Right right, const RoomKey& room) const {
    if (session_ == nullptr ||
        session_->permissions().May(right, room.name_space(), room.room())) {
      return std::nullopt;
    }
    return Refusal{ErrorCode::kForbidden,
                   absl::StrCat("no right to ", NameOf(right), " in the room ",
                                Quote(room.room()))};
  }

  // Whether it may be in, or watch, one more room; `has_it` already.
  std::optional<Refusal> CheckRooms(bool has_it) {
    const bool counts = limits_.rooms_max != 0 || session_ != nullptr;
    if (!counts) return std::nullopt;
    // The first is the socket's own.
    const size_t count = socket_.Rooms().size() - 1 +
                         socket_.WatchedRooms().size() +
                         socket_.WatchedUsers().size();
    if (session_ != nullptr) session_->place().SetRooms(count);
    if (has_it) return std::nullopt;
    if (limits_.rooms_max != 0 && count >= limits_.rooms_max) {
      return Limit(absl::StrCat("the socket is in ", count,
                                " rooms already; leave one first"));
    }
    if (session_ != nullptr && !session_->place().TakeRoom()) {
      return Limit("the user is in as many rooms as he may be in on this node");
    }
    return std::nullopt;
  }

  Socket& socket_;
  const std::shared_ptr<AuthSession> session_;  // Null: nobody knows who it is.
  const SocketLimits limits_;
  const Clock& clock_;
  EventBucket events_;
};

std::unique_ptr<ClientAccess> RoomAccess::Of(Socket& socket) {
  return std::make_unique<SocketAccess>(socket, limits_, clock_);
}

}  // namespace roomlog
