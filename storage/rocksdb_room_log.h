// The log on disk, in RocksDB.
#ifndef ROOMLOG_STORAGE_ROCKSDB_ROOM_LOG_H_
#define ROOMLOG_STORAGE_ROCKSDB_ROOM_LOG_H_

#include <rocksdb/write_batch.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/limits.h"
#include "proto/log.pb.h"
#include "storage/commit_row.h"
#include "storage/event_pack.h"
#include "storage/log_database.h"
#include "storage/log_marker.h"
#include "storage/retention.h"
#include "storage/room_log.h"
#include "storage/room_table.h"
#include "storage/staged_commits.h"

namespace roomlog {

struct RocksdbRoomLogOptions {
  // Made if it is not there.
  std::string directory;
  RetentionRules retention;
  // Every Append() will ask for Durability::kSynced. Only then does a log stay
  // the same life after a crash of the machine.
  bool every_commit_synced = true;
  // Append() refuses when less than this is free. What is left is for the rest
  // of the machine, for compaction, and for trimming, which frees space.
  uint64_t disk_reserve_bytes = uint64_t{1} << 30;

  // Memory: the cache, and five write buffers, and 64 MiB for the rest.
  size_t block_cache_bytes = size_t{64} << 20;
  size_t write_buffer_bytes = size_t{64} << 20;

  // What follows is for tests. Nothing here means the machine's own.
  size_t staged_commits_max = kStagedCommitsMax;
  std::shared_ptr<rocksdb::FileSystem> file_system;
  std::string boot_id;
  absl::Time now = absl::Now();  // For a new epoch.
  // How long a log that failed to write waits before it tries again, and how
  // long it believes that there is space.
  absl::Duration retry_interval = absl::Seconds(1);
};

// docs/log-format.md says what is on disk. Beyond the contract:
//  * After a failed write the log stops writing; reading goes on. If the disk
//    was full, a later call that finds space opens the database anew and goes
//    on. After any other error it stays stopped until the process is started
//    again: a disk that failed to sync may have forgotten what it was given.
//  * Each failed append is noted in the file ROOMLOG, in place, so that its
//    events are taken away should they be found after a crash. Only if that
//    note fails too may the next opening find them: then whole, with their
//    answers, as after a crash before the answer.
class RocksdbRoomLog final : public RoomLog {
 public:
  // FAILED_PRECONDITION: another broker uses the directory, or a later version
  // wrote it. DATA_LOSS: it is damaged so that no room can be told; a damaged
  // file of events makes only those unreadable.
  static absl::StatusOr<std::unique_ptr<RocksdbRoomLog>> Open(
      RocksdbRoomLogOptions options);
  // Syncs and closes in order, if it still writes.
  ~RocksdbRoomLog() override;

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

  // Why this life has a new epoch; empty if it goes on with the old one. For
  // the operator.
  const std::string& new_epoch_reason() const { return new_epoch_reason_; }

 private:
  // Where a room will stand when the batch is written.
  struct RoomAdvance {
    RoomState* room;
    Offset head;
    uint64_t events_ever;
    uint64_t bytes_ever;
    // Its events, as a list through next_in_room_.
    uint32_t first_event;
    uint32_t last_event;
  };
  struct RoomCut {
    RoomState* room;
    Offset trimmed_through;
    uint64_t trimmed_events;
    uint64_t trimmed_bytes;
    int64_t oldest_ms;
  };

  explicit RocksdbRoomLog(RocksdbRoomLogOptions options);

  // ---- Opening ----

  absl::Status Start();
  absl::Status MakeDirectory();
  // DATA_LOSS: there are files of a database, but not those that name it.
  absl::Status CheckNoRemains();
  absl::Status BeginLife();
  absl::Status LoadRooms();
  // Reads where the room stands from its last pack, if that is not known. OK if
  // that is damaged: see RoomState::head_damaged.
  absl::Status LoadHead(RoomState* room);
  // FAILED_PRECONDITION: a later version wrote it.
  absl::Status ReadMeta(std::optional<proto::LogMeta>* meta);
  absl::Status ForEachCommit(
      absl::FunctionRef<absl::Status(const CommitRowReader&)> each);
  // Takes the rows of commits into staged_.
  absl::Status LoadCommits();
  absl::Status LoadCommit(const CommitRowReader& row,
                          absl::flat_hash_map<RoomId, Offset>* settled);
  // Put into undo_ what belongs to failed appends.
  absl::Status UndoPacks();
  absl::Status UndoCommits();
  void UndoCommit(const CommitRowReader& row);
  void UndoIds(const EventPackReader& pack);
  absl::Status UndoAnswers();
  bool IsVoid(Offset offset) const;

