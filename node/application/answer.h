// What the room application answers: the arguments of acknowledgements.
// docs/client-api.md says the same to those who write clients.
#ifndef ROOMLOG_NODE_APPLICATION_ANSWER_H_
#define ROOMLOG_NODE_APPLICATION_ANSWER_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/position.h"
#include "node/rooms/gap.h"
#include "node/rooms/history_page.h"
#include "node/server/presence_query.h"
#include "node/server/user_state.h"

namespace roomlog {

// Why a request is refused. Clients compare these, so a name once used stays.
enum class ErrorCode {
  kBadRequest,
  kBadRoom,
  kBadEvent,
  kBadOffset,
  kTooLarge,
  kForbidden,
  kLimit,
  kConflict,
  kUnavailable,
};

// "bad_request" and so on.
absl::string_view ErrorCodeName(ErrorCode code);

struct Refusal {
  ErrorCode code;
  std::string message;  // For people: what is wrong, with the facts.
};

// What the backplane's errors are to a client.
Refusal RefusalOf(const absl::Status& status);

// Each is a JSON array of one object, as Ack::SendJson() takes it.
std::string ErrorAnswer(const Refusal& refusal);
std::string LeaveAnswer();
std::string NodeAnswer(absl::string_view node_name);
std::string JoinAnswer(absl::string_view room, Position position,
                       size_t replayed, const std::optional<Gap>& gap);
std::string PublishAnswerJson(Position position, bool duplicate);
std::string HistoryAnswerJson(const HistoryAnswer& answer);
std::string PresenceAnswerJson(absl::string_view room, PresenceQuery::What what,
                               const MembersPage& page);

std::string UserStateAnswerJson(absl::string_view user, const UserState& state);
// Nothing: there was no state to remove.
std::string UserChangedAnswerJson(const std::optional<UserChanged>& changed);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_APPLICATION_ANSWER_H_
