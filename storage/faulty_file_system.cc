#include "storage/faulty_file_system.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

using ::rocksdb::IODebugContext;
using ::rocksdb::IOOptions;
using ::rocksdb::IOStatus;
using ::rocksdb::Slice;

std::string DirectoryOf(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().parent_path().string();
}

std::string Normal(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

std::optional<std::string> BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class AppendedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  AppendedFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path,
               FaultyFileSystem& disk)
      : FSWritableFileOwnerWrapper(std::move(file)),
        path_(std::move(path)),
        disk_(disk) {}

  IOStatus Append(const Slice& data, const IOOptions& options,
                  IODebugContext* context) override {
    const IOStatus fate = disk_.BeforeWrite();
    const Slice written(data.data(), fate.ok()          ? data.size()
                                     : fate.IsNoSpace() ? data.size() / 2
                                                        : 0);
    const IOStatus status =
        FSWritableFileOwnerWrapper::Append(written, options, context);
    if (status.ok()) disk_.Wrote(path_, written.size());
    return fate.ok() ? status : fate;
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&,
                  IODebugContext* context) override {
    return Append(data, options, context);
  }
  IOStatus Allocate(uint64_t offset, uint64_t length, const IOOptions& options,
                    IODebugContext* context) override {
    const IOStatus fate = disk_.BeforeWrite();
    if (!fate.ok()) return fate;
    return FSWritableFileOwnerWrapper::Allocate(offset, length, options,
                                                context);
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    // Not synced in earnest: no test cuts the power of this machine.
    const IOStatus fate = disk_.BeforeSync();
    if (fate.ok()) disk_.Synced(path_);
    return fate;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    return Sync(options, context);
  }

 private:
  const std::string path_;
  FaultyFileSystem& disk_;
};

class OverwrittenFile final : public rocksdb::FSRandomRWFileOwnerWrapper {
 public:
  OverwrittenFile(std::unique_ptr<rocksdb::FSRandomRWFile> file,
                  FaultyFileSystem& disk)
      : FSRandomRWFileOwnerWrapper(std::move(file)), disk_(disk) {}

  IOStatus Write(uint64_t offset, const Slice& data, const IOOptions& options,
                 IODebugContext* context) override {
    // In place: a full disk takes it.
    const IOStatus fate = disk_.BeforeWrite();
    if (!fate.ok() && !fate.IsNoSpace()) return fate;
    return FSRandomRWFileOwnerWrapper::Write(offset, data, options, context);
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    return disk_.BeforeSync();
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    return Sync(options, context);
  }

 private:
  FaultyFileSystem& disk_;
};

class SyncedDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  SyncedDirectory(std::unique_ptr<rocksdb::FSDirectory> directory,
                  std::string path, FaultyFileSystem& disk)
      : FSDirectoryWrapper(std::move(directory)),
        path_(std::move(path)),
        disk_(disk) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    const IOStatus fate = disk_.BeforeSync();
    if (fate.ok()) disk_.SyncedDirectory(path_);
    return fate;
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options,
                               IODebugContext* context,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, context);
  }

 private:
  const std::string path_;
  FaultyFileSystem& disk_;
};

}  // namespace

FaultyFileSystem::FaultyFileSystem()
    : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

void FaultyFileSystem::Kill() {
  const std::lock_guard lock(mutex_);
  killed_ = true;
}

void FaultyFileSystem::KillAfter(int64_t operations) {
  const std::lock_guard lock(mutex_);
  operations_left_ = operations;
}

bool FaultyFileSystem::killed() const {
  const std::lock_guard lock(mutex_);
  return killed_;
}

void FaultyFileSystem::Revive() {
  const std::lock_guard lock(mutex_);
  killed_ = false;
  operations_left_.reset();
}

void FaultyFileSystem::LoseUnsynced(int kept_eighths) {
  const std::lock_guard lock(mutex_);
  for (auto& [path, bytes] : files_) {
    if (!std::filesystem::exists(path)) continue;
    bytes.synced += (bytes.written - bytes.synced) * kept_eighths / 8;
    bytes.written = bytes.synced;
    std::filesystem::resize_file(path, bytes.synced);
  }
  for (auto name = new_names_.rbegin(); name != new_names_.rend(); ++name) {
    if (!std::filesystem::exists(name->path)) continue;
    const auto bytes = files_.extract(name->path);
    if (!name->renamed_from.has_value()) {
      std::filesystem::remove(name->path);
      continue;
    }
    std::filesystem::rename(name->path, *name->renamed_from);
    if (!bytes.empty()) files_[*name->renamed_from] = bytes.mapped();
    if (name->replaced_bytes.has_value()) {
      std::ofstream(name->path, std::ios::binary) << *name->replaced_bytes;
    }
  }
  new_names_.clear();
}

void FaultyFileSystem::SetFull(bool full) {
  const std::lock_guard lock(mutex_);
  full_ = full;
}

void FaultyFileSystem::SetFreeBytes(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  free_bytes_ = bytes;
}

