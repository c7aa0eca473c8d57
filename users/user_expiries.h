// When the states of users end.
#ifndef ROOMLOG_USERS_USER_EXPIRIES_H_
#define ROOMLOG_USERS_USER_EXPIRIES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/state_change.h"

namespace roomlog {

// The users' rooms whose records end some day, and when: kept in rows beside
// the log, and in memory. It follows from what it is told alone; one thread.
class UserExpiries {
 public:
  static bool IsRow(absl::string_view key);

  // A row that was written in an earlier life; before all else. DATA_LOSS: it
  // is none.
  absl::Status Load(absl::string_view key, absl::string_view value);

  // The record in `room`, "<namespace>\0<room>", ends then; 0: never. What is
  // to be written is added to `rows`; until Written() says that it was, Undo()
  // takes it back.
  void Set(absl::string_view room, int64_t expires_ms,
           std::vector<StateChange>* rows);
  void Written() { before_.clear(); }
  void Undo();

  // The room whose record ends first, if it has by `now_ms`.
  std::optional<std::string> FirstDue(int64_t now_ms) const;

  size_t size() const { return by_room_.size(); }

 private:
  void SetInMemory(const std::string& room, int64_t expires_ms);

  absl::flat_hash_map<std::string, int64_t> by_room_;
  absl::btree_set<std::pair<int64_t, std::string>> by_time_;
  std::vector<std::pair<std::string, int64_t>> before_;  // Latest last.
};

}  // namespace roomlog

#endif  // ROOMLOG_USERS_USER_EXPIRIES_H_
