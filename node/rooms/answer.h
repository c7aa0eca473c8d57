// What the room application answers: the arguments of acknowledgements.
// docs/client-api.md says the same to those who write clients.
#ifndef ROOMLOG_NODE_ROOMS_ANSWER_H_
#define ROOMLOG_NODE_ROOMS_ANSWER_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/position.h"
#include "node/rooms/gap.h"

namespace roomlog {

// Why a request is refused. Clients compare these, so a name once used stays.
enum class ErrorCode {
  kBadRequest,
  kBadRoom,
  kBadEvent,
  kBadOffset,
  kTooLarge,
  kLimit,
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

// Each is a JSON array of one object, as Socket::Acknowledge() takes it.
std::string ErrorAnswer(const Refusal& refusal);
std::string LeaveAnswer();
std::string NodeAnswer(absl::string_view node_name);
std::string JoinAnswer(absl::string_view room, Position position,
                       size_t replayed, const std::optional<Gap>& gap);
std::string PublishAnswerJson(Position position, bool duplicate);
// `events` is the inside of a JSON array.
std::string HistoryAnswer(absl::string_view events, bool more,
                          const std::optional<Gap>& gap);

// The packet of the event `roomlog:gap`, by which a member of `room` hears of a
// gap in what it would have got; `name_space` is the room's.
std::string GapPacket(absl::string_view name_space, absl::string_view room,
                      const Gap& gap);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_ANSWER_H_
