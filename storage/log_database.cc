#include "storage/log_database.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <cstdarg>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/rocksdb_status.h"

namespace roomlog {
namespace {

// What each of the three small column families gathers in memory.
constexpr size_t kSmallWriteBufferBytes = size_t{16} << 20;
// Open files, each with an index and a filter in the block cache at most.
constexpr int kOpenFilesMax = 1024;

// RocksDB's diary would lie on the disk that it writes about. When that is
// full, the next line of it ends the process: Debian's build asserts that no
// line was lost. What matters comes back as a status.
class NoDiary final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::DBOptions DatabaseOptions(const LogDatabaseOptions& options,
                                   rocksdb::Env* env) {
  rocksdb::DBOptions db;
  db.env = env;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  // A file of the write-ahead log that is missing or too short is noticed.
  db.track_and_verify_wals_in_manifest = true;
  // Write-ahead logs live until every column family has written what they hold:
  // the small ones are made to, before the logs grow past this.
  db.max_total_wal_size = 4 * options.write_buffer_bytes;
  // One flush and one compaction at a time leave a core of two to the broker.
  db.max_background_jobs = 2;
  db.max_open_files = kOpenFilesMax;
  db.bytes_per_sync = 1 << 20;  // Write out as we go, not all at the end.
  db.info_log = std::make_shared<NoDiary>();
  db.stats_dump_period_sec = 0;
  // The log has one writer, and the hint of the memtable needs that.
  db.allow_concurrent_memtable_write = false;
  // After a failure we decide when to go on; see RocksdbRoomLog.
  db.max_bgerror_resume_count = 0;
  return db;
}

rocksdb::BlockBasedTableOptions TableOptions(
    const LogDatabaseOptions& options) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = options.block_cache;
  // So that memory does not grow with what is stored.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  return table;
}

// Rows that are looked up by their whole key.
rocksdb::ColumnFamilyOptions LookupOptions(const LogDatabaseOptions& options) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = kSmallWriteBufferBytes;
  family.memtable_prefix_bloom_size_ratio = 0.02;
  family.memtable_whole_key_filtering = true;
  family.compression = rocksdb::kLZ4Compression;
  rocksdb::BlockBasedTableOptions table = TableOptions(options);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

rocksdb::ColumnFamilyOptions EventsOptions(const LogDatabaseOptions& options) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = options.write_buffer_bytes;
  family.max_write_buffer_number = 3;
  // Each room appends at its own end: the memtable remembers where that is. It
  // nearly doubles the speed of inserting.
  family.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(8));
  // A filter of the rooms that a file has: whoever looks for a room, in either
  // direction, touches no file without it. Every iterator stays within a room.
  family.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(8));
  // Young files are soon rewritten; older ones are worth the work.
  family.compression = rocksdb::kLZ4Compression;
  family.compression_per_level = {
      rocksdb::kNoCompression,  rocksdb::kNoCompression,
      rocksdb::kLZ4Compression, rocksdb::kLZ4Compression,
      rocksdb::kLZ4Compression, rocksdb::kLZ4Compression,
      rocksdb::kLZ4Compression};
  rocksdb::BlockBasedTableOptions table = TableOptions(options);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.whole_key_filtering = false;
  table.block_size = 16 << 10;  // A history of 100 events in a block or two.
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

// Rows that are written once, read by whoever reads a room, and deleted soon:
// most of them never come to a file.
rocksdb::ColumnFamilyOptions CommitsOptions(const LogDatabaseOptions& options) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = options.write_buffer_bytes / 2;
  // Most of what is in one is deleted by the time it is full: it costs no file.
  family.max_write_buffer_number = 3;
  family.compression = rocksdb::kNoCompression;
  family.table_factory.reset(
      rocksdb::NewBlockBasedTableFactory(TableOptions(options)));
  return family;
}

// What went wrong on opening, in words for whoever has to mend it.
absl::Status OpenError(const std::string& directory,
                       const rocksdb::Status& status) {
  const std::string text = status.ToString();
  if (status.IsIOError() &&
      (absl::StrContains(text, "lock hold by current process") ||
       absl::StrContains(text, "While lock file"))) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory, " is in use by another broker (", text, ")"));
  }
  if (absl::StrContains(text, "Column families not opened")) {
    return absl::FailedPreconditionError(absl::StrCat(
        directory, " was written by a later version (", text, ")"));
  }
  // "does not exist (create_if_missing is false)", or a file that is named in
  // another is not there.
  if (status.IsInvalidArgument() || status.IsNotFound() ||
      status.IsPathNotFound()) {
    return absl::DataLossError(absl::StrCat("files of the log are missing in ",
                                            directory, ": ", text));
  }
  return ToAbslStatus(status,
                      absl::StrCat("the log in ", directory, " is not opened"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogDatabase>> LogDatabase::Open(
    const LogDatabaseOptions& options, bool create) {
  std::unique_ptr<LogDatabase> database(new LogDatabase);
  database->env_ = rocksdb::NewCompositeEnv(options.file_system);
  rocksdb::DBOptions db_options =
      DatabaseOptions(options, database->env_.get());
  db_options.create_if_missing = create;
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, LookupOptions(options)},
      {"events", EventsOptions(options)},
      {"ids", LookupOptions(options)},
      {"commits", CommitsOptions(options)},
      {"state", LookupOptions(options)}};

  // First as strict as a crash allows: only the last record of a write-ahead
  // log may be torn. If more is wrong, all up to there.
  for (const rocksdb::WALRecoveryMode mode :
       {rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords,
        rocksdb::WALRecoveryMode::kPointInTimeRecovery}) {
    db_options.wal_recovery_mode = mode;
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(
        db_options, options.directory, families, &database->handles_, &db);
    if (status.ok()) {
      database->db_.reset(db);
      return database;
    }
    if (!status.IsCorruption() || database->lost_tail_) {
      return OpenError(options.directory, status);
    }
    database->lost_tail_ = true;
  }
  return absl::InternalError("unreachable");
}

LogDatabase::~LogDatabase() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }
  // What matters was synced before; there is nobody left to tell.
  db_->Close().PermitUncheckedError();
}

}  // namespace roomlog
