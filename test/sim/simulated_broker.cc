#include "test/sim/simulated_broker.h"

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace roomlog {
namespace {

constexpr absl::Duration kCommitDelayMax = absl::Milliseconds(3);
constexpr absl::Duration kReadDelayMax = absl::Milliseconds(10);
constexpr absl::Duration kTickInterval = absl::Milliseconds(250);

// A simulation that cannot begin says nothing about the code.
void DieUnless(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "the simulated broker: %s\n", status.ToString().c_str());
  std::abort();
}

}  // namespace

SimulatedBroker::SimulatedBroker(uint64_t seed, BrokerLimits limits,
                                 Durability durability, MemoryDisk& disk,
                                 FakeClock& clock, EventQueue& events,
                                 FakeNetwork& network)
    : random_(seed), clock_(clock), events_(events), network_(network) {
  MemoryRoomLogOptions options;
  options.every_commit_synced = durability == Durability::kSynced;
  auto log = MemoryRoomLog::Open(disk, options);
  DieUnless(log.status());
  log_ = *std::move(log);
  applier_ = std::make_unique<Applier>(*log_, durability);
  DieUnless(applier_->Open());
  transport_ = network_.Attach(
      "", [this](absl::string_view from, IncomingMessage message) {
        core_->OnMessage(from, std::move(message));
        core_->EndTurn();
      });
  core_ = std::make_unique<BrokerCore>(
      log_->epoch(), limits, clock_, static_cast<Journal&>(*this),
      static_cast<HistoryReads&>(*this), *transport_, [](absl::string_view) {});
  Tick();
}

SimulatedBroker::~SimulatedBroker() {
  *alive_ = false;
  network_.Detach("");
}

bool SimulatedBroker::Submit(JournalEntry&& entry) {
  entries_.push_back(std::move(entry));
  if (!committing_) {
    committing_ = true;
    Later(kCommitDelayMax, [this] { Commit(); });
  }
  return true;
}

void SimulatedBroker::Commit() {
  committing_ = false;
  std::vector<JournalEntry> entries(std::make_move_iterator(entries_.begin()),
                                    std::make_move_iterator(entries_.end()));
  entries_.clear();
  std::vector<JournalResult> results;
  applier_->Apply(std::move(entries), absl::ToUnixMillis(clock_.Now()),
                  &results);
  for (JournalResult& result : results) {
    core_->OnJournalResult(std::move(result));
  }
  core_->EndTurn();
}

bool SimulatedBroker::Submit(HistoryRead read) {
  Later(kReadDelayMax, [this, read = std::move(read)] {
    core_->OnReadDone({read.node, read.request, log_->Read(read.query)});
    core_->EndTurn();
  });
  return true;
}

void SimulatedBroker::Tick() {
  core_->OnTick();
  std::vector<JournalResult> results;
  applier_->TidyUp(absl::ToUnixMillis(clock_.Now()), &results);
  for (JournalResult& result : results) {
    core_->OnJournalResult(std::move(result));
  }
  core_->EndTurn();
  events_.After(kTickInterval, [this, alive = alive_] {
    if (*alive) Tick();
  });
}

void SimulatedBroker::Later(absl::Duration delay_max,
                            std::function<void()> what) {
  const absl::Duration delay =
      delay_max * std::uniform_real_distribution<>()(random_);
  events_.After(delay, [alive = alive_, what = std::move(what)] {
    if (*alive) what();
  });
}

}  // namespace roomlog
