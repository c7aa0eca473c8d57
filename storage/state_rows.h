// The rows of state, in RocksDB.
#ifndef ROOMLOG_STORAGE_STATE_ROWS_H_
#define ROOMLOG_STORAGE_STATE_ROWS_H_

#include <rocksdb/write_batch.h>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/state_change.h"
#include "storage/log_database.h"

namespace roomlog {

// Puts `changes` into `batch`.
rocksdb::Status PutState(const LogDatabase& database,
                         absl::Span<const StateChange> changes,
                         rocksdb::WriteBatch* batch);

// Puts into `undo` what makes the rows of `changes`, which were not written, as
// they are now.
absl::Status PutStateAsItIs(const LogDatabase& database,
                            absl::Span<const StateChange> changes,
                            rocksdb::WriteBatch* undo);

// Puts into `batch` that every row goes.
rocksdb::Status DropState(const LogDatabase& database,
                          rocksdb::WriteBatch* batch);

absl::Status LoadStateRows(
    const LogDatabase& database,
    absl::FunctionRef<absl::Status(absl::string_view, absl::string_view)> each);

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_STATE_ROWS_H_
