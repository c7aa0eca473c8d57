// Lets nobody in who cannot prove who he is: a gatekeeper.
#ifndef ROOMLOG_NODE_AUTH_AUTHENTICATION_H_
#define ROOMLOG_NODE_AUTH_AUTHENTICATION_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "node/auth/auth_session.h"
#include "node/auth/grants.h"
#include "node/auth/key_set.h"
#include "node/auth/permissions.h"
#include "node/auth/token_check.h"
#include "node/auth/user_table.h"
#include "node/server/namespace.h"
#include "node/server/socket.h"

namespace roomlog {

struct AuthenticationOptions {
  TokenRules tokens;
  Grants grants;  // To every user, beside what his token grants.
  UserLimits users;
  // Whether a socket may be in no room that Right::kJoin does not grant it, nor
  // watch one without Right::kPresence: it leaves those that a newer token does
  // not grant, and is not in them again when it comes back. False for programs
  // that put sockets into rooms as they see fit.
  bool keeps_rooms_to_grants = true;
};

// A client shows its token as `auth: {token}` when it connects, and newer ones
// by the event `auth:renew`; docs/client-api.md says what it is told. Any
// number of loops may use it at once. Must outlive the server.
//
//   Authentication authentication(options, keys, clock);
//   authentication.Protect(io);
//   io.OnConnection([](Socket& socket) {
//     const AuthSession& session = *socket.auth_session();
//     if (session.permissions().May(Right::kJoin, "/", "news")) ...
//   });
class Authentication {
 public:
  // The keys as they are now. Called on any thread.
  using Keys = std::function<std::shared_ptr<const KeySet>()>;

  // Borrows `clock`.
  Authentication(AuthenticationOptions options, Keys keys, const Clock& clock);

  // Every client of the namespace, or of all that a pattern takes, has an
  // auth_session() from then on, in middlewares, too. It gets back only
  // sessions of its own user.
  void Protect(Namespace name_space);

  static constexpr absl::string_view kRenewEvent = "auth:renew";
  // Said to a client that has come back and is not in all of its rooms again:
  // ({rooms, code, message}).
  static constexpr absl::string_view kLeftEvent = "roomlog:left";

 private:
  void Admit(Socket& socket, const Next& next);
  // Holds a client that has come back to what its token grants now.
  void GiveUpRooms(Socket& socket, AuthSession& session) const;
  void Renew(Socket& socket, const Args& args, const Ack& ack);
  absl::StatusOr<Claims> Check(absl::string_view token) const;
  // As good as issued then, as far as clocks may be trusted.
  absl::Time ProvenAt(const Claims& claims) const;
  bool IsRevoked(const Socket& socket, const Claims& claims) const;
  // Looks at the socket's token again in time.
  void ScheduleLook(Socket& socket);
  void Look(Socket& socket);

  const TokenRules rules_;
  const std::shared_ptr<const Grants> grants_;
  const bool keeps_rooms_to_grants_;
  const Keys keys_;
  const Clock& clock_;
  UserTable users_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_AUTHENTICATION_H_
