#include "test/sim/simulated_broker.h"

#include <iterator>
#include <set>
#include <utility>

#include "base/room_key.h"
#include "sessions/room_members.h"

namespace roomlog {
namespace {

constexpr absl::Duration kCommitDelayMax = absl::Milliseconds(3);
constexpr absl::Duration kHandOverDelayMax = absl::Milliseconds(1);
constexpr absl::Duration kReadDelayMax = absl::Milliseconds(10);
constexpr absl::Duration kTickInterval = absl::Milliseconds(250);

}  // namespace

absl::StatusOr<std::unique_ptr<SimulatedBroker>> SimulatedBroker::Start(
    SimulatedBrokerOptions options, MemoryDisk& disk, FakeClock& clock,
    EventQueue& events, FakeNetwork& network) {
  MemoryRoomLogOptions log_options;
  log_options.every_commit_synced = options.durability == Durability::kSynced;
  log_options.retention = options.retention;
  auto memory_log = MemoryRoomLog::Open(disk, std::move(log_options));
  if (!memory_log.ok()) {
    disk.Crash(/*lose_unsynced=*/false);
    return memory_log.status();
  }
  std::unique_ptr<RoomLog> log = *std::move(memory_log);
  if (options.wrap_log) log = options.wrap_log(std::move(log), disk);
  auto applier = std::make_unique<Applier>(*log, options.durability);
  const absl::Status status = applier->Open();
  if (!status.ok()) return status;
  std::unique_ptr<SimulatedBroker> broker(
      new SimulatedBroker(std::move(options), disk, clock, events, network));
  broker->log_ = std::move(log);
  broker->applier_ = std::move(applier);
  SimulatedBroker* const self = broker.get();
  broker->transport_ = network.Attach(
      "", [self](absl::string_view from, IncomingMessage message) {
        self->Take(std::string(from), std::move(message));
      });
  BrokerCore::Log say = [self](absl::string_view line) {
    if (self->options_.log) {
      const_cast<BrokerCore::Log&>(self->options_.log)(line);
    }
  };
  broker->core_ = std::make_unique<BrokerCore>(
      broker->log_->epoch(), broker->options_.limits, clock,
      static_cast<Journal&>(*broker), static_cast<HistoryReads&>(*broker),
      *broker->transport_, std::move(say));
  std::vector<JournalResult> members;
  broker->applier_->TellMembers(&members);
  for (JournalResult& result : members) {
    broker->core_->OnJournalResult(std::move(result));
  }
  broker->Tick();
  return broker;
}

SimulatedBroker::SimulatedBroker(SimulatedBrokerOptions options,
                                 MemoryDisk& disk, FakeClock& clock,
                                 EventQueue& events, FakeNetwork& network)
    : options_(std::move(options)),
      random_(options_.seed),
      disk_(disk),
      clock_(clock),
      events_(events),
      network_(network) {}

SimulatedBroker::~SimulatedBroker() {
  *alive_ = false;
  network_.Detach("");
}

void SimulatedBroker::Take(const std::string& from, IncomingMessage message) {
  messages_.emplace_back(from, std::move(message));
  EndTurn();
}

void SimulatedBroker::EndTurn() {
  while (!messages_.empty() && core_->ready_for_messages()) {
    auto [from, message] = std::move(messages_.front());
    messages_.pop_front();
    core_->OnMessage(from, std::move(message));
  }
  core_->EndTurn();
}

bool SimulatedBroker::Submit(JournalEntry&& entry) {
  if (entries_.size() >= options_.journal_entries_max) return false;
  entries_.push_back(std::move(entry));
  BeginCommit();
  return true;
}

void SimulatedBroker::BeginCommit() {
  if (committing_ || entries_.empty()) return;
  committing_ = true;
  Later(kCommitDelayMax + slowness_, [this] { Commit(); });
}

void SimulatedBroker::Commit() {
  committing_ = false;
  std::vector<JournalEntry> entries(std::make_move_iterator(entries_.begin()),
                                    std::make_move_iterator(entries_.end()));
  entries_.clear();
  std::vector<JournalResult> results;
  applier_->Apply(std::move(entries), absl::ToUnixMillis(clock_.Now()),
                  &results);
  if (DiedWriting()) return;
  results_.insert(results_.end(), std::make_move_iterator(results.begin()),
                  std::make_move_iterator(results.end()));
  Later(kHandOverDelayMax, [this] { HandOver(); });
}

bool SimulatedBroker::DiedWriting() {
  if (!disk_.died_writing()) return false;
  *alive_ = false;  // Nothing of it is heard any more.
  network_.Detach("");
  if (options_.on_death) events_.After({}, options_.on_death);
  return true;
}

void SimulatedBroker::HandOver() {
  for (JournalResult& result : std::exchange(results_, {})) {
    core_->OnJournalResult(std::move(result));
  }
  EndTurn();
}

bool SimulatedBroker::Submit(HistoryRead read) {
  Later(kReadDelayMax + slowness_, [this, read = std::move(read)] {
    core_->OnReadDone({read.node, read.request, log_->Read(read.query)});
    EndTurn();
  });
  return true;
}

void SimulatedBroker::Tick() {
  if (!is_paused_) {
    core_->OnTick();
    std::vector<JournalResult> results;
    applier_->TidyUp(absl::ToUnixMillis(clock_.Now()), &results);
    if (DiedWriting()) return;
    if (options_.durability == Durability::kWritten && random_() % 4 == 0) {
      log_->Sync().IgnoreError();
    }
    results_.insert(results_.end(), std::make_move_iterator(results.begin()),
                    std::make_move_iterator(results.end()));
    HandOver();
  }
  events_.After(kTickInterval, [this, alive = alive_] {
    if (*alive) Tick();
  });
}

void SimulatedBroker::Later(absl::Duration delay_max,
                            std::function<void()> what) {
  const absl::Duration delay =
      delay_max * std::uniform_real_distribution<>()(random_);
  events_.After(delay, [this, alive = alive_, what = std::move(what)] {
    if (!*alive) return;
    if (is_paused_) {
      waiting_.push_back(what);
    } else {
      what();
    }
  });
}

void SimulatedBroker::Pause() {
  is_paused_ = true;
  network_.Pause("");
}

void SimulatedBroker::Resume() {
  if (!is_paused_) return;
  is_paused_ = false;
  for (const auto& what : std::exchange(waiting_, {})) {
    if (*alive_) what();
  }
  if (*alive_) network_.Resume("");
}

void SimulatedBroker::CheckMembers(Oracle& oracle) const {
  // The core has not heard of all of them yet, or never will.
  if (!results_.empty() || !*alive_) return;
  std::vector<JournalResult> told;
  applier_->TellMembers(&told);
  RoomMembers wanted;
  std::set<std::string> rooms;
  for (const JournalResult& result : told) {
    for (const MemberChange& member :
         std::get<MembersChanged>(result).changes) {
      wanted.Apply(member);
      for (const std::string& room : member.joined) {
        rooms.insert(RoomKey::Make(member.name_space, room)->text());
      }
    }
  }
  const RoomMembers& known = core_->members();
  size_t wrong = wanted.room_count() == known.room_count() ? 0 : 1;
  for (const std::string& room : rooms) {
    if (wanted.Count(room) != known.Count(room)) ++wrong;
  }
  oracle.OnSize("rooms of whose members nodes are told wrong", wrong, 0);
}

void SimulatedBroker::CheckSizes(Oracle& oracle) const {
  oracle.OnSize("the journal's entries", entries_.size(),
                options_.journal_entries_max);
  oracle.OnSize("the recent commits", core_->recent_bytes(),
                options_.limits.recent_commit_bytes_max);
}

}  // namespace roomlog
