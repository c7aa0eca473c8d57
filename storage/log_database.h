// The RocksDB database of a log: opened, tuned, and its five column families.
#ifndef ROOMLOG_STORAGE_LOG_DATABASE_H_
#define ROOMLOG_STORAGE_LOG_DATABASE_H_

#include <rocksdb/db.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"

namespace roomlog {

struct LogDatabaseOptions {
  std::string directory;
  size_t block_cache_bytes = size_t{64} << 20;
  // Bytes of events gathered in memory before they are written to a file. Three
  // such may exist at a time, and three half as large of commits.
  size_t write_buffer_bytes = size_t{64} << 20;
  std::shared_ptr<rocksdb::FileSystem> file_system;
  // Kept from opening to opening, so that a cache is not counted twice.
  std::shared_ptr<rocksdb::Cache> block_cache;
};

// Owns an open database. Whoever reads it must be done before it is destroyed.
class LogDatabase {
 public:
  // With `create`, makes a database if there is none. FAILED_PRECONDITION:
  // another process has it open, or it is of a later version. DATA_LOSS: it is
  // damaged, or there is none and `create` is false.
  static absl::StatusOr<std::unique_ptr<LogDatabase>> Open(
      const LogDatabaseOptions& options, bool create);
  ~LogDatabase();
  LogDatabase(const LogDatabase&) = delete;
  LogDatabase& operator=(const LogDatabase&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* rows() const { return handles_[0]; }
  rocksdb::ColumnFamilyHandle* events() const { return handles_[1]; }
  rocksdb::ColumnFamilyHandle* publish_ids() const { return handles_[2]; }
  rocksdb::ColumnFamilyHandle* commits() const { return handles_[3]; }
  rocksdb::ColumnFamilyHandle* state() const { return handles_[4]; }

  // No commit that begins before this has a row any more: all of it is among
  // the events. Spares who looks for the others walking over the deleted ones.
  // Any thread; it only rises. Whoever reads asks before taking a snapshot.
  Offset staged_from() const {
    return Offset(staged_from_.load(std::memory_order_acquire));
  }
  void set_staged_from(Offset offset) {
    staged_from_.store(offset.value(), std::memory_order_release);
  }

  // The write-ahead log was damaged before its end: what came after is lost,
  // though some of it may have been synced.
  bool lost_tail() const { return lost_tail_; }

 private:
  LogDatabase() = default;

  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  bool lost_tail_ = false;
  std::atomic<uint64_t> staged_from_{0};
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_LOG_DATABASE_H_
