// The log in memory: the reference that says what a RoomLog does.
#ifndef ROOMLOG_STORAGE_MEMORY_ROOM_LOG_H_
#define ROOMLOG_STORAGE_MEMORY_ROOM_LOG_H_

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/memory_disk.h"
#include "storage/retention.h"
#include "storage/room_log.h"

namespace roomlog {

struct MemoryRoomLogOptions {
  RetentionRules retention;
  // Every Append() will ask for Durability::kSynced.
  bool every_commit_synced = true;
};

// Simple rather than fast, and without a clock or a thread, for tests and the
// simulator. Epochs count from 1.
class MemoryRoomLog final : public RoomLog {
 public:
  // `disk` must outlive the log. FAILED_PRECONDITION: it is open already.
  static absl::StatusOr<std::unique_ptr<MemoryRoomLog>> Open(
      MemoryDisk& disk, MemoryRoomLogOptions options = {});
  // Closes in order, unless the disk crashed.
  ~MemoryRoomLog() override;

  Epoch epoch() const override { return epoch_; }
  Offset first_offset() const override { return first_offset_; }
  absl::Status ReserveThrough(Offset through) override;
  absl::StatusOr<RoomHead> FindRoom(absl::string_view name) override;
  void Release(RoomId room) override;
  absl::StatusOr<std::optional<Offset>> FindPublishId(
      RoomId room, absl::string_view id) override;
  absl::Status Append(LogBatch* batch, Durability durability) override;
  absl::Status Sync() override;
  absl::Status LoadAnswers(
      absl::FunctionRef<void(ProducerAnswers)> each) override;
  absl::Status LoadState(
      absl::FunctionRef<absl::Status(absl::string_view, absl::string_view)>
          each) override;
  absl::StatusOr<size_t> Trim(int64_t now_ms, size_t rooms_max) override;
  absl::StatusOr<ReadPage> Read(const ReadQuery& query) const override;

 private:
  struct Event {
    Offset offset;
    Offset previous;
    int64_t time_ms = 0;
    uint32_t flags = 0;
    SharedBytes id;
    SharedBytes packet;
  };
  struct Room {
    RoomId id;
    RoomKey key;
    std::deque<Event> events;
    uint64_t bytes = 0;
    Offset head;
    Offset trimmed_through;
  };

  MemoryRoomLog(MemoryDisk& disk, MemoryDisk::Opening opening,
                MemoryRoomLogOptions options)
      : disk_(disk), opening_(opening), options_(std::move(options)) {}

  // Takes over what the disk holds, and begins a life.
  absl::Status Start() ABSL_LOCKS_EXCLUDED(mutex_);

  Room& RoomOf(const RoomKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Check(const LogBatch& batch) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Do what a record says.
  void Apply(const MemoryDisk::Commit& commit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Apply(const MemoryDisk::Trimmed& trimmed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::StatusOr<size_t> TrimRoom(const Room& room, int64_t now_ms)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  MemoryDisk& disk_;
  const MemoryDisk::Opening opening_;
  const MemoryRoomLogOptions options_;
  Epoch epoch_;
  Offset first_offset_;

  mutable absl::Mutex mutex_;
  Offset reserved_through_ ABSL_GUARDED_BY(mutex_);
  RoomId last_room_id_ ABSL_GUARDED_BY(mutex_);
  std::map<RoomId, Room> rooms_ ABSL_GUARDED_BY(mutex_);
  std::map<RoomKey, RoomId> ids_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<ProducerId, PublishNumber>, ProducerAnswers> answers_
      ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> state_ ABSL_GUARDED_BY(mutex_);
  RoomId trimmed_last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_MEMORY_ROOM_LOG_H_
