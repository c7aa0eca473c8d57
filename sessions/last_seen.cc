#include "sessions/last_seen.h"

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

// "l<namespace>\0<user>": when, in milliseconds since 1970, in decimal.
constexpr char kRowPrefix = 'l';

}  // namespace

bool LastSeen::IsRow(absl::string_view key) {
  return !key.empty() && key.front() == kRowPrefix;
}

std::string LastSeen::RowKey(absl::string_view name_space,
                             absl::string_view user) {
  return absl::StrCat(absl::string_view(&kRowPrefix, 1), name_space,
                      absl::string_view("\0", 1), user);
}

std::optional<int64_t> LastSeen::TimeOf(absl::string_view value) {
  int64_t time_ms = 0;
  if (!absl::SimpleAtoi(value, &time_ms) || time_ms <= 0) return std::nullopt;
  return time_ms;
}

absl::Status LastSeen::Load(absl::string_view key, absl::string_view value) {
  const std::optional<int64_t> seen_ms = TimeOf(value);
  if (!IsRow(key) || !seen_ms.has_value()) {
    return absl::DataLossError("a row of when a user was seen is damaged");
  }
  const std::string name(key);
  User user = Find(name);
  user.seen_ms = *seen_ms;
  Set(name, user);
  return absl::OkStatus();
}

void LastSeen::LoadMember(const MemberChange& member) {
  if (member.user.empty()) return;
  const std::string key = RowKey(member.name_space, member.user);
  User user = Find(key);
  ++user.sockets;
  Set(key, user);
}

void LastSeen::Apply(const MemberChange& change, int64_t now_ms,
                     std::vector<StateChange>* rows) {
  if (change.user.empty()) return;
  // Who is in the namespace's room with the empty name is online.
  const bool comes = absl::c_linear_search(change.joined, "");
  const bool goes = absl::c_linear_search(change.left, "");
  if (comes == goes) return;
  const std::string key = RowKey(change.name_space, change.user);
  User user = Find(key);
  user.sockets += comes ? 1 : -1;
  if (user.sockets == 0) {
    user.seen_ms = now_ms;
    rows->push_back({key, absl::StrCat(now_ms)});
  }
  Change(key, user);
  if (by_time_.size() <= users_max_) return;
  const std::string longest_away = by_time_.begin()->second;
  User forgotten = Find(longest_away);
  forgotten.seen_ms = 0;
  Change(longest_away, forgotten);
  rows->push_back({longest_away, std::nullopt});
}

void LastSeen::Undo() {
  for (auto it = before_.rbegin(); it != before_.rend(); ++it) {
    Set(it->first, it->second);
  }
  before_.clear();
}

std::optional<int64_t> LastSeen::Of(absl::string_view name_space,
                                    absl::string_view user) const {
  const User found = Find(RowKey(name_space, user));
  if (found.sockets > 0 || found.seen_ms == 0) return std::nullopt;
  return found.seen_ms;
}

void LastSeen::ForEachRow(absl::FunctionRef<void(StateChange row)> each) const {
  for (const auto& [seen_ms, key] : by_time_) {
    each({key, absl::StrCat(seen_ms)});
  }
}

LastSeen::User LastSeen::Find(const std::string& key) const {
  const auto found = users_.find(key);
  return found == users_.end() ? User() : found->second;
}

void LastSeen::Change(const std::string& key, User user) {
  before_.emplace_back(key, Find(key));
  Set(key, user);
}

void LastSeen::Set(const std::string& key, User user) {
  const auto [found, is_new] = users_.try_emplace(key);
  const int64_t before_ms = found->second.seen_ms;
  if (before_ms != user.seen_ms) {
    if (before_ms != 0) by_time_.erase({before_ms, key});
    if (user.seen_ms != 0) by_time_.emplace(user.seen_ms, key);
  }
  found->second = user;
  if (user.sockets == 0 && user.seen_ms == 0) users_.erase(found);
}

}  // namespace roomlog
