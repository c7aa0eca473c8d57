#include "node/auth/authentication.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/auth/auth_limits.h"

namespace roomlog {
namespace {

// What clients are told; the names are for programs, and stay.
constexpr absl::string_view kTokenMissing = "token_missing";
constexpr absl::string_view kTokenInvalid = "token_invalid";
constexpr absl::string_view kTokenExpired = "token_expired";
constexpr absl::string_view kLimit = "limit";
constexpr absl::string_view kForbidden = "forbidden";

constexpr absl::Duration kLookAgain = absl::Seconds(1);

struct Refusal {
  absl::string_view code;
  std::string message;
};

Refusal RefusalOf(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kNotFound) {
    return {kTokenMissing, std::string(status.message())};
  }
  return {status.code() == absl::StatusCode::kDeadlineExceeded ? kTokenExpired
                                                               : kTokenInvalid,
          absl::StrCat("the token is refused: ", status.message())};
}

Value ToValue(const Refusal& refusal) {
  return Value::ObjectOf(
      {{"code", refusal.code}, {"message", refusal.message}});
}

void Answer(const Ack& ack, const Refusal& refusal) {
  ack(Value::ObjectOf({{"ok", false}, {"error", ToValue(refusal)}}));
}

const Refusal kRevokedToken = {
    "token_revoked",
    "the token is refused: the user's tokens were revoked since it was issued"};

// Whether it may hear of what is kept of a user.
bool MayWatch(const AuthSession& session, const Socket& socket,
              absl::string_view user) {
  return user == session.user() ||
         session.permissions().May(Right::kState, socket.name_space().name(),
                                   user);
}

}  // namespace

Authentication::Authentication(AuthenticationOptions options, Keys keys,
                               const Clock& clock)
    : rules_(std::move(options.tokens)),
      grants_(std::make_shared<const Grants>(std::move(options.grants))),
      keeps_rooms_to_grants_(options.keeps_rooms_to_grants),
      keys_(std::move(keys)),
      clock_(clock),
      users_(options.users) {}

void Authentication::Protect(Namespace name_space) {
  name_space.LetInBy(
      {.user_of =
           [this](const Value& auth) {
             absl::StatusOr<Claims> claims = Check(auth["token"].AsString());
             return claims.ok() ? std::move(claims->user) : std::string();
           },
       .admit = [this](Socket& socket,
                       const Next& next) { Admit(socket, next); }});
}

absl::StatusOr<Claims> Authentication::Check(absl::string_view token) const {
  if (token.empty()) {
    return absl::NotFoundError(
        "a token is needed: connect with auth: { token }");
  }
  return CheckToken(token, *keys_(), rules_, clock_.Now());
}

absl::Time Authentication::ProvenAt(const Claims& claims) const {
  return claims.issued_at.value_or(absl::InfinitePast()) - rules_.leeway;
}

bool Authentication::IsRevoked(const Socket& socket,
                               const Claims& claims) const {
  const std::optional<absl::Time> revoked = socket.RevokedAt(claims.user);
  return revoked.has_value() && ProvenAt(claims) <= *revoked;
}

void Authentication::Admit(Socket& socket, const Next& next) {
  const auto refuse = [&](const Refusal& refusal) {
    next(refusal.message, Value::ObjectOf({{"code", refusal.code}}));
  };
  const Value auth = socket.Handshake().auth;
  absl::StatusOr<Claims> claims = Check(auth["token"].AsString());
  if (!claims.ok()) return refuse(RefusalOf(claims.status()));
  if (IsRevoked(socket, *claims)) return refuse(kRevokedToken);
  std::unique_ptr<UserTable::Place> place =
      users_.Enter(claims->user, clock_.Steady());
  if (place == nullptr) {
    return refuse(
        {kLimit, absl::StrCat("the user has ", users_.limits().sockets_max,
                              " sockets on this node already")});
  }
  socket.SetUser(claims->user);
  socket.SetProvenAt(ProvenAt(*claims));
  const auto session = std::make_shared<AuthSession>(
      Permissions(std::move(claims->user), grants_, std::move(claims->grants)),
      claims->expires, claims->issued_at, std::move(place));
  socket.set_auth_session(session);
  // Not with the last of its handlers: whoever comes back may take its place
  // before they are gone.
  socket.OnDisconnect(
      [session](absl::string_view) { session->place().GiveUp(); });
  GiveUpRooms(socket, *session);
  session->place().SetRooms(socket.RestoredRooms().size() +
                            socket.RestoredWatches().size() +
                            socket.RestoredUserWatches().size());
  socket.On(kRenewEvent, [this, &socket](const Args& args, const Ack& ack) {
    Renew(socket, args, ack);
  });
  ScheduleLook(socket);
  next();
}

