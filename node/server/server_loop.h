// One loop of a server: its sockets, their rooms, and its part in the cluster.
#ifndef ROOMLOG_NODE_SERVER_SERVER_LOOP_H_
#define ROOMLOG_NODE_SERVER_SERVER_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "node/link/backplane.h"
#include "node/rooms/room_layer.h"
#include "node/server/broadcast_target.h"
#include "node/server/cluster_requests.h"
#include "node/server/loop_port.h"
#include "node/server/namespace.h"
#include "node/server/server_core.h"
#include "node/server/socket.h"
#include "node/server/timers.h"
#include "node/socketio/encoded_packet.h"
#include "node/socketio/socket_wire.h"

namespace roomlog {

// Free of sockets, threads and clocks of its own, so that a test can run one,
// or a cluster of them. All calls on its thread. Its state is its own: loops
// share the program's handlers, and meet in the log.
class ServerLoop final : public SocketWireHandler, private NodeEventHandler {
 public:
  // Borrows `backplane` and `clock`. `id` names this loop in the cluster, anew
  // in each life of the process; `index` counts the loops of the server from 0.
  ServerLoop(std::shared_ptr<const ServerCore> core, size_t index,
             std::string id, Backplane& backplane, const Clock& clock,
             std::shared_ptr<LoopPort> port);
  ~ServerLoop() override;

  // Hears of the rooms.
  RoomFollower& follower() { return rooms_; }
  Timers& timers() { return timers_; }
  const Clock& clock() const { return clock_; }
  RoomLayer& rooms() { return rooms_; }
  const std::shared_ptr<LoopPort>& port() const { return port_; }
  // To be called about once a second.
  void OnTick();

  size_t socket_count() const { return sockets_.size(); }

  // SocketWireHandler:
  void OnConnect(SocketWire& wire) override;
  void OnEvent(SocketWire& wire, const IncomingEvent& event) override;
  void OnAck(SocketWire& wire, const IncomingAck& ack) override;
  void OnDisconnect(SocketWire& wire, absl::string_view reason) override;
  void OnDrained(SocketWire& wire) override;

  // ---- For Socket, Namespace and BroadcastOperator ----

  void Broadcast(const BroadcastTarget& target, const EncodedPacket& packet);
  void BroadcastWithAcks(const BroadcastTarget& target,
                         const EncodedPacket& packet, absl::Duration timeout,
                         AcksDone done);
  // `envelope` says what is to be done with the sockets.
  void Control(const BroadcastTarget& target, const proto::Envelope& envelope);
  void FetchSockets(const BroadcastTarget& target, absl::Duration timeout,
                    FetchDone done);
  void ServerSideEmit(const std::string& name_space, const std::string& event,
                      const Values& values, ServersDone done);
  void Publish(RoomKey room, uint32_t flags, std::string packet, std::string id,
               PublishedDone done);
  void ReadHistory(HistoryQuery query, HistoryDone done);

  uint64_t NextAckId() { return ++last_ack_id_; }
  void Log(absl::string_view line) const;
  bool Guard(absl::string_view what, absl::string_view name_space,
             absl::FunctionRef<void()> handler) const {
    return core_->Guard(what, name_space, clock_, handler);
  }
  // `done`, guarded so. It is a program's, and the layers that call it do not
  // expect it to throw.
  template <typename Answer>
  absl::AnyInvocable<void(Answer) &&> Guarded(
      absl::string_view what, absl::string_view name_space,
      absl::AnyInvocable<void(Answer) &&> done) const {
    if (done == nullptr) return nullptr;
    return
        [this, what = std::string(what), name_space = std::string(name_space),
         done = std::move(done)](Answer answer) mutable {
          Guard(what, name_space, [&] { std::move(done)(std::move(answer)); });
        };
  }

 private:
  // NodeEventHandler:
  void OnNodeEvent(const NodeEvent& event) override;

  void RunMiddleware(Socket& socket,
                     const std::shared_ptr<const NamespaceRules>& rules,
                     size_t index);
  void Accept(Socket& socket, const NamespaceRules& rules);
  void Refuse(Socket& socket, const Next::Refusal& refusal);

  // Publishes an event for each of the target's rooms, or one for the
  // namespace. Returns how many.
  size_t PublishCopies(const BroadcastTarget& target, proto::Envelope envelope,
                       uint32_t flags, const EncodedPacket& packet,
                       const std::function<Backplane::PublishDone()>& done);
  void PublishToNamespace(const std::string& name_space,
                          const proto::Envelope& envelope, uint32_t flags,
                          Backplane::PublishDone done);
  void DeliverLocally(const BroadcastTarget& target, const FrameList& frames);
  void ApplyControl(absl::string_view name_space,
                    const proto::Envelope& envelope,
                    std::optional<Position> position);
  void AskClients(const NodeEvent& event);
  void AskServer(const NodeEvent& event);
  void AnswerSockets(absl::string_view name_space,
                     const proto::Envelope& envelope);
  void Answer(const proto::Request& request, proto::NodeAnswer answer);
  proto::Request RequestOf(uint64_t id, absl::Duration timeout) const;
  Backplane::PublishDone TellRequest(uint64_t id);

  const std::shared_ptr<const ServerCore> core_;
  const size_t index_;
  const std::string id_;
  const Clock& clock_;
  const std::shared_ptr<LoopPort> port_;
  Timers timers_;
  ClusterRequests requests_;
  RoomLayer rooms_;
  absl::flat_hash_map<const SocketWire*, std::unique_ptr<Socket>> sockets_;
  // Refused, but perhaps still in the hands of the middleware that did it.
  std::vector<std::unique_ptr<Socket>> refused_;
  uint64_t last_ack_id_ = 0;
  uint64_t failed_emits_ = 0;  // Since the last tick.
  absl::Status last_failure_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_SERVER_LOOP_H_
