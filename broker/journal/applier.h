// Decides what becomes of journal entries, and has the log keep it.
#ifndef ROOMLOG_BROKER_JOURNAL_APPLIER_H_
#define ROOMLOG_BROKER_JOURNAL_APPLIER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/presence_limits.h"
#include "broker/journal/journal.h"
#include "broker/journal/producers.h"
#include "sessions/last_seen.h"
#include "sessions/presence_feed.h"
#include "sessions/session_table.h"
#include "storage/room_log.h"
#include "users/user_expiries.h"
#include "users/user_record.h"

namespace roomlog {

// The apply step: numbers events, recognises what was published before, appends
// the rest. What it does follows from the entries, the time it is given and the
// log alone, so that every copy of the log does the same. The storage thread
// owns it.
class Applier {
 public:
  // Borrows `log`, which nobody else may write to. `presence` says which rooms
  // have a feed of who comes and goes.
  Applier(RoomLog& log, Durability durability, PresenceRules presence = {});

  // Recovers what the log remembers. Comes first.
  absl::Status Open();

  // Adds to `results` who is in which room, as the log remembers it. Comes
  // second, and once.
  void TellMembers(std::vector<JournalResult>* results) const;

  // Applies all `entries` as one commit and adds what came of it to `results`,
  // in order. `now_ms` is the time of day.
  void Apply(std::vector<JournalEntry> entries, int64_t now_ms,
             std::vector<JournalResult>* results);

  // Lets go of what retention and memory need not keep, and finds out whether a
  // log that refused to write does again; a bounded piece of work for when
  // there is time. Whether there is more to do soon.
  bool TidyUp(int64_t now_ms, std::vector<JournalResult>* results);

 private:
  struct Pending;  // What a commit gathers before it is written.

  absl::StatusOr<RoomHead> FindRoom(absl::string_view name);
  absl::Status ReserveOffsets(uint64_t count);
  void Take(const std::shared_ptr<const PublishBatch>& batch, Pending* pending);
  void TakeEphemeral(const std::shared_ptr<const PublishBatch>& batch,
                     Pending* pending);
  PublishedRun TakeEvent(const PublishBatch& batch, size_t index,
                         Pending* pending);
  // Of a batch's event that is a session's operation.
  PublishedRun TakeSession(const PublishBatch& batch, size_t index,
                           Pending* pending);
  // The packet of the event that a batch's operation on a user brings about.
  // `room` is the user's.
  absl::StatusOr<absl::string_view> TakeUser(const RoomHead& room,
                                             absl::string_view room_name,
                                             absl::string_view operation,
                                             Pending* pending);
  // What is kept of a user, with what this commit has changed of it.
  absl::StatusOr<UserRecord> FindUser(const RoomHead& room,
                                      absl::string_view room_name,
                                      const Pending& pending) const;
  void TakeOwner(const JournalEntry& change, Pending* pending);
  // A room that nobody follows: if it was not there, it shall not be, unless
  // this commit brings its first event.
  void ReleaseUnused(RoomId room, const Pending& pending);
  // Makes ephemeral events of the notices that somebody will hear.
  void AddNotices(Pending* pending);
  // Makes events of who came and went since the last call for this commit, and
  // notes who went offline.
  void AddComingsAndGoings(Pending* pending);
  void ExpireSessions(std::vector<JournalResult>* results);
  void ExpireUsers(std::vector<JournalResult>* results);
  void SettleMembers(std::vector<JournalResult>* results);
  void Write(Pending* pending, std::vector<JournalResult>* results);
  // Puts the ephemeral events among those that were written.
  void AddEphemeral(Pending* pending, bool are_reserved);
  RoomsFound Answer(const RoomInquiry& inquiry);
  void Release(const RoomRelease& release);
  void NotePublishing(const absl::Status& status,
                      std::vector<JournalResult>* results);

  RoomLog& log_;
  const Durability durability_;
  Offset next_offset_;
  Offset reserved_through_;
  absl::Status reserved_;  // What became of the last attempt to reserve.
  int64_t last_time_ms_ = 0;
  absl::Status publishing_;
  Producers producers_;
  SessionTable sessions_;
  PresenceFeed presence_;
  UserExpiries user_expiries_;
  LastSeen last_seen_{kLastSeenUsersMax};
  // OwnerGone and OwnerBack whose commit was not written; they come first in
  // the next.
  std::vector<JournalEntry> owners_to_note_;
  bool told_owners_ = false;
  std::vector<std::pair<ProducerId, PublishNumber>> forgotten_answers_;
  // How many inquiries hold each room's number.
  absl::flat_hash_map<RoomId, uint32_t> inquiries_;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_JOURNAL_APPLIER_H_
