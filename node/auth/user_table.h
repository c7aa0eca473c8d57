// What each user has of this node, all his sockets together.
#ifndef ROOMLOG_NODE_AUTH_USER_TABLE_H_
#define ROOMLOG_NODE_AUTH_USER_TABLE_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "node/auth/event_bucket.h"

namespace roomlog {

// 0: no bound but those that hold for every client (base/limits.h).
struct UserLimits {
  EventRate events;
  size_t rooms_max = 0;
  size_t sockets_max = 0;
};

// Remembers a user as long as one of his sockets is there. Any thread. Must
// outlive what it gives out.
class UserTable {
 public:
  explicit UserTable(UserLimits limits) : limits_(limits) {}

  // One socket of a user, until it is given up or destroyed. Any thread, one at
  // a time.
  class Place {
   public:
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // Whether one more event may come now, in steady time.
    bool TakeEvent(absl::Duration now);
    // The socket is gone; nothing is counted any more.
    void GiveUp();
    // The socket is in so many rooms now.
    void SetRooms(size_t count);
    // Counts one more room of the socket, if the user may be in one more.
    bool TakeRoom();

   private:
    friend class UserTable;
    struct User;

    Place(UserTable& table, std::string name, std::shared_ptr<User> user);

    UserTable& table_;
    const std::string name_;
    const std::shared_ptr<User> user_;
    size_t rooms_ = 0;
    bool is_given_up_ = false;
  };

  // A place for one more socket; null if the user has sockets_max already.
  std::unique_ptr<Place> Enter(absl::string_view user, absl::Duration now);

  const UserLimits& limits() const { return limits_; }
  size_t size() const;

 private:
  const UserLimits limits_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<Place::User>> users_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_USER_TABLE_H_
