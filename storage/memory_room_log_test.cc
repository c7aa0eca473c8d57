#include "storage/memory_room_log.h"

#include "storage/room_log_suite.h"

namespace roomlog {
namespace {

class MemoryLogPlace final : public LogPlace {
 public:
  absl::StatusOr<std::unique_ptr<RoomLog>> Open(
      const Settings& settings) override {
    MemoryRoomLogOptions options;
    options.retention = RetentionRules::Parse(settings.retention).value();
    options.every_commit_synced = settings.every_commit_synced;
    return MemoryRoomLog::Open(*disk_, std::move(options));
  }
  void Crash(bool lose_unsynced) override { disk_->Crash(lose_unsynced); }
  void SetFull(bool full) override { disk_->SetFull(full); }
  void SetSyncFails(bool fails) override { disk_->SetSyncFails(fails); }
  void Copy() override { disk_ = disk_->Copy(); }

 private:
  std::unique_ptr<MemoryDisk> disk_ = std::make_unique<MemoryDisk>();
};

INSTANTIATE_TEST_SUITE_P(Memory, RoomLogTest,
                         ::testing::Values(MakeLogPlace([] {
                           return std::make_unique<MemoryLogPlace>();
                         })));

}  // namespace
}  // namespace roomlog
