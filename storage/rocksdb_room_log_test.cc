#include "storage/rocksdb_room_log.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "storage/faulty_file_system.h"
#include "storage/room_log_suite.h"

namespace roomlog {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

// A directory of its own for each test.
class TestDirectory {
 public:
  TestDirectory() {
    std::string name = ::testing::TempDir() + "/roomlog-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TestDirectory() { fs::remove_all(path_); }

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

class RocksdbLogPlace final : public LogPlace {
 public:
  absl::StatusOr<std::unique_ptr<RoomLog>> Open(
      const Settings& settings) override {
    // No file is open any more if this is a new process.
    if (disk_->killed()) {
      disk_->Revive();
      if (std::exchange(power_cut_, false)) disk_->LoseUnsynced(kept_eighths_);
    }
    return RocksdbRoomLog::Open(OptionsFor(settings));
  }
  void Crash(bool lose_unsynced) override {
    disk_->Kill();
    power_cut_ = lose_unsynced;
    if (lose_unsynced) ++boot_;
  }
  void SetFull(bool full) override { disk_->SetFull(full); }
  void SetSyncFails(bool fails) override { disk_->SetSyncFails(fails); }
  void Copy() override {
    const fs::path to = root_.path() / "copy";
    fs::copy(directory_, to, fs::copy_options::recursive);
    directory_ = to;
  }

  RocksdbRoomLogOptions OptionsFor(const Settings& settings) const {
    RocksdbRoomLogOptions options;
    options.directory = directory_;
    options.retention = RetentionRules::Parse(settings.retention).value();
    options.every_commit_synced = settings.every_commit_synced;
    options.write_buffer_bytes = 1 << 20;
    options.file_system = disk_;
    options.boot_id = absl::StrCat("boot ", boot_);
    options.retry_interval = absl::ZeroDuration();
    return options;
  }
  // What a power cut leaves of what was not synced.
  void set_kept_eighths(int eighths) { kept_eighths_ = eighths; }
  const fs::path& directory() const { return directory_; }
  FaultyFileSystem& disk() { return *disk_; }

  // The files whose names end so, in order.
  std::vector<fs::path> Files(absl::string_view suffix) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (absl::EndsWith(entry.path().string(), suffix) &&
          fs::file_size(entry.path()) > 0) {
        files.push_back(entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    return files;
  }

 private:
  const TestDirectory root_;
  fs::path directory_ = root_.path() / "log";
  const std::shared_ptr<FaultyFileSystem> disk_ =
      std::make_shared<FaultyFileSystem>();
  int boot_ = 1;
  bool power_cut_ = false;
  int kept_eighths_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Rocksdb, RoomLogTest,
                         ::testing::Values(MakeLogPlace([] {
                           return std::make_unique<RocksdbLogPlace>();
                         })));

}  // namespace
}  // namespace roomlog
