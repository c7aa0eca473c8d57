// One socket of a user who is known.
#ifndef ROOMLOG_NODE_AUTH_AUTH_SESSION_H_
#define ROOMLOG_NODE_AUTH_AUTH_SESSION_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "node/auth/permissions.h"
#include "node/auth/user_table.h"

namespace roomlog {

// What a socket's token said, as of the last renewal. Belongs to the socket's
// loop.
class AuthSession {
 public:
  AuthSession(Permissions permissions, absl::Time expires,
              std::optional<absl::Time> issued_at,
              std::unique_ptr<UserTable::Place> place)
      : permissions_(std::move(permissions)),
        expires_(expires),
        issued_at_(issued_at),
        place_(std::move(place)) {}

  const std::string& user() const { return permissions_.user(); }
  const Permissions& permissions() const { return permissions_; }
  absl::Time expires() const { return expires_; }
  std::optional<absl::Time> issued_at() const { return issued_at_; }
  UserTable::Place& place() { return *place_; }

  // A newer token of the same user.
  void Renew(Permissions permissions, absl::Time expires,
             std::optional<absl::Time> issued_at) {
    permissions_ = std::move(permissions);
    expires_ = expires;
    issued_at_ = issued_at;
  }

 private:
  friend class Authentication;

  Permissions permissions_;
  absl::Time expires_;
  std::optional<absl::Time> issued_at_;
  const std::unique_ptr<UserTable::Place> place_;
  // In steady time, when the token is looked at next.
  absl::Duration next_look_ = absl::InfiniteDuration();
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_AUTH_SESSION_H_
