#include "storage/state_rows.h"

#include <memory>
#include <string>

#include "storage/rocksdb_status.h"

namespace roomlog {

rocksdb::Status PutState(const LogDatabase& database,
                         absl::Span<const StateChange> changes,
                         rocksdb::WriteBatch* batch) {
  for (const StateChange& change : changes) {
    const rocksdb::Status status =
        change.value.has_value()
            ? batch->Put(database.state(), change.key, *change.value)
            : batch->Delete(database.state(), change.key);
    if (!status.ok()) return status;
  }
  return rocksdb::Status::OK();
}

absl::Status PutStateAsItIs(const LogDatabase& database,
                            absl::Span<const StateChange> changes,
                            rocksdb::WriteBatch* undo) {
  for (const StateChange& change : changes) {
    std::string value;
    const rocksdb::Status found = database.db().Get(
        rocksdb::ReadOptions(), database.state(), change.key, &value);
    if (!found.ok() && !found.IsNotFound()) {
      return ToAbslStatus(found, "reading what a row of state was");
    }
    const rocksdb::Status put =
        found.ok() ? undo->Put(database.state(), change.key, value)
                   : undo->Delete(database.state(), change.key);
    if (!put.ok()) return ToAbslStatus(put, "keeping what a row of state was");
  }
  return absl::OkStatus();
}

rocksdb::Status DropState(const LogDatabase& database,
                          rocksdb::WriteBatch* batch) {
  std::unique_ptr<rocksdb::Iterator> rows(
      database.db().NewIterator(rocksdb::ReadOptions(), database.state()));
  rows->SeekToLast();
  if (!rows->Valid()) return rows->status();
  // The last one is not within the range.
  const rocksdb::Status status =
      batch->DeleteRange(database.state(), rocksdb::Slice(), rows->key());
  return status.ok() ? batch->Delete(database.state(), rows->key()) : status;
}

absl::Status LoadStateRows(
    const LogDatabase& database,
    absl::FunctionRef<absl::Status(absl::string_view, absl::string_view)>
        each) {
  std::unique_ptr<rocksdb::Iterator> rows(
      database.db().NewIterator(rocksdb::ReadOptions(), database.state()));
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    absl::Status status = each(ToView(rows->key()), ToView(rows->value()));
    if (!status.ok()) return status;
  }
  return ToAbslStatus(rows->status(), "reading the rows of state");
}

}  // namespace roomlog
