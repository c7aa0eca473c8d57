// The contract of the log.
#ifndef ROOMLOG_STORAGE_ROOM_LOG_H_
#define ROOMLOG_STORAGE_ROOM_LOG_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/room_key.h"
#include "storage/event.h"

namespace roomlog {

// When an append counts as done.
enum class Durability {
  kSynced,  // It is on the disk, and a power cut leaves it there.
  kWritten  // The operating system has it: it survives the process only.
};

// Keeps the recent events of every room, in the order of their offsets.
//  * Offsets rise from event to event of a room and are never used twice, not
//    after a crash, not in a copy of the files.
//  * An event is there after the crash that its Durability is about, and was
//    not read by anybody before it would be.
//  * The oldest events of a room may be forgotten, by its retention, never one
//    from the middle. `trimmed_through` tells of every event that was.
//  * What is damaged is reported as DATA_LOSS with the file, never given out.
// The storage thread owns the log and alone may call what is not said to be for
// any thread. Every call may wait for disk.
class RoomLog {
 public:
  virtual ~RoomLog() = default;

  // The life of this log. It changes, on opening, when events that somebody may
  // have seen are lost or may be: after a crash of the machine with
  // Durability::kWritten, or if the files are a copy.
  virtual Epoch epoch() const = 0;

  // Beyond every offset that was ever handed out, in this life or an earlier
  // one. Fixed on opening.
  virtual Offset first_offset() const = 0;

  // Makes sure that no later opening begins at or below `through`. Must be
  // called before an offset is used. Is durable whatever the Durability.
  virtual absl::Status ReserveThrough(Offset through) = 0;

  // The room of that name, "<namespace>\0<room>"; a new number if it has none
  // yet. A room that never had events costs no disk, and is forgotten by
  // Release(). INVALID_ARGUMENT: that is no name of a room.
  // RESOURCE_EXHAUSTED: there are kRoomsMax rooms. DATA_LOSS: where the room
  // stands cannot be told; nothing can be appended to it.
  virtual absl::StatusOr<RoomHead> FindRoom(absl::string_view name) = 0;

  // Says that nobody uses the number of this room any more. If the room never
  // had events its number is dropped, and not given again in this process; else
  // nothing happens: a room that was emptied goes on telling that it was.
  virtual void Release(RoomId room) = 0;

  // The offset of the event that has this publish id in the room, if it is
  // still kept.
  virtual absl::StatusOr<std::optional<Offset>> FindPublishId(
      RoomId room, absl::string_view id) = 0;

  // Does what `batch` says, all or none, and sets `previous` of its events. The
  // rooms were given by FindRoom(); offsets lie beyond each room's head and
  // within what was reserved.
  // RESOURCE_EXHAUSTED: the disk is full, or fuller than the reserve allows.
  // UNAVAILABLE: it does not write. After either, nothing of the batch is in
  // the log, its offsets must not be used again, and a later Append() may
  // succeed. INVALID_ARGUMENT: the batch breaks a rule above; nothing happened.
  virtual absl::Status Append(LogBatch* batch, Durability durability) = 0;

  // Makes durable what was only written. For Durability::kWritten at intervals.
  // Any thread.
  virtual absl::Status Sync() = 0;

  // Gives all remembered answers, those of a producer in rising order.
  virtual absl::Status LoadAnswers(
      absl::FunctionRef<void(ProducerAnswers)> each) = 0;

  // Gives all rows of state, by their keys; stops at the first error of `each`
  // and returns it. When the log began a new epoch there are none: what offsets
  // they had would mean nothing.
  virtual absl::Status LoadState(
      absl::FunctionRef<absl::Status(absl::string_view key,
                                     absl::string_view value)>
          each) = 0;

  // Takes away what retention lets go, as of `now_ms`, looking at no more than
  // `rooms_max` rooms; the next call goes on from there. Rooms that hold too
  // much come before those that hold what is too old. A room keeps at least
  // what its retention promises, and for a while up to an eighth, or 64 events,
  // more. Returns how many events went. DATA_LOSS: some are damaged and stay;
  // it is told once for each room.
  virtual absl::StatusOr<size_t> Trim(int64_t now_ms, size_t rooms_max) = 0;

  // Reads from a snapshot: all of a commit or none, and only what is as durable
  // as its commit asked for. Events older than the room's maximal age at
  // `query.now_ms` are never given, trimmed or not. An unknown room is an empty
  // one. DATA_LOSS: what was asked for is damaged. UNAVAILABLE: it cannot be
  // read now. Any thread, at any time, without holding up Append().
  virtual absl::StatusOr<ReadPage> Read(const ReadQuery& query) const = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_ROOM_LOG_H_
