// Matchers for absl::Status and absl::StatusOr; Debian's Abseil has none yet.
#ifndef ROOMLOG_TEST_STATUS_MATCHERS_H_
#define ROOMLOG_TEST_STATUS_MATCHERS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"

namespace roomlog {

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg);
  return arg.ok();
}

MATCHER_P(StatusIs, code, "has the code " + absl::StatusCodeToString(code)) {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).code() == code;
}

MATCHER_P(IsOkAndHolds, matcher, "is OK and holds what matches") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  using Value = std::decay_t<decltype(*arg)>;
  return ::testing::ExplainMatchResult(
      ::testing::SafeMatcherCast<const Value&>(matcher), *arg, result_listener);
}

}  // namespace roomlog

#endif  // ROOMLOG_TEST_STATUS_MATCHERS_H_
