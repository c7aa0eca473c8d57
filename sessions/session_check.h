// What a session's operation must keep to.
#ifndef ROOMLOG_SESSIONS_SESSION_CHECK_H_
#define ROOMLOG_SESSIONS_SESSION_CHECK_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/sessions.pb.h"

namespace roomlog {

// The namespace of the rooms in which nodes are told things.
inline constexpr absl::string_view kNodeNamespace = "/$node";

// OK if `operation` is well-formed and within the bounds of base/limits.h by
// itself; INVALID_ARGUMENT otherwise.
absl::Status CheckSessionOperation(const proto::SessionOperation& operation);

// OK if `record` may be kept.
absl::Status CheckSessionRecord(const proto::SessionRecord& record);

}  // namespace roomlog

#endif  // ROOMLOG_SESSIONS_SESSION_CHECK_H_
