// A disk in memory, which tests may fill, break and cut the power of.
#ifndef ROOMLOG_STORAGE_MEMORY_DISK_H_
#define ROOMLOG_STORAGE_MEMORY_DISK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/ids.h"
#include "base/room_key.h"
#include "storage/event.h"

namespace roomlog {

class MemoryDiskObserver;

// Holds all that a MemoryRoomLog ever wrote, as a list of records, of which the
// last ones may not be synced. It outlives the log: a MemoryRoomLog opened on
// it later goes on from there. Any thread may call.
class MemoryDisk {
 public:
  // The log was opened,
  struct Opened {
    Epoch epoch;
    bool every_commit_synced = true;
    uint64_t boot = 0;
  };
  // and closed in order.
  struct Closed {};
  struct Reserved {
    Offset through;
  };
  struct Commit {
    struct Event {
      RoomKey room;
      Offset offset;
      uint32_t flags = 0;
      std::string id;
      std::string packet;
    };
    int64_t time_ms = 0;
    std::vector<Event> events;
    std::vector<ProducerAnswers> answers;
    std::vector<std::pair<ProducerId, PublishNumber>> forgotten_answers;
    std::vector<StateChange> state;
  };
  struct Trimmed {
    RoomKey room;
    Offset through;
  };
  using Record = std::variant<Opened, Closed, Reserved, Commit, Trimmed>;
  // Says which opening of the disk writes.
  using Opening = uint64_t;

  // An empty disk.
  MemoryDisk() = default;

  // Loses power, or the process that wrote: whoever has the disk open can write
  // no more. The first loses what was not synced, and boots the machine anew.
  // `unsynced_kept`: of what was not synced, so many records had reached the
  // disk all the same; the one after them is torn, which its checksum tells.
  void Crash(bool lose_unsynced, size_t unsynced_kept = 0)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The process ends within its next write: whether that is on the disk only
  // the disk knows. Crash() is still to be called.
  void DieAtNextWrite(bool is_written) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether that has happened since.
  bool died_writing() const ABSL_LOCKS_EXCLUDED(mutex_);
  // A bit of the packet of some event flips, whichever `pick` says. False if
  // there is no event.
  bool FlipBit(uint64_t pick, Offset* damaged) ABSL_LOCKS_EXCLUDED(mutex_);
  // While it is full, every write is refused with RESOURCE_EXHAUSTED.
  void SetFull(bool full) ABSL_LOCKS_EXCLUDED(mutex_);
  // While they fail, every write to be synced is refused with UNAVAILABLE.
  void SetSyncFails(bool fails) ABSL_LOCKS_EXCLUDED(mutex_);
  // Is shown what is written, and what is lost again. May be null.
  void set_observer(MemoryDiskObserver* observer) ABSL_LOCKS_EXCLUDED(mutex_);
  // Another disk with the same records: as files that were copied.
  std::unique_ptr<MemoryDisk> Copy() const ABSL_LOCKS_EXCLUDED(mutex_);

  // What follows is for MemoryRoomLog.

  // FAILED_PRECONDITION: somebody has it open.
  absl::Status Open(Opening* opening) ABSL_LOCKS_EXCLUDED(mutex_);
  void Close(Opening opening) ABSL_LOCKS_EXCLUDED(mutex_);
  // Writes nothing if it fails.
  absl::Status Write(Opening opening, Record record, bool sync)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Sync(Opening opening) ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<Record> records() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The checksum of that event is wrong.
  bool IsDamaged(Offset offset) const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t boot() const ABSL_LOCKS_EXCLUDED(mutex_);
  // It came from Copy() and was not opened since.
  bool copied() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Status CheckWritable(Opening opening, bool sync) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::vector<Record> records_ ABSL_GUARDED_BY(mutex_);
  size_t synced_ ABSL_GUARDED_BY(mutex_) = 0;  // So many of them.
  Opening last_opening_ ABSL_GUARDED_BY(mutex_) = 0;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  bool sync_fails_ ABSL_GUARDED_BY(mutex_) = false;
  bool copied_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<bool> dies_at_next_write_ ABSL_GUARDED_BY(mutex_);
  bool died_writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<Offset> damaged_ ABSL_GUARDED_BY(mutex_);
  MemoryDiskObserver* observer_ ABSL_GUARDED_BY(mutex_) = nullptr;
  uint64_t boot_ ABSL_GUARDED_BY(mutex_) = 1;
};

// Sees what is on the disk, whoever may have asked for it.
class MemoryDiskObserver {
 public:
  virtual ~MemoryDiskObserver() = default;
  virtual void OnWritten(const MemoryDisk::Record& record) = 0;
  virtual void OnLost(const MemoryDisk::Record& record) = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_MEMORY_DISK_H_
