// A file system whose disk tests may fill, break and cut the power of.
#ifndef ROOMLOG_STORAGE_FAULTY_FILE_SYSTEM_H_
#define ROOMLOG_STORAGE_FAULTY_FILE_SYSTEM_H_

#include <rocksdb/file_system.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"

namespace roomlog {

// Passes all on to the machine's file system, and remembers what of it was
// synced: the bytes of each file that was appended to, and the names in each
// directory. What is written in place counts as synced, and what is deleted is
// gone. Any thread may call.
class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultyFileSystem();

  static const char* kClassName() { return "FaultyFileSystem"; }
  const char* Name() const override { return kClassName(); }

  // The process is dead: from here on nothing is written.
  void Kill() ABSL_LOCKS_EXCLUDED(mutex_);
  // It dies by itself, after so many more writes and syncs.
  void KillAfter(int64_t operations) ABSL_LOCKS_EXCLUDED(mutex_);
  bool killed() const ABSL_LOCKS_EXCLUDED(mutex_);
  // A new process may write again. Nobody may have a file open.
  void Revive() ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes away what was not synced, but for so many eighths of the bytes at the
  // end of each file. Nobody may have a file open.
  void LoseUnsynced(int kept_eighths = 0) ABSL_LOCKS_EXCLUDED(mutex_);

  // Every write fails half-way: the disk is full, whatever it says of its free
  // space, as it does where there is a quota.
  void SetFull(bool full) ABSL_LOCKS_EXCLUDED(mutex_);
  // What it says of its free space.
  void SetFreeBytes(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  // Every sync fails: with `for_space` because the disk turned out to be full,
  // as it does where space is given out late.
  void SetSyncFails(bool fails, bool for_space = false)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // For the files that it hands out.

  // What becomes of the next write to the disk, or the next sync of it.
  rocksdb::IOStatus BeforeWrite() ABSL_LOCKS_EXCLUDED(mutex_);
  rocksdb::IOStatus BeforeSync() ABSL_LOCKS_EXCLUDED(mutex_);
  void Wrote(const std::string& path, size_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  void Synced(const std::string& path) ABSL_LOCKS_EXCLUDED(mutex_);
  void SyncedDirectory(const std::string& path) ABSL_LOCKS_EXCLUDED(mutex_);

  rocksdb::IOStatus NewWritableFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* result,
      rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus NewRandomRWFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSRandomRWFile>* result,
      rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus NewDirectory(const std::string& path,
                                 const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus DeleteFile(const std::string& path,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus Truncate(const std::string& path, size_t size,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus GetFreeSpace(const std::string& path,
                                 const rocksdb::IOOptions& options,
                                 uint64_t* free_bytes,
                                 rocksdb::IODebugContext* context) override;

 private:
  struct FileBytes {
    uint64_t written = 0;
    uint64_t synced = 0;
  };
  // A name that is not synced yet: where it came from, and what it replaced.
  struct NewName {
    std::string path;
    std::optional<std::string> renamed_from;
    std::optional<std::string> replaced_bytes;
  };

  rocksdb::IOStatus Operate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable std::mutex mutex_;
  std::map<std::string, FileBytes> files_ ABSL_GUARDED_BY(mutex_);
  std::vector<NewName> new_names_ ABSL_GUARDED_BY(mutex_);
  bool killed_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<int64_t> operations_left_ ABSL_GUARDED_BY(mutex_);
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t free_bytes_ ABSL_GUARDED_BY(mutex_) = uint64_t{1} << 50;
  bool sync_fails_ ABSL_GUARDED_BY(mutex_) = false;
  bool sync_fails_for_space_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_FAULTY_FILE_SYSTEM_H_
