// What one user may do.
#ifndef ROOMLOG_NODE_AUTH_PERMISSIONS_H_
#define ROOMLOG_NODE_AUTH_PERMISSIONS_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "node/auth/grants.h"

namespace roomlog {

// What the configuration grants to everybody and the user's token to him; what
// neither does is forbidden. Does not change; any thread.
class Permissions {
 public:
  Permissions(std::string user, std::shared_ptr<const Grants> configured,
              Grants claimed)
      : user_(std::move(user)),
        configured_(std::move(configured)),
        claimed_(std::move(claimed)) {}

  const std::string& user() const { return user_; }

  // Whether the user may do that in a room of a namespace, as "/" or "/chat".
  bool May(Right right, absl::string_view name_space,
           absl::string_view room) const {
    return configured_->Allow(right, name_space, room, user_) ||
           claimed_.Allow(right, name_space, room, user_);
  }

 private:
  std::string user_;
  std::shared_ptr<const Grants> configured_;
  Grants claimed_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_PERMISSIONS_H_
