// Emit(event, 1, "two", [](auto answer) {...}): the arguments of one emit.
#ifndef ROOMLOG_NODE_SERVER_EMIT_ARGUMENTS_H_
#define ROOMLOG_NODE_SERVER_EMIT_ARGUMENTS_H_

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node/socketio/args.h"

namespace roomlog {

// Told what one other side acknowledged with. Errors: DEADLINE_EXCEEDED
// ("operation has timed out"), UNAVAILABLE (it is gone), RESOURCE_EXHAUSTED.
using AckDone = std::function<void(const absl::StatusOr<Values>& answer)>;

// Told what many acknowledged with: the first value of each. If not all of them
// did in time, why, and what those said who did.
using AcksDone =
    std::function<void(const absl::Status& status, const Values& answers)>;

template <typename Done>
struct EmitArguments {
  Values values;
  Done done;  // Empty: no acknowledgement is wanted.

  template <typename Argument>
  void Take(Argument&& argument) {
    using Plain = std::decay_t<Argument>;
    constexpr bool is_function = !std::is_same_v<Plain, std::nullptr_t> &&
                                 !std::is_constructible_v<Value, Argument&&> &&
                                 std::is_constructible_v<Done, Argument&&>;
    if constexpr (std::is_same_v<Plain, Done> || is_function) {
      done = std::forward<Argument>(argument);
    } else {
      values.push_back(Value(std::forward<Argument>(argument)));
    }
  }
};

template <typename Done, typename... Arguments>
EmitArguments<Done> TakeEmitArguments(Arguments&&... arguments) {
  EmitArguments<Done> taken;
  taken.values.reserve(sizeof...(arguments));
  (taken.Take(std::forward<Arguments>(arguments)), ...);
  return taken;
}

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_EMIT_ARGUMENTS_H_
