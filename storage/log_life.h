// Whether a log that is opened goes on with its old life.
#ifndef ROOMLOG_STORAGE_LOG_LIFE_H_
#define ROOMLOG_STORAGE_LOG_LIFE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "proto/log.pb.h"
#include "storage/log_marker.h"

namespace roomlog {

// What is found on opening.
struct FoundLog {
  // What the database says; nothing if it is new.
  std::optional<proto::LogMeta> meta;
  // What the file ROOMLOG says; nothing if it was not there or is damaged.
  std::optional<LogMarker> marker;
  FileIdentity identity;  // Of ROOMLOG, as it is now.
  std::string boot_id;    // Of the machine, as it is now.
  bool lost_tail = false;
};

struct LogLife {
  Epoch epoch;
  Offset reserved_through;  // Beyond it nothing was ever handed out.
  // Why the epoch is new; empty if it is not.
  std::string new_epoch_reason;
};

// A new epoch is `now_ms`, or one more than the last if that is not greater. It
// begins whenever events may be lost that somebody has seen, or if another log
// may have gone on from the same events.
LogLife DecideLife(const FoundLog& found, int64_t now_ms);

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_LOG_LIFE_H_
