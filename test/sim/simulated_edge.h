// One life of an edge node in the simulation, with its clients' connections.
#ifndef ROOMLOG_TEST_SIM_SIMULATED_EDGE_H_
#define ROOMLOG_TEST_SIM_SIMULATED_EDGE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/transport.h"
#include "node/application/room_application.h"
#include "node/link/link_core.h"
#include "node/server/server_core.h"
#include "node/server/server_loop.h"
#include "test/fakes/event_queue.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_network.h"
#include "test/sim/backplane_wrapper.h"
#include "test/sim/history.h"
#include "test/sim/link_mailbox.h"
#include "test/sim/node_listener.h"
#include "test/sim/oracle.h"
#include "test/sim/simulated_connection.h"

namespace roomlog {

// The real room application on the real loop of a server, over the real link.
class SimulatedEdge final : private SimulatedConnection::Edge {
 public:
  struct Options {
    std::string name;
    uint64_t life = 1;
    uint64_t seed = 1;
    LinkOptions link;
    // Comes between the link and the rest; null for none.
    std::unique_ptr<BackplaneWrapper> defect;
    // A defect, too: nobody looks at how much waits for a client.
    bool is_queue_ignored = false;
    // Clients that were lost may come back to what they missed.
    bool recovers = false;
  };

  // Borrows all but `options`.
  SimulatedEdge(Options options, FakeClock& clock, EventQueue& events,
                FakeNetwork& network, Oracle& oracle, History& history);
  // The process dies.
  ~SimulatedEdge() override;

  // A client connects. `auth` is what it sends with CONNECT.
  std::shared_ptr<SimulatedConnection> Connect(
      std::string auth, SimulatedConnection::Client& client);

  // The process is stopped, and goes on.
  void Pause();
  void Resume();
  bool is_paused() const { return is_paused_; }
  // All its connections are cut at once.
  void CutAll(absl::Duration notices_max);

  const std::string& name() const { return name_; }
  size_t connection_count() const { return connections_.size(); }
  void CheckSizes(Oracle& oracle) const;

 private:
  // SimulatedConnection::Edge:
  void OnPacket(SimulatedConnection& connection,
                const ClientPacket& packet) override;
  void OnCut(SimulatedConnection& connection,
             absl::string_view reason) override;
  void OnDrained(SimulatedConnection& connection) override;
  void OnAllHeard(SimulatedConnection& connection) override;

  void Tick();
  // Does a turn's work: now, or when the process goes on.
  void Turn(std::function<void()> work);
  // See LinkMailbox.
  void Carry(LinkMailbox::Way way, std::function<void()> work);

  const std::string name_;
  const std::string life_name_;
  std::mt19937_64 random_;
  FakeClock& clock_;
  EventQueue& events_;
  FakeNetwork& network_;
  History& history_;
  const size_t held_bytes_max_;
  const bool is_queue_ignored_;

  std::unique_ptr<Transport> transport_;
  LinkMailbox mailbox_;
  absl::Duration last_carried_[2];
  std::unique_ptr<BackplaneWrapper> defect_;
  NodeListener listener_;
  std::unique_ptr<LinkCore> link_;
  RoomApplication application_;
  // By number. They outlive the loop, which knows them by their addresses.
  std::map<uint64_t, std::shared_ptr<SimulatedConnection>> connections_;
  std::unique_ptr<ServerLoop> loop_;

  uint64_t connections_begun_ = 0;
  bool is_paused_ = false;
  std::deque<std::function<void()>> waiting_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_SIMULATED_EDGE_H_
