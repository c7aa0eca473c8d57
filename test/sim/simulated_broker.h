// A broker in the simulation: its deciding code, on a disk in memory.
#ifndef ROOMLOG_TEST_SIM_SIMULATED_BROKER_H_
#define ROOMLOG_TEST_SIM_SIMULATED_BROKER_H_

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/transport.h"
#include "broker/journal/applier.h"
#include "broker/journal/journal.h"
#include "broker/requests/broker_core.h"
#include "broker/requests/history_reads.h"
#include "storage/memory_disk.h"
#include "storage/memory_room_log.h"
#include "test/fakes/event_queue.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_network.h"
#include "test/sim/oracle.h"

namespace roomlog {

struct SimulatedBrokerOptions {
  uint64_t seed = 1;
  BrokerLimits limits;
  Durability durability = Durability::kSynced;
  RetentionRules retention;
  // Entries that the journal takes before it is full.
  size_t journal_entries_max = 1024;
  // Puts something between the broker and its log; null for nothing.
  std::function<std::unique_ptr<RoomLog>(std::unique_ptr<RoomLog> log,
                                         MemoryDisk& disk)>
      wrap_log;
  // Ends this life: the disk died within a write. Not called from within a call
  // to the broker.
  std::function<void()> on_death;
  BrokerCore::Log log;  // May be null.
};

// One life of a broker's process. Commits and reads take a while, drawn from
// the seed, in which others go on; so does the way from the disk back to who
// waits.
class SimulatedBroker final : private Journal, private HistoryReads {
 public:
  // Opens the log on `disk`, and is reached under the name "". Borrows all but
  // `options`. `events` must not run what this life scheduled once it is gone;
  // see alive_. Errors: the disk cannot be written.
  static absl::StatusOr<std::unique_ptr<SimulatedBroker>> Start(
      SimulatedBrokerOptions options, MemoryDisk& disk, FakeClock& clock,
      EventQueue& events, FakeNetwork& network);
  ~SimulatedBroker() override;

  BrokerCore& core() { return *core_; }
  RoomLog& log() { return *log_; }

  // Commits and reads take so much longer.
  void set_slowness(absl::Duration slowness) { slowness_ = slowness; }
  // The process is stopped, and goes on.
  void Pause();
  void Resume();
  void CheckSizes(Oracle& oracle) const;
  // Whether nodes are told of the members that the sessions say.
  void CheckMembers(Oracle& oracle) const;

 private:
  SimulatedBroker(SimulatedBrokerOptions options, MemoryDisk& disk,
                  FakeClock& clock, EventQueue& events, FakeNetwork& network);

  bool Submit(JournalEntry&& entry) override;
  bool Submit(HistoryRead read) override;
  void Take(const std::string& from, IncomingMessage message);
  void BeginCommit();
  void Commit();
  void HandOver();
  bool DiedWriting();
  void EndTurn();
  void Tick();
  // Runs `what` after a delay, if this broker still lives; once it goes on if
  // it is stopped.
  void Later(absl::Duration delay_max, std::function<void()> what);

  const SimulatedBrokerOptions options_;
  std::mt19937_64 random_;
  MemoryDisk& disk_;
  FakeClock& clock_;
  EventQueue& events_;
  FakeNetwork& network_;
  std::unique_ptr<RoomLog> log_;
  std::unique_ptr<Applier> applier_;
  std::deque<JournalEntry> entries_;
  bool committing_ = false;
  std::deque<JournalResult> results_;
  // What came while the journal was full.
  std::deque<std::pair<std::string, IncomingMessage>> messages_;
  absl::Duration slowness_;
  bool is_paused_ = false;
  std::deque<std::function<void()>> waiting_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<BrokerCore> core_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_SIMULATED_BROKER_H_
