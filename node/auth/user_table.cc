#include "node/auth/user_table.h"

#include <utility>

namespace roomlog {

struct UserTable::Place::User {
  explicit User(EventBucket full) : events(full) {}

  size_t sockets = 0;  // Under the table's mutex; the rest under this one.
  std::mutex mutex;
  EventBucket events;
  size_t rooms = 0;
};

UserTable::Place::Place(UserTable& table, std::string name,
                        std::shared_ptr<User> user)
    : table_(table), name_(std::move(name)), user_(std::move(user)) {}

UserTable::Place::~Place() { GiveUp(); }

void UserTable::Place::GiveUp() {
  SetRooms(0);
  if (std::exchange(is_given_up_, true)) return;
  const std::lock_guard lock(table_.mutex_);
  if (--user_->sockets == 0) table_.users_.erase(name_);
}

bool UserTable::Place::TakeEvent(absl::Duration now) {
  const std::lock_guard lock(user_->mutex);
  return user_->events.Take(now);
}

void UserTable::Place::SetRooms(size_t count) {
  if (is_given_up_) return;
  const std::lock_guard lock(user_->mutex);
  user_->rooms += count - rooms_;  // Modulo 2^64 when there are fewer.
  rooms_ = count;
}

bool UserTable::Place::TakeRoom() {
  if (is_given_up_) return false;
  const std::lock_guard lock(user_->mutex);
  const size_t max = table_.limits_.rooms_max;
  if (max != 0 && user_->rooms >= max) return false;
  ++user_->rooms;
  ++rooms_;
  return true;
}

std::unique_ptr<UserTable::Place> UserTable::Enter(absl::string_view user,
                                                   absl::Duration now) {
  const std::lock_guard lock(mutex_);
  auto& entry = users_[std::string(user)];
  if (entry == nullptr) {
    entry = std::make_shared<Place::User>(EventBucket(limits_.events, now));
  }
  if (limits_.sockets_max != 0 && entry->sockets >= limits_.sockets_max) {
    return nullptr;
  }
  ++entry->sockets;
  return std::unique_ptr<Place>(new Place(*this, std::string(user), entry));
}

size_t UserTable::size() const {
  const std::lock_guard lock(mutex_);
  return users_.size();
}

}  // namespace roomlog
