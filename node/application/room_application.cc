#include "node/application/room_application.h"

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "base/limits.h"
#include "node/rooms/direct_room.h"

namespace roomlog {

// What the handlers of one socket share. Lives as long as an answer may come.
struct RoomApplication::Client {
  Client(Socket& its_socket, AccessRules* rules)
      : socket(its_socket),
        access(rules == nullptr ? nullptr : rules->Of(its_socket)) {}

  Socket& socket;  // For its own handlers only: answers may outlive it.
  const std::unique_ptr<ClientAccess> access;  // Null: it may do everything.
  size_t unanswered = 0;                       // Requests.
  bool is_gone = false;                        // And the socket no more.
};

namespace {

// A client that asked for its session and could not have it is told what it may
// have missed: of each room, or that nobody knows.
void TellGaps(Socket& socket, const SessionGap& gap) {
  bool is_told = false;
  for (const RecoveryGap& room : gap.rooms) {
    if (room.room.empty() || IsDirectRoom(room.room)) continue;
    is_told = true;
    socket.Emit("roomlog:gap",
                Value::ObjectOf(
                    {{"room", room.room},
                     {"reason", SessionGapReasonName(ReasonOf(room.reason))},
                     {"from", FormatPosition(room.from)},
                     {"to", FormatPosition(room.oldest)}}));
  }
  if (is_told) return;
  socket.Emit("roomlog:gap",
              Value::ObjectOf({{"reason", SessionGapReasonName(gap.reason)}}));
}

}  // namespace

RoomApplication::RoomApplication(std::string node_name, AccessRules* access)
    : node_name_(std::move(node_name)), access_(access) {}

void RoomApplication::Serve(Namespace name_space) {
  name_space.OnConnection([this](Socket& socket) {
    if (const SessionGap* gap = socket.recovery_gap()) TellGaps(socket, *gap);
    const auto client = std::make_shared<Client>(socket, access_);
    socket.OnDisconnect(
        [client](absl::string_view) { client->is_gone = true; });
    socket.OnAny([this, client](absl::string_view event, const Args& args,
                                const Ack& ack) {
      ClientAccess* const access = client->access.get();
      if (access != nullptr && access->Handles(event)) return;
      if (client->unanswered >= kUnansweredRequestsPerClientMax) {
        On(client, ack,
           Refusal{ErrorCode::kLimit,
                   "too many requests are unanswered; wait for answers before "
                   "sending more"});
        return;
      }
      // Keeps buffers from one request to the next.
      static thread_local RequestReader reader;
      ClientRequest request =
          reader.Read(client->socket.name_space().name(), event, args);
      std::optional<Refusal> refusal;
      if (access != nullptr) refusal = access->Check(request);
      if (refusal.has_value()) request = *std::move(refusal);
      std::visit([&](auto each) { On(client, ack, std::move(each)); },
                 std::move(request));
    });
  });
}

void RoomApplication::On(const ClientPtr& client, const Ack& ack,
                         ClientJoin join) const {
  ++client->unanswered;
  const std::string room(join.room.room());
  client->socket.Join(
      room, join.start, [client, ack, room](absl::StatusOr<Joined> joined) {
        --client->unanswered;
        if (joined.ok()) {
          ack.SendJson(JoinAnswer(room, joined->position, joined->replayed,
                                  joined->gap));
          return;
        }
        Refusal refusal = RefusalOf(joined.status());
        if (refusal.code == ErrorCode::kBadRequest) {
          refusal.code = ErrorCode::kBadRoom;
        }
        ack.SendJson(ErrorAnswer(refusal));
      });
}

void RoomApplication::On(const ClientPtr& client, const Ack& ack,
                         ClientLeave leave) const {
  ++client->unanswered;
  client->socket.Leave(leave.room.room(),
                       [client, ack](const absl::StatusOr<Joined>&) {
                         --client->unanswered;
                         ack.SendJson(LeaveAnswer());
                       });
}

void RoomApplication::On(const ClientPtr& client, const Ack& ack,
                         ClientPublish publish) const {
  ++client->unanswered;
  client->socket.name_space().PublishPacket(
      std::move(publish.room), std::move(publish.packet),
      {.id = std::move(publish.id)},
      [client, ack](absl::StatusOr<Published> published) {
        --client->unanswered;
        ack.SendJson(
            published.ok()
                ? PublishAnswerJson(published->position, published->duplicate)
                : ErrorAnswer(RefusalOf(published.status())));
      });
}

void RoomApplication::On(const ClientPtr& client, const Ack& ack,
                         ClientHistory history) const {
  if (!ack.is_wanted()) return;  // Nobody waits for what it would find.
  ++client->unanswered;
  client->socket.History(
      std::move(history), [client, ack](absl::StatusOr<HistoryAnswer> page) {
        --client->unanswered;
        ack.SendJson(page.ok() ? HistoryAnswerJson(*page)
                               : ErrorAnswer(RefusalOf(page.status())));
      });
}

void RoomApplication::On(const ClientPtr& client, const Ack& ack,
                         ClientPresence presence) const {
  if (!ack.is_wanted() && !presence.watch.has_value()) return;
  ++client->unanswered;
  if (presence.watch.has_value() && *presence.watch) {
    return Watch(client, ack, std::move(presence));
  }
  if (presence.watch.has_value()) {
    client->socket.UnwatchPresence(presence.room.room());
  }
  TellPresence(client, client->socket.name_space(), ack, std::move(presence));
}

void RoomApplication::Watch(const ClientPtr& client, const Ack& ack,
                            ClientPresence presence) const {
  const Namespace name_space = client->socket.name_space();
  const std::string room(presence.room.room());
  name_space.Presence(
      room, {},
      [this, client, name_space, ack, room, presence = std::move(presence)](
          absl::StatusOr<MembersPage> page) mutable {
        if (client->is_gone) return;
        std::optional<Refusal> refusal;
        if (client->access != nullptr) {
          refusal = client->access->CheckWatch(presence.room);
        }
        if (!refusal.has_value() && !page.ok()) {
          refusal = RefusalOf(page.status());
        }
        if (!refusal.has_value() && !page->has_feed) {
          refusal = Refusal{ErrorCode::kBadRoom,
                            "this room cannot be watched; the broker's "
                            "--presence_feed says which can"};
        }
        if (refusal.has_value()) {
          --client->unanswered;
          ack.SendJson(ErrorAnswer(*refusal));
          return;
        }
        // First it hears all that comes, then it is told who is there: so
        // nobody comes or goes unnoticed in between.
        client->socket.WatchPresence(
            room,
            [this, client, name_space, ack, presence = std::move(presence)](
                absl::StatusOr<Joined> joined) mutable {
              if (joined.ok()) {
                return TellPresence(client, name_space, ack,
                                    std::move(presence));
              }
              --client->unanswered;
              ack.SendJson(ErrorAnswer(RefusalOf(joined.status())));
            });
      });
}

void RoomApplication::TellPresence(const ClientPtr& client,
                                   const Namespace& name_space, const Ack& ack,
                                   ClientPresence presence) const {
  const PresenceQuery::What what = presence.query.what;
  const std::string room(presence.room.room());
  name_space.Presence(
      room, std::move(presence.query),
      [client, ack, room, what](absl::StatusOr<MembersPage> page) {
        --client->unanswered;
        ack.SendJson(page.ok() ? PresenceAnswerJson(room, what, *page)
                               : ErrorAnswer(RefusalOf(page.status())));
      });
}

void RoomApplication::On(const ClientPtr& client, const Ack& ack,
                         ClientUserState state) const {
  const User user = client->socket.name_space().User(
      state.user.empty() ? client->socket.User() : state.user);
  if (user.name().empty()) {
    ack.SendJson(ErrorAnswer({ErrorCode::kBadRequest,
                              "nobody knows whose socket this is: name the "
                              "user"}));
    return;
  }
  ++client->unanswered;
  if (state.change != ClientUserState::Change::kNone) {
    return ChangeUserState(client, user, ack, std::move(state));
  }
  if (!state.watch.has_value()) return TellUserState(client, user, ack);
  if (!*state.watch) {
    client->socket.UnwatchUser(user.name());
    return TellUserState(client, user, ack);
  }
  // As with presence: first it hears of each change, then what there is.
  client->socket.WatchUser(
      user.name(),
      [this, client, user, ack](const absl::StatusOr<Joined>& joined) {
        if (joined.ok()) return TellUserState(client, user, ack);
        --client->unanswered;
        ack.SendJson(ErrorAnswer(RefusalOf(joined.status())));
      });
}

void RoomApplication::TellUserState(const ClientPtr& client, const User& user,
                                    const Ack& ack) const {
  user.GetState(
      [client, ack, name = user.name()](absl::StatusOr<UserState> state) {
        --client->unanswered;
        ack.SendJson(state.ok() ? UserStateAnswerJson(name, *state)
                                : ErrorAnswer(RefusalOf(state.status())));
      });
}

void RoomApplication::ChangeUserState(const ClientPtr& client, const User& user,
                                      const Ack& ack,
                                      ClientUserState state) const {
  const auto done = [client, ack](absl::StatusOr<UserChanged> changed) {
    --client->unanswered;
    if (changed.ok()) {
      ack.SendJson(UserChangedAnswerJson(*changed));
    } else if (absl::IsNotFound(changed.status())) {
      ack.SendJson(UserChangedAnswerJson(std::nullopt));
    } else {
      ack.SendJson(ErrorAnswer(RefusalOf(changed.status())));
    }
  };
  if (state.change == ClientUserState::Change::kSet) {
    user.SetState(state.json, std::move(state.options), done);
  } else if (state.change == ClientUserState::Change::kMerge) {
    user.MergeState(state.json, std::move(state.options), done);
  } else {
    user.RemoveState(std::move(state.options), done);
  }
}

void RoomApplication::On(const ClientPtr&, const Ack& ack, ClientNode) const {
  ack.SendJson(NodeAnswer(node_name_));
}

void RoomApplication::On(const ClientPtr&, const Ack& ack,
                         Refusal refusal) const {
  ack.SendJson(ErrorAnswer(refusal));
}

}  // namespace roomlog
