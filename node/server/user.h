// A user of the cluster, as a program sees him.
#ifndef ROOMLOG_NODE_SERVER_USER_H_
#define ROOMLOG_NODE_SERVER_USER_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "node/server/server_core.h"
#include "node/server/user_state.h"
#include "proto/users.pb.h"

namespace roomlog {

// Has sockets go, wherever they are.
void PublishDismissal(const ServerCore& core, const proto::Dismissal& dismissal,
                      DismissedDone done);

// A handle: copies mean the same user. Any thread; what is asked is answered on
// a loop's thread.
class User {
 public:
  User(std::shared_ptr<const ServerCore> core, std::string name_space,
       std::string name)
      : core_(std::move(core)),
        name_space_(std::move(name_space)),
        name_(std::move(name)) {}

  const std::string& name() const { return name_; }

  // ---- His state: a small durable record of his own in the namespace ----

  // Errors: UNAVAILABLE, INVALID_ARGUMENT (he can have no record by that name),
  // DATA_LOSS.
  void GetState(UserStateDone done) const;
  // `json` is an object of at most kUserStateBytesMax. The changes of a user
  // are made one after another, wherever they come from. Whoever watches
  // (Socket::WatchUser) hears of each. `done` may be null.
  void SetState(absl::string_view json, UserChangeOptions options,
                UserChangedDone done) const;
  // Merges `json` into it (RFC 7396): null takes a member away.
  void MergeState(absl::string_view json, UserChangeOptions options,
                  UserChangedDone done) const;
  void RemoveState(UserChangeOptions options, UserChangedDone done) const;

  // ---- His sockets, in every namespace and on every node ----

  // Closes them; each is told why, by "roomlog:closed". `done` is called once
  // it is durable, and may be null.
  void Disconnect(DismissedDone done) const;
  // The same, and his tokens that were issued until now are refused from now
  // on: by every node that asks for tokens (node/auth), also after restarts,
  // for kRevocationsKept.
  void Revoke(DismissedDone done) const;

 private:
  void Dismiss(bool revokes, DismissedDone done) const;
  void Change(std::string operation, std::string id,
              UserChangedDone done) const;

  std::shared_ptr<const ServerCore> core_;
  std::string name_space_;
  std::string name_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_USER_H_
