// A broker in the simulation: its deciding code, on a disk in memory.
#ifndef ROOMLOG_TEST_SIM_SIMULATED_BROKER_H_
#define ROOMLOG_TEST_SIM_SIMULATED_BROKER_H_

#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

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

namespace roomlog {

// One life of a broker's process. Commits and reads take a while, drawn from
// the seed, in which others go on.
class SimulatedBroker final : private Journal, private HistoryReads {
 public:
  // Opens the log on `disk`, and is reached under the name "". Borrows
  // everything. `events` must not run what this life scheduled once it is gone;
  // see alive_.
  SimulatedBroker(uint64_t seed, BrokerLimits limits, Durability durability,
                  MemoryDisk& disk, FakeClock& clock, EventQueue& events,
                  FakeNetwork& network);
  ~SimulatedBroker() override;

  BrokerCore& core() { return *core_; }
  RoomLog& log() { return *log_; }

 private:
  bool Submit(JournalEntry&& entry) override;
  bool Submit(HistoryRead read) override;
  void Commit();
  void Tick();
  // Runs `what` after a delay, if this broker still lives.
  void Later(absl::Duration delay_max, std::function<void()> what);

  std::mt19937_64 random_;
  FakeClock& clock_;
  EventQueue& events_;
  FakeNetwork& network_;
  std::unique_ptr<RoomLog> log_;
  std::unique_ptr<Applier> applier_;
  std::deque<JournalEntry> entries_;
  bool committing_ = false;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<BrokerCore> core_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_SIMULATED_BROKER_H_