void Authentication::GiveUpRooms(Socket& socket, AuthSession& session) const {
  if (!keeps_rooms_to_grants_) return;
  Value::Array left;
  for (const RestoredRoom& room : socket.RestoredRooms()) {
    const auto may = [&](Right right) {
      return session.permissions().May(right, socket.name_space().name(),
                                       room.name);
    };
    if (may(Right::kJoin) && (!room.with_history || may(Right::kHistory))) {
      continue;
    }
    socket.GiveUpRestoredRoom(room.name);
    left.push_back(room.name);
  }
  Value::Array unwatched;
  Value::Array unwatched_users;
  for (const std::string& room : socket.RestoredWatches()) {
    if (session.permissions().May(Right::kPresence, socket.name_space().name(),
                                  room)) {
      continue;
    }
    socket.GiveUpRestoredWatch(room);
    unwatched.push_back(room);
  }
  for (const std::string& user : socket.RestoredUserWatches()) {
    if (MayWatch(session, socket, user)) continue;
    socket.GiveUpRestoredUserWatch(user);
    unwatched_users.push_back(user);
  }
  if (left.empty() && unwatched.empty() && unwatched_users.empty()) return;
  socket.Emit(
      kLeftEvent,
      Value::ObjectOf(
          {{"rooms", std::move(left)},
           {"unwatched", std::move(unwatched)},
           {"unwatched_users", std::move(unwatched_users)},
           {"code", kForbidden},
           {"message", "the token does not grant these rooms any more"}}));
}

void Authentication::Renew(Socket& socket, const Args& args, const Ack& ack) {
  AuthSession& session = *socket.auth_session();
  if (!session.place().TakeEvent(clock_.Steady())) {
    return Answer(ack, {kLimit, "too many events; slow down"});
  }
  absl::StatusOr<Claims> claims = Check(args[0]["token"].AsString());
  if (!claims.ok()) return Answer(ack, RefusalOf(claims.status()));
  if (IsRevoked(socket, *claims)) return Answer(ack, kRevokedToken);
  if (claims->user != session.user()) {
    return Answer(
        ack, {kTokenInvalid, "the token is refused: it is another user's"});
  }
  session.Renew(
      Permissions(std::move(claims->user), grants_, std::move(claims->grants)),
      claims->expires, claims->issued_at);
  socket.SetProvenAt(ProvenAt(*claims));
  // What the newer token does not grant any more ends with the older one.
  Value::Array left;
  const std::vector<std::string> rooms = socket.Rooms();
  for (size_t i = 1; i < rooms.size(); ++i) {  // The first is the socket's own.
    if (!keeps_rooms_to_grants_ ||
        session.permissions().May(Right::kJoin, socket.name_space().name(),
                                  rooms[i])) {
      continue;
    }
    socket.Leave(rooms[i]);
    left.push_back(rooms[i]);
  }
  Value::Array unwatched;
  for (const std::string& room : socket.WatchedRooms()) {
    if (!keeps_rooms_to_grants_ ||
        session.permissions().May(Right::kPresence, socket.name_space().name(),
                                  room)) {
      continue;
    }
    socket.UnwatchPresence(room);
    unwatched.push_back(room);
  }
  Value::Array unwatched_users;
  for (const std::string& user : socket.WatchedUsers()) {
    if (!keeps_rooms_to_grants_ || MayWatch(session, socket, user)) continue;
    socket.UnwatchUser(user);
    unwatched_users.push_back(user);
  }
  ack(Value::ObjectOf(
      {{"ok", true},
       {"expires", static_cast<double>(absl::ToUnixMillis(session.expires()))},
       {"left", std::move(left)},
       {"unwatched", std::move(unwatched)},
       {"unwatched_users", std::move(unwatched_users)}}));
  ScheduleLook(socket);
}

void Authentication::ScheduleLook(Socket& socket) {
  AuthSession& session = *socket.auth_session();
  const absl::Duration left = session.expires() + rules_.leeway - clock_.Now();
  const absl::Duration delay = std::clamp(left, absl::ZeroDuration(),
                                          absl::Duration(kTokenLookInterval));
  const absl::Duration at = clock_.Steady() + delay;
  // So a client that renews without end has one timer, or a few, not many.
  if (session.next_look_ <= at) return;
  session.next_look_ = at;
  socket.After(delay, [this, &socket] { Look(socket); });
}

void Authentication::Look(Socket& socket) {
  AuthSession& session = *socket.auth_session();
  session.next_look_ = absl::InfiniteDuration();
  if (clock_.Now() < session.expires() + rules_.leeway) {
    return ScheduleLook(socket);
  }
  if (!socket.is_connected()) {
    // Another middleware still thinks about it; nobody may be closed before.
    session.next_look_ = clock_.Steady() + kLookAgain;
    return socket.After(kLookAgain, [this, &socket] { Look(socket); });
  }
  socket.EmitAtOnce(kClosedEvent,
                    {ToValue({kTokenExpired, "the token's time is over"})});
  socket.Disconnect();
}

}  // namespace roomlog
