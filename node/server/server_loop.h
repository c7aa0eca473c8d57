// One loop of a server: its sockets, their rooms, and its part in the cluster.
#ifndef ROOMLOG_NODE_SERVER_SERVER_LOOP_H_
#define ROOMLOG_NODE_SERVER_SERVER_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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
#include "node/server/dismissals.h"
#include "node/server/loop_port.h"
#include "node/server/namespace.h"
#include "node/server/server_core.h"
#include "node/server/session_gap.h"
#include "node/server/session_keeper.h"
#include "node/server/socket.h"
#include "node/server/socket_session.h"
#include "node/server/timers.h"
#include "node/server/user.h"
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

  // Whether clients may come back to what they missed.
  bool recovers() const { return sessions_ != nullptr; }
  // Calls `done`, now or later, once the broker knows of every client that was
  // lost, or kSessionGoodbyeTime is over.
  void WhenLossesAreKnown(std::function<void()> done);

  // SocketWireHandler:
  void OnConnect(SocketWire& wire) override;
  void OnEvent(SocketWire& wire, const IncomingEvent& event) override;
  void OnAck(SocketWire& wire, const IncomingAck& ack) override;
  void OnDisconnect(SocketWire& wire, absl::string_view reason) override;
  void OnDrained(SocketWire& wire) override;
  void OnAllHeard(SocketWire& wire) override;

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
  void ReadMembers(MembersRequest request, PresenceDone done);
  // Until when the user's tokens were revoked.
  std::optional<absl::Time> RevokedAt(absl::string_view user) const {
    return dismissals_.has_value() ? dismissals_->RevokedAt(user)
                                   : std::nullopt;
  }
  // What is kept of the user whose room it is.
  void ReadUser(RoomKey room, UserStateDone done);

  // Ends a socket's connection once it has all that was said before.
  void PartWith(Socket& socket);

  // What the program says to one socket that may come back.
  void EmitByLog(Socket& socket, SocketSession::Emit emit);
  // The program may be changing what it keeps with the socket.
  void NoteDataTouched(Socket& socket);

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

  // Has the program's handler hear of who comes and goes.
  void ObservePresence(const std::string& name_space, const std::string& room,
                       const PresenceHandler& handler);

  void Begin(SocketWire& wire,
             const std::shared_ptr<const NamespaceRules>& rules,
             std::optional<SessionGap> gap);
  Socket& MakeSocket(SocketWire& wire);
  // First of all the gatekeeper.
  void Admit(Socket& socket,
             const std::shared_ptr<const NamespaceRules>& rules);
  void AdmitThoseWhoWait();
  // Somebody is to go; he is told why.
  void OnDismissal(const proto::Dismissal& dismissal, absl::Time at);
  void Dismiss(Socket& socket);
  // Those from `index` on.
  void RunMiddlewares(Socket& socket,
                      const std::shared_ptr<const NamespaceRules>& rules,
                      size_t index);
  // `then` is called if it lets the client in.
  void Ask(Socket& socket, const Middleware& middleware,
           absl::AnyInvocable<void(Socket&) &&> then);
  // The middlewares have let it in.
  void LetIn(Socket& socket,
             const std::shared_ptr<const NamespaceRules>& rules);
  // Answers the client, which is then connected, and puts it into its rooms.
  void Accept(Socket& socket, const NamespaceRules& rules);
  void CallConnectionHandlers(Socket& socket, const NamespaceRules& rules);
  void Refuse(Socket& socket, const Next::Refusal& refusal);
  // It is gone, and the program is told.
  void End(Socket& socket, absl::string_view reason);
  // Publishes what the program says.
  void Say(PublishRequest request, Backplane::PublishDone done);
  void Disconnect(Socket& socket);
  // Nobody here is to find the socket any more.
  void Bury(Socket& socket);

  // ---- Sessions: server_loop_sessions.cc ----

  void MakeSessionKeeper();
  void OpenSession(Socket& socket,
                   const std::shared_ptr<const NamespaceRules>& rules);
  // True if the client asks for a session: it goes on from there.
  bool RestoreIfAsked(SocketWire& wire,
                      const std::shared_ptr<const NamespaceRules>& rules);
  void OnRestored(SocketWire& wire,
                  const std::shared_ptr<const NamespaceRules>& rules,
                  const std::string& offset, SessionKeeper::Restored restored);
  // The user whose session it may be; nothing if it may be nobody's.
  std::optional<std::string> UserOf(const NamespaceRules& rules,
                                    absl::string_view name_space,
                                    const Value& auth) const;
  // Gives a client that has come back its rooms again, and what it missed.
  void Recover(Socket& socket,
               const std::shared_ptr<const NamespaceRules>& rules);
  // Has the broker forget the rooms that it must not have, and then goes on.
  void GiveUpRooms(Socket& socket,
                   const std::shared_ptr<const NamespaceRules>& rules);
  void OnRecovered(Socket& socket, const NamespaceRules& rules,
                   const FrameList& missed);
  void OnNotRecovered(Socket& socket,
                      const std::shared_ptr<const NamespaceRules>& rules,
                      SessionGap gap);
  // To be called before the layer of rooms forgets the socket.
  void EndSession(Socket& socket, absl::string_view reason);
  void OnFenced(SocketWire& wire);
  void OnExpired(const proto::SessionNotice& notice);

  void KeepTouchedData();
  void KeepData(Socket& socket);

  // Begins to carry by the log what the program has said meanwhile.
  void JoinDirectRoom(Socket& socket);
  void SayWaiting(Socket& socket);
  void SayByLog(Socket& socket, const SocketSession::Emit& emit);
  // An emit that asks for an acknowledgement has come back from the log.
  void AskClient(const NodeEvent& event);

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
  Backplane& backplane_;
  const Clock& clock_;
  const std::shared_ptr<LoopPort> port_;
  Timers timers_;
  ClusterRequests requests_;
  RoomLayer rooms_;
  // Clients that wait until it is known whose tokens were revoked.
  struct ToAdmit {
    std::weak_ptr<Socket*> socket;
    std::shared_ptr<const NamespaceRules> rules;
    absl::Duration deadline;
  };
  std::vector<ToAdmit> to_admit_;
  std::optional<Dismissals> dismissals_;
  std::unique_ptr<SessionKeeper> sessions_;  // Null without recovery.
  // Clients whose sessions are being restored. Who finds it gone finds no wire.
  absl::flat_hash_map<const SocketWire*, std::shared_ptr<SocketWire*>>
      restoring_;
  // Clients that were answered CONNECT and no more, until they have heard it.
  absl::flat_hash_map<const SocketWire*, SessionName> in_doubt_;
  // Sockets whose data may have changed.
  std::vector<std::weak_ptr<Socket*>> touched_;
  absl::flat_hash_map<const SocketWire*, std::unique_ptr<Socket>> sockets_;
  // Gone, but perhaps still in the hands of the handler that did it.
  std::vector<std::unique_ptr<Socket>> buried_;
  uint64_t last_ack_id_ = 0;
  uint64_t said_ = 0;          // How often Say() was called,
  uint64_t heard_ = 0;         // and how much of that has certainly come back.
  uint64_t failed_emits_ = 0;  // Since the last tick.
  absl::Status last_failure_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_SERVER_LOOP_H_
