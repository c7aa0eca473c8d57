#include "broker/journal/local_journal.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/limits.h"

namespace roomlog {
namespace {

constexpr absl::Duration kTidyInterval = absl::Seconds(1);
// While there is more to trim: what comes in must not outrun what goes.
constexpr absl::Duration kBusyTidyInterval = absl::Milliseconds(100);

constexpr absl::Duration kShortestSyncInterval = absl::Milliseconds(1);

}  // namespace

absl::StatusOr<DurabilityChoice> ParseDurability(absl::string_view text) {
  if (text == "fsync") return DurabilityChoice{};
  if (text == "os") return DurabilityChoice{DurabilityChoice::Kind::kOs, {}};
  absl::string_view span = text;
  if (absl::ConsumePrefix(&span, "interval:")) {
    DurabilityChoice choice{DurabilityChoice::Kind::kInterval, {}};
    if (absl::ParseDuration(span, &choice.interval) &&
        choice.interval >= kShortestSyncInterval &&
        choice.interval < absl::InfiniteDuration()) {
      return choice;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown durability \"", text,
      "\": use fsync, os, or interval:<duration> such as interval:1s"));
}

absl::StatusOr<std::unique_ptr<LocalJournal>> LocalJournal::Start(
    RoomLog& log, DurabilityChoice durability, const Clock& clock,
    Mailbox<JournalResult>& results, PresenceRules presence) {
  std::unique_ptr<LocalJournal> journal(
      new LocalJournal(log, durability, clock, results, std::move(presence)));
  absl::Status status = journal->applier_.Open();
  if (!status.ok()) return status;
  journal->thread_ = std::thread([raw = journal.get()] { raw->Run(); });
  return journal;
}

LocalJournal::LocalJournal(RoomLog& log, DurabilityChoice durability,
                           const Clock& clock, Mailbox<JournalResult>& results,
                           PresenceRules presence)
    : log_(log),
      durability_(durability),
      clock_(clock),
      results_(results),
      applier_(log,
               durability.kind == DurabilityChoice::Kind::kFsync
                   ? Durability::kSynced
                   : Durability::kWritten,
               std::move(presence)),
      entries_(kJournalMailboxEntriesMax) {}

LocalJournal::~LocalJournal() {
  entries_.Close();
  results_.Close();
  if (thread_.joinable()) thread_.join();
}

bool LocalJournal::Submit(JournalEntry&& entry) {
  return entries_.TryPut(std::move(entry));
}

void LocalJournal::Close() { entries_.Close(); }

std::vector<JournalEntry> LocalJournal::NextCommit(
    std::deque<JournalEntry>* waiting) {
  std::vector<JournalEntry> entries;
  size_t events = 0;
  size_t bytes = 0;
  while (!waiting->empty()) {
    if (const auto* batch = std::get_if<std::shared_ptr<const PublishBatch>>(
            &waiting->front())) {
      events += (*batch)->events.size();
      bytes += (*batch)->packets.size();
      const bool full = events > kEventsPerCommitMax || bytes > kCommitBytesMax;
      if (full && !entries.empty()) break;
    }
    entries.push_back(std::move(waiting->front()));
    waiting->pop_front();
  }
  return entries;
}

void LocalJournal::Take(std::deque<JournalEntry>* waiting) {
  std::vector<JournalEntry> taken;
  entries_.Take(kJournalMailboxEntriesMax, &taken);
  std::move(taken.begin(), taken.end(), std::back_inserter(*waiting));
}

void LocalJournal::Run() {
  const bool syncs_at_intervals =
      durability_.kind == DurabilityChoice::Kind::kInterval;
  std::deque<JournalEntry> waiting;
  std::vector<JournalResult> results;
  absl::Duration next_tidy = clock_.Steady() + kTidyInterval;
  absl::Duration next_sync = clock_.Steady() + durability_.interval;
  bool unsynced = false;
  const auto deliver = [&] {
    for (JournalResult& result : results) results_.Put(std::move(result));
    results.clear();
  };
  applier_.TellMembers(&results);
  deliver();
  while (true) {
    if (waiting.empty()) {
      if (entries_.Finished()) break;
      absl::Duration until = next_tidy;
      if (unsynced) until = std::min(until, next_sync);
      entries_.Wait(until - clock_.Steady());
      Take(&waiting);
    }
    if (!waiting.empty()) {
      std::vector<JournalEntry> entries = NextCommit(&waiting);
      applier_.Apply(std::move(entries), absl::ToUnixMillis(clock_.Now()),
                     &results);
      deliver();
      unsynced = syncs_at_intervals;
    }
    const absl::Duration now = clock_.Steady();
    if (unsynced && now >= next_sync) {
      const absl::Status synced = log_.Sync();
      if (!synced.ok()) results.push_back(PublishingState{synced});
      next_sync = now + durability_.interval;
      unsynced = false;
    }
    if (now >= next_tidy) {
      const bool trims_on =
          applier_.TidyUp(absl::ToUnixMillis(clock_.Now()), &results);
      next_tidy = now + (trims_on ? kBusyTidyInterval : kTidyInterval);
    }
    deliver();
  }
  finished_.store(true, std::memory_order_release);
  results_.Close();
}

}  // namespace roomlog
