#include "users/user_record.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/event_array.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "proto/users.pb.h"
#include "users/json_merge.h"

namespace roomlog {
namespace {

constexpr absl::string_view kEventName = "\"roomlog:user\"";

std::string Packet(absl::string_view name_space, absl::string_view user,
                   absl::string_view change, const UserRecord& record) {
  return absl::StrCat(
      "2", name_space == "/" ? "" : absl::StrCat(name_space, ","), "[",
      kEventName, ",{\"user\":", Quote(user), ",\"change\":\"", change,
      "\",\"state\":", record.state.empty() ? "null" : record.state,
      ",\"expires\":",
      record.expires_ms == 0 ? "null" : absl::StrCat(record.expires_ms), "}]");
}

// How deep `json` nests.
size_t DepthOf(absl::string_view json) {
  size_t depth = 0;
  size_t deepest = 0;
  bool is_in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (is_in_string) {
      if (c == '\\') ++i;
      if (c == '"') is_in_string = false;
    } else if (c == '"') {
      is_in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

absl::Status CheckState(absl::string_view what, absl::string_view json) {
  if (json.size() > kUserStateBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " of ", json.size(), " bytes, more than ", kUserStateBytesMax));
  }
  if (!IsUtf8(json) || !IsJson(json) || json.front() != '{') {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " that is no JSON object"));
  }
  if (DepthOf(json) > kUserStateDepthMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " nested more than ", kUserStateDepthMax, " deep"));
  }
  return absl::OkStatus();
}

absl::Status CheckVersion(const UserRecord& record, uint64_t expected,
                          int64_t now_ms) {
  const bool is_there = record.IsThere(now_ms);
  const uint64_t version = is_there ? record.version.value() : 0;
  if (version == expected) return absl::OkStatus();
  return absl::FailedPreconditionError(
      is_there ? "the state was changed since that version"
               : "there is no state, or no more");
}

}  // namespace

absl::StatusOr<UserRecord> ParseUserEvent(absl::string_view packet,
                                          Offset offset) {
  const auto damaged = [] {
    return absl::DataLossError("a user's record that is none");
  };
  const absl::string_view array = EventArray(packet);
  if (array.empty() || !IsJson(array)) return damaged();
  const auto elements = Elements(array, 2);
  if (!elements.has_value() || elements->size() != 2 ||
      elements->front() != kEventName || elements->back().front() != '{') {
    return damaged();
  }
  const auto members = Members(elements->back(), 16);
  if (!members.has_value()) return damaged();
  UserRecord record;
  record.version = offset;
  for (const auto& [name, value] : *members) {
    if (name == "state" && value != "null") {
      if (value.front() != '{') return damaged();
      record.state = std::string(value);
    } else if (name == "expires" && value != "null" &&
               !absl::SimpleAtoi(value, &record.expires_ms)) {
      return damaged();
    }
  }
  return record;
}

absl::StatusOr<UserChange> ChangeUser(const UserRecord& record,
                                      absl::string_view name_space,
                                      absl::string_view user,
                                      absl::string_view operation,
                                      int64_t now_ms) {
  proto::UserOperation parsed;
  if (!parsed.ParseFromArray(operation.data(),
                             static_cast<int>(operation.size()))) {
    return absl::InvalidArgumentError("a malformed user's operation");
  }
  if (user.empty()) return absl::InvalidArgumentError("a user without a name");
  if (parsed.ttl_ms() >
      static_cast<uint64_t>(absl::ToInt64Milliseconds(kUserStateTtlMax))) {
    return absl::InvalidArgumentError(
        absl::StrCat("a time of ", parsed.ttl_ms(), " ms to live"));
  }
  UserRecord after;
  absl::Status status;
  absl::string_view name;
  switch (parsed.change_case()) {
    case proto::UserOperation::kSet:
      name = "set";
      status = CheckState("a state", parsed.set());
      after.state = parsed.set();
      break;
    case proto::UserOperation::kMerge:
      name = "merge";
      status = CheckState("a change of a state", parsed.merge());
      if (!status.ok()) break;
      if (record.IsThere(now_ms)) after = record;
      after.state =
          MergeJson(after.state.empty() ? "{}" : after.state, parsed.merge());
      status = CheckState("a state", after.state);
      break;
    case proto::UserOperation::kRemove:
      name = "delete";
      break;
    case proto::UserOperation::CHANGE_NOT_SET:
      return absl::InvalidArgumentError(
          "a user's operation that this broker does not know");
  }
  if (!status.ok()) return status;
  if (parsed.has_if_version()) {
    status = CheckVersion(record, parsed.if_version(), now_ms);
    if (!status.ok()) return status;
  }
  if (parsed.has_remove() && !record.IsThere(now_ms)) {
    return absl::NotFoundError("the user has no state");
  }
  if (parsed.has_ttl_ms() && !parsed.has_remove()) {
    after.expires_ms = now_ms + static_cast<int64_t>(parsed.ttl_ms());
  }
  return UserChange{Packet(name_space, user, name, after), after.expires_ms};
}

std::string UserExpiredPacket(absl::string_view name_space,
                              absl::string_view user) {
  return Packet(name_space, user, "expire", UserRecord());
}

}  // namespace roomlog
