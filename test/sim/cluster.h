// A whole cluster in one thread, from one seed.
#ifndef ROOMLOG_TEST_SIM_CLUSTER_H_
#define ROOMLOG_TEST_SIM_CLUSTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/memory_disk.h"
#include "test/fakes/event_queue.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_network.h"
#include "test/sim/simulated_broker.h"
#include "test/sim/simulated_node.h"

namespace roomlog {

struct ClusterOptions {
  uint64_t seed = 1;
  int node_count = 1;
  Durability durability = Durability::kSynced;
  BrokerLimits broker_limits;
  LinkOptions link;
};

// The real deciding code of a broker and its nodes; the clock, the network and
// the disk are fakes. The same seed runs the same way again.
class Cluster {
 public:
  explicit Cluster(ClusterOptions options)
      : options_(std::move(options)),
        events_(clock_),
        network_(options_.seed, clock_, events_) {
    StartBroker();
    for (int i = 0; i < options_.node_count; ++i) {
      nodes_.push_back(std::make_unique<SimulatedNode>(
          options_.seed * 1000 + i, absl::StrCat("node-", i), options_.link,
          clock_, events_, network_));
    }
    Run(absl::Seconds(1));  // Everybody has greeted.
  }

  SimulatedNode& node(int i) { return *nodes_[i]; }
  SimulatedBroker& broker() { return *broker_; }
  FakeNetwork& network() { return network_; }
  FakeClock& clock() { return clock_; }
  EventQueue& events() { return events_; }
  MemoryDisk& disk() { return disk_; }

  // Ends the broker's process on the spot; with `power_loss` what was not
  // synced is gone.
  void KillBroker(bool power_loss = false) {
    disk_.Crash(power_loss);
    broker_.reset();
  }
  void StartBroker() {
    SimulatedBrokerOptions options;
    options.seed = options_.seed + ++broker_lives_;
    options.limits = options_.broker_limits;
    options.durability = options_.durability;
    broker_ = SimulatedBroker::Start(std::move(options), disk_, clock_, events_,
                                     network_)
                  .value();
  }
  bool has_broker() const { return broker_ != nullptr; }

  // Lets that much fake time pass, which takes next to no real time.
  void Run(absl::Duration span) { events_.Run(span); }

 private:
  const ClusterOptions options_;
  FakeClock clock_;
  EventQueue events_;
  FakeNetwork network_;
  MemoryDisk disk_;
  uint64_t broker_lives_ = 0;
  std::unique_ptr<SimulatedBroker> broker_;
  std::vector<std::unique_ptr<SimulatedNode>> nodes_;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_CLUSTER_H_
