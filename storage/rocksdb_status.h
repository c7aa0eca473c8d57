// What RocksDB says, in our words.
#ifndef ROOMLOG_STORAGE_ROCKSDB_STATUS_H_
#define ROOMLOG_STORAGE_ROCKSDB_STATUS_H_

#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace roomlog {

// RESOURCE_EXHAUSTED: the disk is full. DATA_LOSS: damage. UNAVAILABLE: any
// other failure of the disk. The message begins with `what` and names the file.
absl::Status ToAbslStatus(const rocksdb::Status& status,
                          absl::string_view what);

inline absl::string_view ToView(const rocksdb::Slice& slice) {
  return absl::string_view(slice.data(), slice.size());
}
inline rocksdb::Slice ToSlice(absl::string_view view) {
  return rocksdb::Slice(view.data(), view.size());
}

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_ROCKSDB_STATUS_H_
