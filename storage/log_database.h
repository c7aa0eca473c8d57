// The RocksDB database of a log: opened, tuned, and its three column families.
#ifndef ROOMLOG_STORAGE_LOG_DATABASE_H_
#define ROOMLOG_STORAGE_LOG_DATABASE_H_

#include <rocksdb/db.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace roomlog {

struct LogDatabaseOptions {
  std::string directory;
  size_t block_cache_bytes = size_t{64} << 20;
  // Bytes of events gathered in memory before they are written to a file. Three
  // such may exist at a time.
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

  // The write-ahead log was damaged before its end: what came after is lost,
  // though some of it may have been synced.
  bool lost_tail() const { return lost_tail_; }

 private:
  LogDatabase() = default;

  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  bool lost_tail_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_LOG_DATABASE_H_
