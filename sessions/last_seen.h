// When users were online last.
#ifndef ROOMLOG_SESSIONS_LAST_SEEN_H_
#define ROOMLOG_SESSIONS_LAST_SEEN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/state_change.h"
#include "sessions/member_change.h"

namespace roomlog {

// Notes when the last socket of a user leaves a namespace: kept in rows beside
// the log, and in memory. Of no more users than it is made for: beyond them
// those are forgotten who have been away for longest. It follows from the
// changes alone; one thread.
class LastSeen {
 public:
  explicit LastSeen(size_t users_max) : users_max_(users_max) {}

  static bool IsRow(absl::string_view key);
  static std::string RowKey(absl::string_view name_space,
                            absl::string_view user);
  // In milliseconds since 1970; nothing if `value` is none of a row.
  static std::optional<int64_t> TimeOf(absl::string_view value);

  // A row that was written in an earlier life; before all else. DATA_LOSS: it
  // is none.
  absl::Status Load(absl::string_view key, absl::string_view value);
  // One that was there in an earlier life; before any change.
  void LoadMember(const MemberChange& member);

  // What is to be written is added to `rows`; until Written() says that it was,
  // Undo() takes all of it back.
  void Apply(const MemberChange& change, int64_t now_ms,
             std::vector<StateChange>* rows);
  void Written() { before_.clear(); }
  void Undo();

  // Nothing while he is online, and if he never was or is forgotten.
  std::optional<int64_t> Of(absl::string_view name_space,
                            absl::string_view user) const;
  void ForEachRow(absl::FunctionRef<void(StateChange row)> each) const;

 private:
  struct User {
    size_t sockets = 0;
    int64_t seen_ms = 0;  // 0: nobody knows.
  };

  User Find(const std::string& key) const;
  void Set(const std::string& key, User user);
  // The same, to be taken back by Undo().
  void Change(const std::string& key, User user);

  const size_t users_max_;
  absl::flat_hash_map<std::string, User> users_;  // By the keys of their rows.
  absl::btree_set<std::pair<int64_t, std::string>> by_time_;
  std::vector<std::pair<std::string, User>> before_;  // Latest last.
};

}  // namespace roomlog

#endif  // ROOMLOG_SESSIONS_LAST_SEEN_H_
