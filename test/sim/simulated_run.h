// One run: a whole cluster with its clients, from one seed.
#ifndef ROOMLOG_TEST_SIM_SIMULATED_RUN_H_
#define ROOMLOG_TEST_SIM_SIMULATED_RUN_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "storage/memory_disk.h"
#include "test/fakes/event_queue.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_network.h"
#include "test/sim/defect.h"
#include "test/sim/fault_options.h"
#include "test/sim/fault_plan.h"
#include "test/sim/history.h"
#include "test/sim/oracle.h"
#include "test/sim/simulated_broker.h"
#include "test/sim/simulated_client.h"
#include "test/sim/simulated_edge.h"

namespace roomlog {

struct SimulationOptions {
  uint64_t seed = 1;
  FaultOptions faults = AllFaults();
  Defect defect = Defect::kNone;
  int node_count = 3;
  int client_count = 8;
  int steps = 300;
  bool recovers = false;  // Whether nodes let lost clients come back.
};

// Everybody publishes everywhere while everything misbehaves; then all heals,
// and nobody may lack anything. What else a run is like (whether commits are
// synced, how much memory there is) the seed decides, too.
class SimulatedRun final : private MemoryDiskObserver {
 public:
  explicit SimulatedRun(SimulationOptions options);
  ~SimulatedRun() override;

  // Stops at the first finding.
  void Run();

  const Oracle& oracle() const { return oracle_; }
  const History& history() const { return history_; }
  // What it was like, in a line.
  std::string Description() const;

 private:
  struct NodePlace {
    std::unique_ptr<SimulatedEdge> edge;  // Null while it is dead.
    uint64_t lives = 0;
  };

  static Oracle::Options OracleOptionsOf(uint64_t seed);

  // MemoryDiskObserver:
  void OnWritten(const MemoryDisk::Record& record) override;
  void OnLost(const MemoryDisk::Record& record) override;

  void Step();
  void Heal();
  void Work();
  void Begin(const PlannedFault& fault);
  void CheckSizes();

  void StartNode(size_t index);
  void KillNode(size_t index);
  // Ends it, and starts it again after a while.
  void KillBroker(bool power_loss, size_t unsynced_kept, absl::Duration lasts);
  void StartBroker();
  SimulatedEdge* AnyEdge();

  int Draw(int below) { return static_cast<int>(random_() % below); }
  void After(absl::Duration lasts, std::function<void()> what);

  const SimulationOptions options_;
  std::mt19937_64 random_;
  const bool is_synced_;
  FakeClock clock_;
  EventQueue events_;
  History history_;
  Oracle oracle_;
  FakeNetwork network_;
  MemoryDisk disk_;
  FaultPlan plan_;
  std::unique_ptr<SimulatedBroker> broker_;
  uint64_t broker_lives_ = 0;
  std::vector<NodePlace> nodes_;
  std::vector<std::unique_ptr<SimulatedClient>> clients_;
  uint64_t texts_ = 0;
  uint64_t faults_ = 0;
  bool is_healing_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_SIMULATED_RUN_H_
