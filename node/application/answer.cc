#include "node/application/answer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/json.h"

namespace roomlog {
namespace {

void AppendGap(const std::optional<Gap>& gap, std::string* json) {
  if (!gap.has_value()) {
    json->append("null");
    return;
  }
  json->push_back('{');
  AppendGapMembers(*gap, json);
  json->push_back('}');
}

absl::string_view BoolName(bool value) { return value ? "true" : "false"; }

}  // namespace

absl::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadRequest:
      return "bad_request";
    case ErrorCode::kBadRoom:
      return "bad_room";
    case ErrorCode::kBadEvent:
      return "bad_event";
    case ErrorCode::kBadOffset:
      return "bad_offset";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kForbidden:
      return "forbidden";
    case ErrorCode::kLimit:
      return "limit";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kUnavailable:
      return "unavailable";
  }
  return "bad_request";
}

Refusal RefusalOf(const absl::Status& status) {
  const auto refuse = [&](ErrorCode code) {
    return Refusal{code, std::string(status.message())};
  };
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return refuse(ErrorCode::kBadRequest);
    case absl::StatusCode::kOutOfRange:
      return refuse(ErrorCode::kBadOffset);
    case absl::StatusCode::kResourceExhausted:
      return refuse(ErrorCode::kLimit);
    case absl::StatusCode::kFailedPrecondition:
      return refuse(ErrorCode::kConflict);
    default:
      return refuse(ErrorCode::kUnavailable);
  }
}

std::string ErrorAnswer(const Refusal& refusal) {
  return absl::StrCat("[{\"ok\":false,\"error\":{\"code\":\"",
                      ErrorCodeName(refusal.code),
                      "\",\"message\":", Quote(refusal.message), "}}]");
}

std::string LeaveAnswer() { return "[{\"ok\":true}]"; }

std::string NodeAnswer(absl::string_view node_name) {
  return absl::StrCat("[{\"ok\":true,\"node\":", Quote(node_name), "}]");
}

std::string JoinAnswer(absl::string_view room, Position position,
                       size_t replayed, const std::optional<Gap>& gap) {
  std::string json = absl::StrCat("[{\"ok\":true,\"room\":", Quote(room),
                                  ",\"offset\":\"", FormatPosition(position),
                                  "\",\"replayed\":", replayed, ",\"gap\":");
  AppendGap(gap, &json);
  json.append("}]");
  return json;
}

std::string PublishAnswerJson(Position position, bool duplicate) {
  return absl::StrCat("[{\"ok\":true,\"offset\":\"", FormatPosition(position),
                      "\",\"duplicate\":", BoolName(duplicate), "}]");
}

std::string HistoryAnswerJson(const HistoryAnswer& answer) {
  std::string json =
      absl::StrCat("[{\"ok\":true,\"events\":[", answer.events_json,
                   "],\"more\":", BoolName(answer.more), ",\"gap\":");
  AppendGap(answer.gap, &json);
  json.append("}]");
  return json;
}

std::string PresenceAnswerJson(absl::string_view room, PresenceQuery::What what,
                               const MembersPage& page) {
  std::string json = absl::StrCat("[{\"ok\":true,\"room\":", Quote(room),
                                  ",\"offset\":\"", FormatPosition(page.at),
                                  "\",\"sockets\":", page.socket_count,
                                  ",\"users\":", page.user_count);
  if (what == PresenceQuery::What::kCounts) return json.append("}]");
  json.append(",\"list\":[");
  absl::string_view comma;
  for (const MembersPage::Socket& socket : page.sockets) {
    absl::StrAppend(
        &json, std::exchange(comma, ","), "{\"id\":", Quote(socket.id),
        ",\"user\":", socket.user.empty() ? "null" : Quote(socket.user),
        ",\"away\":", BoolName(socket.is_away), "}");
  }
  for (const MembersPage::User& user : page.users) {
    absl::StrAppend(&json, std::exchange(comma, ","),
                    "{\"user\":", Quote(user.name),
                    ",\"sockets\":", user.sockets,
                    ",\"away\":", BoolName(user.is_away), "}");
  }
  absl::StrAppend(&json, "],\"more\":", BoolName(page.more));
  if (what == PresenceQuery::What::kUser && room.empty()) {
    absl::StrAppend(
        &json, ",\"last_seen\":",
        page.last_seen_ms == 0 ? "null" : absl::StrCat(page.last_seen_ms));
  }
  return json.append("}]");
}

std::string UserStateAnswerJson(absl::string_view user,
                                const UserState& state) {
  const bool is_there = !state.json.empty();
  return absl::StrCat(
      "[{\"ok\":true,\"user\":", Quote(user),
      ",\"state\":", is_there ? state.json : "null", ",\"version\":",
      is_there ? absl::StrCat("\"", FormatPosition(state.version), "\"")
               : "null",
      ",\"expires\":",
      state.expires_ms == 0 ? "null" : absl::StrCat(state.expires_ms), "}]");
}

std::string UserChangedAnswerJson(const std::optional<UserChanged>& changed) {
  return absl::StrCat(
      "[{\"ok\":true,\"version\":",
      changed.has_value()
          ? absl::StrCat("\"", FormatPosition(changed->version), "\"")
          : "null",
      "}]");
}

}  // namespace roomlog
