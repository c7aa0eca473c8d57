// The journal of a single broker: one thread that writes the local log.
#ifndef ROOMLOG_BROKER_JOURNAL_LOCAL_JOURNAL_H_
#define ROOMLOG_BROKER_JOURNAL_LOCAL_JOURNAL_H_

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mailbox.h"
#include "broker/journal/applier.h"
#include "broker/journal/journal.h"
#include "storage/room_log.h"

namespace roomlog {

// When the disk is asked to keep what was written.
struct DurabilityChoice {
  enum class Kind { kFsync, kInterval, kOs };

  Kind kind = Kind::kFsync;
  absl::Duration interval;  // Of kInterval.
};

// Reads "fsync", "os" or "interval:<duration>". INVALID_ARGUMENT otherwise.
absl::StatusOr<DurabilityChoice> ParseDurability(absl::string_view text);

// Makes what has arrived since the last commit the next one: so one sync serves
// all who wait, and a commit grows with the load. Owns the storage thread.
class LocalJournal final : public Journal {
 public:
  // Borrows all three; they must outlive it. `results` is never refused: the
  // writer waits while it is full. Starts writing at once. `presence` as of
  // Applier.
  static absl::StatusOr<std::unique_ptr<LocalJournal>> Start(
      RoomLog& log, DurabilityChoice durability, const Clock& clock,
      Mailbox<JournalResult>& results, PresenceRules presence = {});
  // Finishes as Finish() does, without results.
  ~LocalJournal() override;

  bool Submit(JournalEntry&& entry) override;

  // Takes no more entries; those taken are still committed and answered.
  void Close();
  // Whether everything that was submitted has been committed and answered.
  bool finished() const { return finished_.load(std::memory_order_acquire); }

 private:
  LocalJournal(RoomLog& log, DurabilityChoice durability, const Clock& clock,
               Mailbox<JournalResult>& results, PresenceRules presence);

  void Run();
  // Takes what has arrived.
  void Take(std::deque<JournalEntry>* waiting);
  // Takes from `waiting` what one commit may hold.
  static std::vector<JournalEntry> NextCommit(
      std::deque<JournalEntry>* waiting);

  RoomLog& log_;
  const DurabilityChoice durability_;
  const Clock& clock_;
  Mailbox<JournalResult>& results_;
  Applier applier_;
  Mailbox<JournalEntry> entries_;
  std::atomic<bool> finished_{false};
  std::thread thread_;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_JOURNAL_LOCAL_JOURNAL_H_
