// The seam behind which the order is made and kept.
#ifndef ROOMLOG_BROKER_JOURNAL_JOURNAL_H_
#define ROOMLOG_BROKER_JOURNAL_JOURNAL_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "base/ids.h"
#include "broker/journal/publish_batch.h"
#include "sessions/member_change.h"
#include "storage/event.h"

namespace roomlog {

// Asks for the heads of rooms that a node wants to follow. Until it is released
// each room keeps its number.
struct RoomInquiry {
  NodeNumber node;
  std::vector<RoomHandle> handles;
  std::vector<std::string> rooms;  // "<namespace>\0<room>", unchecked.
};

// Gives back rooms that an inquiry gave, once for each time it did.
struct RoomRelease {
  std::vector<RoomId> rooms;
};

// A producer is gone, or there (again): its sessions' windows run, or do not.
struct OwnerGone {
  ProducerId producer;
  bool said_goodbye = false;  // Else it was silent for its lease.
};
struct OwnerBack {
  ProducerId producer;
};

using JournalEntry =
    std::variant<std::shared_ptr<const PublishBatch>, RoomInquiry, RoomRelease,
                 OwnerGone, OwnerBack>;

// What became of consecutive publishes of a batch.
struct PublishedRun {
  PublishNumber first_number;
  uint32_t count = 0;
  Offset first_offset;     // The others follow one by one,
  bool duplicate = false;  // but a duplicate stands alone.
  absl::Status status;     // Not OK: not appended, and the numbers used up.
  // What a session's operation is answered by; then the run stands alone. Not
  // there when an answer is repeated.
  std::string session;
};

struct BatchAnswer {
  NodeNumber node;
  uint32_t events = 0;  // What the batch held,
  size_t bytes = 0;     // which is now answered.
  std::vector<PublishedRun> runs;
  // Not 0: nothing was taken, for numbers are missing before the batch; the
  // producer must send again from this one.
  PublishNumber expected;

  // Not 0: it was a batch of ephemeral events, and there are no runs.
  uint64_t ephemeral_request = 0;
  // The room of each; 0 if nobody follows it.
  std::vector<RoomId> ephemeral_rooms;
  absl::Status ephemeral_status;  // Why none was taken, or one had no room.
};

// What one commit appended or hands on, and what its publishers are to be told.
// Immutable.
struct Commit {
  int64_t time_ms = 0;
  // In the order of the log; borrow from `batches`. Ephemeral ones have offsets
  // in this order too, which no event in the log has.
  std::vector<NewEvent> events;
  std::vector<std::shared_ptr<const PublishBatch>> batches;
  std::vector<BatchAnswer> answers;
  // What some ephemeral events borrow from: notices of sessions.
  std::deque<std::string> notices;
};

// Answers a RoomInquiry. Of a room that has a head, every commit that comes
// after this answer is beyond it, and none that came before.
struct RoomsFound {
  struct Room {
    RoomHandle handle;
    absl::Status status;  // Not OK: the room has no number.
    RoomHead head;
  };
  NodeNumber node;
  std::vector<Room> rooms;
};

// Publishing has stopped, or goes on again.
struct PublishingState {
  absl::Status status;
};

// Comes first, if there are any: who owns sessions, as the log remembers.
// Whoever of them does not greet within a lease is gone.
struct OwnersFound {
  std::vector<ProducerId> owners;
};

// Who came into rooms and who left, in order: first of all those whom the log
// remembers, then what each commit did, before the commit itself.
struct MembersChanged {
  std::vector<MemberChange> changes;
  // Rows of LastSeen: of users who went offline, and of those forgotten.
  std::vector<StateChange> seen;
  // All changes up to this offset have been told, and none beyond.
  Offset through;
  bool is_complete = true;  // False: more of what the log remembers follows.
};

using JournalResult =
    std::variant<std::shared_ptr<const Commit>, RoomsFound, PublishingState,
                 OwnersFound, MembersChanged>;

// Takes entries and gives results, both in order. Nobody above it knows how the
// order is made: today one thread writes the local log; a replicated log can
// take its place. Results come to the owner's thread by a way of their own.
class Journal {
 public:
  virtual ~Journal() = default;

  // False, and `entry` untouched, if it is full: try again after some results.
  // From the owner's thread.
  virtual bool Submit(JournalEntry&& entry) = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_JOURNAL_JOURNAL_H_