void FaultyFileSystem::SetSyncFails(bool fails, bool for_space) {
  const std::lock_guard lock(mutex_);
  sync_fails_ = fails;
  sync_fails_for_space_ = for_space;
}

IOStatus FaultyFileSystem::Operate() {
  if (operations_left_.has_value() && (*operations_left_)-- <= 0) {
    killed_ = true;
  }
  if (killed_) return IOStatus::IOError("the process was killed");
  return IOStatus::OK();
}

IOStatus FaultyFileSystem::BeforeWrite() {
  const std::lock_guard lock(mutex_);
  IOStatus status = Operate();
  if (status.ok() && full_) return IOStatus::NoSpace("the disk is full");
  return status;
}

IOStatus FaultyFileSystem::BeforeSync() {
  const std::lock_guard lock(mutex_);
  IOStatus status = Operate();
  if (!status.ok() || !sync_fails_) return status;
  return sync_fails_for_space_ ? IOStatus::NoSpace("no space to sync")
                               : IOStatus::IOError("no sync");
}

void FaultyFileSystem::Wrote(const std::string& path, size_t bytes) {
  const std::lock_guard lock(mutex_);
  files_[path].written += bytes;
}

void FaultyFileSystem::Synced(const std::string& path) {
  const std::lock_guard lock(mutex_);
  FileBytes& bytes = files_[path];
  bytes.synced = bytes.written;
}

void FaultyFileSystem::SyncedDirectory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  std::erase_if(new_names_, [&](const NewName& name) {
    return DirectoryOf(name.path) == path;
  });
}

IOStatus FaultyFileSystem::NewWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* context) {
  IOStatus status = BeforeWrite();
  if (!status.ok()) return status;
  const bool existed = std::filesystem::exists(path);
  status = FileSystemWrapper::NewWritableFile(path, options, result, context);
  if (!status.ok()) return status;
  *result =
      std::make_unique<AppendedFile>(std::move(*result), Normal(path), *this);
  const std::lock_guard lock(mutex_);
  files_[Normal(path)] = FileBytes();
  if (!existed) {
    NewName& name = new_names_.emplace_back();
    name.path = Normal(path);
  }
  return status;
}

IOStatus FaultyFileSystem::NewRandomRWFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSRandomRWFile>* result, IODebugContext* context) {
  const IOStatus status =
      FileSystemWrapper::NewRandomRWFile(path, options, result, context);
  if (status.ok()) {
    *result = std::make_unique<OverwrittenFile>(std::move(*result), *this);
  }
  return status;
}

IOStatus FaultyFileSystem::NewDirectory(
    const std::string& path, const IOOptions& options,
    std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext* context) {
  const IOStatus status =
      FileSystemWrapper::NewDirectory(path, options, result, context);
  if (status.ok()) {
    *result = std::make_unique<class SyncedDirectory>(std::move(*result),
                                                      Normal(path), *this);
  }
  return status;
}

IOStatus FaultyFileSystem::DeleteFile(const std::string& path,
                                      const IOOptions& options,
                                      IODebugContext* context) {
  {
    const std::lock_guard lock(mutex_);
    const IOStatus status = Operate();
    if (!status.ok()) return status;
    files_.erase(Normal(path));
    std::erase_if(new_names_, [&](const NewName& name) {
      return name.path == Normal(path);
    });
  }
  return FileSystemWrapper::DeleteFile(path, options, context);
}

IOStatus FaultyFileSystem::RenameFile(const std::string& from,
                                      const std::string& to,
                                      const IOOptions& options,
                                      IODebugContext* context) {
  const std::lock_guard lock(mutex_);
  IOStatus status = Operate();
  if (!status.ok()) return status;
  NewName name;
  name.path = Normal(to);
  name.renamed_from = Normal(from);
  name.replaced_bytes = BytesOf(to);
  status = FileSystemWrapper::RenameFile(from, to, options, context);
  if (!status.ok()) return status;
  files_.erase(Normal(to));
  auto bytes = files_.extract(Normal(from));
  if (!bytes.empty()) files_[Normal(to)] = bytes.mapped();
  new_names_.push_back(std::move(name));
  return status;
}

IOStatus FaultyFileSystem::Truncate(const std::string& path, size_t size,
                                    const IOOptions& options,
                                    IODebugContext* context) {
  const std::lock_guard lock(mutex_);
  IOStatus status = Operate();
  if (!status.ok()) return status;
  const auto file = files_.find(Normal(path));
  if (file != files_.end()) {
    file->second.written = size;
    file->second.synced = std::min<uint64_t>(file->second.synced, size);
  }
  return FileSystemWrapper::Truncate(path, size, options, context);
}

IOStatus FaultyFileSystem::GetFreeSpace(const std::string&, const IOOptions&,
                                        uint64_t* free_bytes, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  *free_bytes = free_bytes_;
  return IOStatus::OK();
}

}  // namespace roomlog