  // ---- Writing ----

  // OK if the database takes writes, once it was opened anew if need be.
  absl::Status EnsureWriting();
  // OK if the disk has more free space than the reserve.
  absl::Status CheckSpace();
  // OK if a file can be written that is about what opening anew will write.
  absl::Status ProbeSpace();
  absl::Status WriteUndo();
  // Writes batch_. Once it fails the log is stopped.
  absl::Status WriteBatch(bool sync);
  absl::Status WriteMeta(Offset reserved_through, bool closed);
  // Remembers to take away what batch_ may have left on the disk; not packs, if
  // those in it are of earlier commits.
  void NoteFailedAppend(const LogBatch& batch, bool undo_packs);

  // Checks `batch` and lines its events up by room in advances_.
  absl::Status GroupByRoom(LogBatch* batch);
  // Puts the events of one room into batch_ if `direct`, and else into
  // commit_row_ and, for later, into staged_.
  void PutEvents(const LogBatch& batch, bool direct, RoomAdvance* advance);
  void PutPack(const NumberPairKey& key,
               absl::Span<const absl::string_view> value);
  void PutCommitRow(Offset first);
  // Puts events of `staged` into their rooms, by batch_, and if they are the
  // last, deletes the rows of its commits.
  void PutGiven(StagedCommits* staged, size_t events_min);
  // After batch_ was written with all that was left of `staged`.
  void ForgetStaged(StagedCommits* staged);
  absl::Status Settle(StagedCommits* staged);
  absl::Status SettleAll();
  // If the newer generation is full, it becomes the older one.
  absl::Status BeginGeneration();
  // The database was opened anew: was it settled before, or not?
  absl::Status LookFor(StagedCommits* staged);
  void PutRow(const RoomState& room, Offset head, Offset trimmed_through,
              uint64_t trimmed_events, uint64_t trimmed_bytes);
  void QueueForTrim(RoomState* room);

  // ---- Trimming ----

  // Puts into batch_ and `cuts` what goes of the room. False if it stopped
  // because `events_left` ran out.
  absl::StatusOr<bool> TrimRoom(RoomState* room, int64_t now_ms,
                                rocksdb::Iterator* packs, size_t* events_left,
                                std::vector<RoomCut>* cuts);

  const RocksdbRoomLogOptions options_;
  const LogDatabaseOptions database_options_;
  const LogMarkerFile marker_file_;
  const SystemClock clock_;

  // Readers hold it while they read; it is taken whole to open the database
  // anew. The storage thread alone changes the pointer.
  mutable std::shared_mutex database_mutex_;
  std::unique_ptr<LogDatabase> database_;
  std::mutex sync_mutex_ ABSL_ACQUIRED_AFTER(database_mutex_);
  absl::Status sync_ ABSL_GUARDED_BY(sync_mutex_);  // The first that failed.

  Epoch epoch_;
  Offset first_offset_;
  std::string new_epoch_reason_;
  Offset reserved_through_;
  FileIdentity identity_;
  LogMarker marker_;

  RoomTable rooms_;
  // Two generations of commits that are not in their rooms yet: while the newer
  // one grows, the older one is put there with each commit a little.
  StagedCommits settling_;
  StagedCommits staged_;
  Offset staged_from_;  // Of the database, while it is opened anew.
  RoomId last_room_id_;
  std::deque<RoomId> trim_queue_;  // Rooms over their bounds.
  size_t next_trim_place_ = 0;     // Of the room to look at for its age.

  // Why the log does not write; OK while it does.
  absl::Status stopped_;
  // Takes away what failed appends may have left, once the database is open.
  rocksdb::WriteBatch undo_;
  absl::Duration retry_at_;  // By the steady clock.
  absl::Duration check_space_at_;
  absl::Status space_;  // As it was found last.

  // Scratch, kept so that a commit needs no new memory.
  rocksdb::WriteBatch batch_;
  EventPackWriter pack_writer_;
  std::vector<RoomAdvance> advances_;
  std::vector<uint32_t> next_in_room_;
  CommitRowWriter commit_row_;
  std::vector<rocksdb::Slice> value_parts_;
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_ROCKSDB_ROOM_LOG_H_
