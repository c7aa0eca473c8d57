// A client: what Socket.IO's own does on the wire, and a program upon it.
#ifndef ROOMLOG_TEST_SIM_SIMULATED_CLIENT_H_
#define ROOMLOG_TEST_SIM_SIMULATED_CLIENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/position.h"
#include "node/socketio/value.h"
#include "test/fakes/event_queue.h"
#include "test/fakes/fake_clock.h"
#include "test/sim/history.h"
#include "test/sim/oracle.h"
#include "test/sim/simulated_connection.h"
#include "test/sim/simulated_edge.h"

namespace roomlog {

// The wire is as in socket.io-client 4.8.4, lib/socket.ts: `pid_`,
// `last_offset_`, and what comes before CONNECT is kept until CONNECT, over
// lost connections too. The program joins its rooms as docs/client-api.md says
// and tells the oracle all that it is told.
class SimulatedClient final : private SimulatedConnection::Client {
 public:
  // `find_edge` gives any node that listens; null if none does.
  SimulatedClient(uint64_t seed, std::string name,
                  std::function<SimulatedEdge*()> find_edge, FakeClock& clock,
                  EventQueue& events, Oracle& oracle, History& history);
  ~SimulatedClient() override;

  // Wants to be in the room from here on; `last`: begins with so many events.
  void Join(const std::string& room, int last);
  void Leave(const std::string& room);
  // With `has_id` it is said again until it is answered.
  void Publish(const std::string& room, const std::string& text, bool has_id);
  // Reads a page of what comes after what it has.
  void ReadHistory(const std::string& room);

  void StopReading();
  void Read();
  void CutConnection(absl::Duration edge_notices,
                     absl::Duration client_notices);

  bool is_connected() const { return is_connected_; }
  uint64_t recoveries() const { return recoveries_; }
  size_t unanswered_publishes() const { return publishes_.size(); }
  const std::string& name() const { return name_; }

 private:
  struct Membership {
    int last = 0;
    // It has everything up to here; none before it ever joined.
    std::optional<Position> position;
    // Since then, while it joins: what came is not whole before the answer.
    bool is_joining = false;
    bool is_live = false;  // Joined, and a recovered connection goes on so.
    int refusals = 0;
  };
  struct OpenPublish {
    std::string room;
    std::string text;
    bool has_id = false;
    uint64_t number = 0;  // In the order in which they were asked for.
  };
  using AckHandler = std::function<void(const Value& answer)>;

  // SimulatedConnection::Client:
  void OnPacket(absl::string_view packet) override;
  void OnClosed() override;

  // ---- As socket.io-client ----
  void Connect();
  void ConnectLater();
  void OnConnected(const Value& payload);
  void EmitEvent(const Value::Array& arguments);
  // `arguments`: JSON values behind the event's name.
  void Emit(const std::string& event, const std::vector<std::string>& arguments,
            AckHandler ack);

  // ---- The program ----
  void OnConnect(bool recovered);
  void OnEvent(const Value::Array& arguments);
  void SendJoin(const std::string& room);
  // Leaves first, for who knows whether it is in.
  void JoinAnew(const std::string& room);
  void SendLeave(const std::string& room, bool joins_again);
  void OnJoinAnswer(const std::string& room, const Value& answer);
  void SendPublish(uint64_t key);
  void Later(absl::Duration delay_max, std::function<void()> what);

  const std::string name_;
  std::mt19937_64 random_;
  const std::function<SimulatedEdge*()> find_edge_;
  FakeClock& clock_;
  EventQueue& events_;
  Oracle& oracle_;
  History& history_;

  std::shared_ptr<SimulatedConnection> connection_;
  bool is_connected_ = false;
  std::string pid_;
  std::string last_offset_;
  std::vector<Value::Array> receive_buffer_;
  uint64_t last_ack_id_ = 0;
  uint64_t last_lost_ack_id_ = 0;  // Of connections that are lost.
  std::map<uint64_t, AckHandler> acks_;

  std::map<std::string, Membership> rooms_;
  std::set<std::string> leaving_;  // Not answered yet,
  std::set<std::string> left_;     // nor before the connection was lost.
  std::map<uint64_t, OpenPublish> publishes_;
  uint64_t last_publish_ = 0;
  uint64_t recoveries_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_SIMULATED_CLIENT_H_
