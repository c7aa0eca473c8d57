#include "storage/retention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/limits.h"
#include "base/name_pattern.h"
#include "base/user_room.h"

namespace roomlog {
namespace {

// Events that a room may hold beyond its bounds before it is trimmed, at least.
constexpr uint64_t kSlackEventsMin = 64;

// `a` - `b`, or the lowest number there is.
int64_t SubtractSaturated(int64_t a, int64_t b) {
  int64_t difference;
  if (__builtin_sub_overflow(a, b, &difference)) {
    return b > 0 ? std::numeric_limits<int64_t>::min()
                 : std::numeric_limits<int64_t>::max();
  }
  return difference;
}

// Whether `held` is past `bound` by more than an eighth and more than `slack`.
bool PastSlack(uint64_t held, uint64_t bound, uint64_t slack) {
  return held > bound && held - bound > std::max(bound / 8, slack);
}

absl::Status ParseAge(absl::string_view text, absl::Duration* age) {
  absl::string_view days_text = text;
  double days;
  if (absl::ConsumeSuffix(&days_text, "d") &&
      absl::SimpleAtod(days_text, &days) && std::isfinite(days)) {
    *age = absl::Hours(24) * days;
  } else if (!absl::ParseDuration(std::string(text), age)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a duration, such as 90m, 24h, 7d"));
  }
  if (*age < absl::Milliseconds(1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("an age of \"", text, "\" keeps nothing"));
  }
  return absl::OkStatus();
}

absl::Status ParseCount(absl::string_view text, uint64_t* count) {
  // SimpleAtoi() takes white space and a sign.
  if (text.empty() ||
      !std::all_of(text.begin(), text.end(),
                   [](char c) { return c >= '0' && c <= '9'; }) ||
      !absl::SimpleAtoi(text, count)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a number"));
  }
  if (*count == 0) return absl::InvalidArgumentError("0 keeps nothing");
  return absl::OkStatus();
}

absl::Status ParseBytes(absl::string_view text, uint64_t* bytes) {
  static constexpr std::pair<const char*, int> kUnits[] = {
      {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  absl::string_view number = text;
  int shift = 0;
  for (const auto& [unit, unit_shift] : kUnits) {
    if (absl::ConsumeSuffix(&number, unit)) {
      shift = unit_shift;
      break;
    }
  }
  absl::Status status = ParseCount(number, bytes);
  if (!status.ok()) return status;
  if (*bytes > std::numeric_limits<uint64_t>::max() >> shift) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is more than fits 64 bits"));
  }
  *bytes <<= shift;
  return absl::OkStatus();
}

absl::Status ParseBound(absl::string_view text, Retention* retention) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  if (parts.size() == 2) {
    if (parts[0] == "age") return ParseAge(parts[1], &retention->age_max);
    if (parts[0] == "events") {
      return ParseCount(parts[1], &retention->events_max);
    }
    if (parts[0] == "bytes") return ParseBytes(parts[1], &retention->bytes_max);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is none of age:, events:, bytes:"));
}

}  // namespace

int64_t Retention::ExpiredBefore(int64_t now_ms) const {
  return SubtractSaturated(now_ms, absl::ToInt64Milliseconds(age_max));
}

bool Retention::Exceeded(uint64_t events, uint64_t bytes) const {
  if (events == 0) return false;
  return PastSlack(events, events_max, kSlackEventsMin) ||
         PastSlack(bytes, bytes_max, kSlackEventsMin * (bytes / events));
}

bool Retention::Outlived(int64_t oldest_ms, int64_t now_ms) const {
  return oldest_ms < SubtractSaturated(ExpiredBefore(now_ms),
                                       absl::ToInt64Milliseconds(age_max) / 8);
}

absl::StatusOr<RetentionRules::Rule> RetentionRules::ParseRule(
    absl::string_view text) {
  // The names may hold anything, the bounds no "=".
  const size_t equals = text.rfind('=');
  if (equals == absl::string_view::npos) {
    return absl::InvalidArgumentError("it has no \"=\"");
  }
  const absl::string_view patterns = text.substr(0, equals);
  const absl::string_view bounds = text.substr(equals + 1);
  Rule rule;
  const size_t colon = patterns.find(':');
  if (colon != absl::string_view::npos) {
    rule.name_space_pattern = std::string(patterns.substr(0, colon));
    rule.room_pattern = std::string(patterns.substr(colon + 1));
  } else if (patterns == "*") {
    rule.name_space_pattern = "*";
    rule.room_pattern = "*";
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", patterns, "\" is not namespace:room, nor * for every room"));
  }
  if (rule.name_space_pattern.empty()) {
    return absl::InvalidArgumentError(
        "no namespace has an empty name; the main one is /");
  }
  for (absl::string_view bound : absl::StrSplit(bounds, ',')) {
    absl::Status status = ParseBound(bound, &rule.retention);
    if (!status.ok()) return status;
  }
  return rule;
}

absl::StatusOr<RetentionRules> RetentionRules::Parse(
    const std::vector<std::string>& rules) {
  RetentionRules parsed;
  for (const std::string& text : rules) {
    absl::StatusOr<Rule> rule = ParseRule(text);
    if (!rule.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "retention rule \"", text, "\": ", rule.status().message()));
    }
    parsed.rules_.push_back(*std::move(rule));
  }
  return parsed;
}

const Retention& RetentionRules::For(const RoomKey& room) const {
  // Their last event is what is kept of a user.
  static const Retention users{.age_max = absl::InfiniteDuration(),
                               .events_max = kUserEventsKept};
  if (IsUserRoom(room.room())) return users;
  static const Retention dismissals{.age_max = kRevocationsKept,
                                    .events_max = kRevocationsKeptMax};
  if (room.name_space() == "/$node" && room.room() == kDismissalsRoom) {
    return dismissals;
  }
  for (const Rule& rule : rules_) {
    if (MatchesPattern(rule.name_space_pattern, room.name_space()) &&
        MatchesPattern(rule.room_pattern, room.room())) {
      return rule.retention;
    }
  }
  return default_;
}

}  // namespace roomlog
