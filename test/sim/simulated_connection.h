// A client's connection to an edge node, both ends of it.
#ifndef ROOMLOG_TEST_SIM_SIMULATED_CONNECTION_H_
#define ROOMLOG_TEST_SIM_SIMULATED_CONNECTION_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "node/socketio/socket_wire.h"
#include "test/fakes/event_queue.h"
#include "test/fakes/fake_clock.h"

namespace roomlog {

// What the client says, on its way to the node.
struct ClientPacket {
  std::string name;
  std::string arguments;  // The whole array, as IncomingEvent has it.
  std::optional<uint64_t> ack_id;
};

// Late, whole and in order both ways, until it is cut: then what is under way
// is lost, and each end notices when it does. Shared by both ends.
class SimulatedConnection final
    : public SocketWire,
      public std::enable_shared_from_this<SimulatedConnection> {
 public:
  // The node's end.
  class Edge {
   public:
    virtual ~Edge() = default;
    virtual void OnPacket(SimulatedConnection& connection,
                          const ClientPacket& packet) = 0;
    virtual void OnCut(SimulatedConnection& connection,
                       absl::string_view reason) = 0;
    virtual void OnDrained(SimulatedConnection& connection) = 0;
    virtual void OnAllHeard(SimulatedConnection& connection) = 0;
  };
  // The client's end.
  class Client {
   public:
    virtual ~Client() = default;
    // A Socket.IO packet, such as `2["message",...]`.
    virtual void OnPacket(absl::string_view packet) = 0;
    virtual void OnClosed() = 0;
  };

  SimulatedConnection(uint64_t serial, uint64_t seed, std::string id,
                      std::string auth, Client& client, Edge& edge,
                      FakeClock& clock, EventQueue& events,
                      bool is_queue_ignored);

  // ---- For the client ----

  void Say(ClientPacket packet);
  // Hears nothing more.
  void Forget() { client_ = nullptr; }
  void StopReading() { reads_ = false; }
  void Read();
  // The network is gone. The node notices after `edge_notices`, the client
  // after `client_notices`.
  void Cut(absl::Duration edge_notices, absl::Duration client_notices);

  // ---- For the node ----

  // Its process is gone. The client notices soon.
  void LoseEdge();
  // The handler was told of its end.
  void Detach() { edge_ = nullptr; }
  // Its number at its node.
  uint64_t serial() const { return serial_; }
  bool is_cut() const { return is_cut_; }
  // What there is, whatever it says.
  size_t waiting_bytes() const { return queued_bytes_; }

  // SocketWire:
  const std::string& id() const override { return id_; }
  const std::string& name_space() const override { return name_space_; }
  absl::string_view auth() const override { return auth_; }
  const HandshakeInfo& handshake() const override { return handshake_; }
  // A WebSocket: what was sent in one turn may arrive in part.
  bool is_breakable() const override { return true; }
  void TakeId(std::string id) override { id_ = std::move(id); }
  using SocketWire::Accept;
  void Accept(absl::string_view private_id) override;
  void Refuse(absl::string_view message, absl::string_view data) override;
  void Send(SharedFramePtr frame) override;
  void Acknowledge(uint64_t ack_id, absl::string_view arguments) override;
  size_t queued_bytes() const override {
    return is_queue_ignored_ ? 0 : queued_bytes_;
  }
  void Disconnect() override;
  void DisconnectClient() override { Disconnect(); }
  void AskIfHeard() override { Write(std::string(kPing)); }
  void CutOff() override;

 private:
  // Not a Socket.IO packet.
  static constexpr absl::string_view kPing = "ping";

  void Write(std::string packet);
  void Carry(std::string packet);
  // When something sent now arrives, behind all that was sent before.
  absl::Duration Arrival(absl::Duration* last);
  void Later(absl::Duration when, std::function<void()> what);

  const uint64_t serial_;
  std::mt19937_64 random_;
  std::string id_;
  const std::string name_space_ = "/";
  const std::string auth_;
  const HandshakeInfo handshake_;
  Client* client_;
  Edge* edge_;
  FakeClock& clock_;
  EventQueue& events_;
  const bool is_queue_ignored_;
  bool is_cut_ = false;
  bool reads_ = true;
  std::deque<std::string> queue_;  // While it does not read.
  size_t queued_bytes_ = 0;
  absl::Duration last_to_client_;
  absl::Duration last_to_edge_;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_SIMULATED_CONNECTION_H_
