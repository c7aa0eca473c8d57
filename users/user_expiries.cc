#include "users/user_expiries.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

// "x<namespace>\0<room>": when, in milliseconds since 1970, in decimal.
constexpr char kRowPrefix = 'x';

}  // namespace

bool UserExpiries::IsRow(absl::string_view key) {
  return !key.empty() && key.front() == kRowPrefix;
}

absl::Status UserExpiries::Load(absl::string_view key,
                                absl::string_view value) {
  int64_t expires_ms = 0;
  if (!IsRow(key) || !absl::SimpleAtoi(value, &expires_ms) || expires_ms <= 0) {
    return absl::DataLossError("a row of the users' expiries is damaged");
  }
  SetInMemory(std::string(key.substr(1)), expires_ms);
  return absl::OkStatus();
}

void UserExpiries::Set(absl::string_view room, int64_t expires_ms,
                       std::vector<StateChange>* rows) {
  const auto found = by_room_.find(room);
  const int64_t before = found == by_room_.end() ? 0 : found->second;
  if (before == expires_ms) return;
  std::string name(room);
  StateChange row;
  row.key = absl::StrCat(absl::string_view(&kRowPrefix, 1), room);
  if (expires_ms != 0) row.value = absl::StrCat(expires_ms);
  rows->push_back(std::move(row));
  SetInMemory(name, expires_ms);
  before_.emplace_back(std::move(name), before);
}

void UserExpiries::Undo() {
  for (auto it = before_.rbegin(); it != before_.rend(); ++it) {
    SetInMemory(it->first, it->second);
  }
  before_.clear();
}

std::optional<std::string> UserExpiries::FirstDue(int64_t now_ms) const {
  if (by_time_.empty() || by_time_.begin()->first > now_ms) return std::nullopt;
  return by_time_.begin()->second;
}

void UserExpiries::SetInMemory(const std::string& room, int64_t expires_ms) {
  const auto found = by_room_.find(room);
  if (found != by_room_.end()) {
    by_time_.erase({found->second, room});
    if (expires_ms == 0) {
      by_room_.erase(found);
      return;
    }
    found->second = expires_ms;
  } else {
    if (expires_ms == 0) return;
    by_room_.emplace(room, expires_ms);
  }
  by_time_.emplace(expires_ms, room);
}

}  // namespace roomlog
