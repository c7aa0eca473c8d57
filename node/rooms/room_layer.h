// The rooms of one loop: between its sockets and the backplane.
#ifndef ROOMLOG_NODE_ROOMS_ROOM_LAYER_H_
#define ROOMLOG_NODE_ROOMS_ROOM_LAYER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/ids.h"
#include "base/position.h"
#include "base/room_key.h"
#include "node/link/backplane.h"
#include "node/rooms/audience.h"
#include "node/rooms/direct_room.h"
#include "node/rooms/history_page.h"
#include "node/rooms/recovery.h"
#include "node/rooms/replay_start.h"
#include "node/rooms/room.h"
#include "node/rooms/session_changes.h"
#include "node/socketio/socket_wire.h"

namespace roomlog {

// An addressed event that a node must act upon or answer. The views last as
// long as the call.
struct NodeEvent {
  const RoomKey& room;
  const proto::Envelope& envelope;
  absl::string_view packet;  // As stored, without its envelope.
  bool has_attachments = false;
  // Where it is in the log; for an ephemeral event the last event before it
  // that this loop heard of.
  Position position;
};

// Who acts upon them. Called on the loop's thread, never from within a call to
// the layer.
class NodeEventHandler {
 public:
  virtual ~NodeEventHandler() = default;
  virtual void OnNodeEvent(const NodeEvent& event) = 0;
};

// What clients may rely on is in docs/client-api.md; within the node it comes
// down to this:
//  * A room is followed while somebody is in it or waits to be.
//  * Each member has a cursor in the log of the room, and is sent what lies
//    beyond it, in order, once: live while it keeps up, otherwise read from the
//    log until the cursor has reached the present. Joining with history and
//    having been slow are the same thing from there on.
//  * Nothing is queued for a socket that has kClientBufferBytesMax queued, but
//    answers that are small.
//  * Ephemeral events are not in the log: they go to whom is live, and keeps
//  up.
// A pure state machine: no sockets, no clock, no threads. All calls on the one
// thread of its Backplane; answers of the Backplane may come until this object
// is gone, and not after.
class RoomLayer final : public RoomFollower {
 public:
  // Hears of the events of a room that this loop follows for itself.
  using RawFollower = std::function<void(const EventView& event)>;

  // Borrows both. `node_events` may be null.
  RoomLayer(Backplane& backplane, NodeEventHandler* node_events);
  ~RoomLayer() override;

  // Tries again what failed for a reason that passes. To be called about once a
  // second.
  void OnTick();

  // ---- Sockets ----

  void AddClient(SocketWire& socket);
  // A client with a session that was opened at `opened`: what is at or before
  // that is not for it. It is in `rooms` (names, as in its session) from there
  // on, without a Change(), and its changes of rooms are durable before it gets
  // anything that it would not get without them. Every event that it is sent
  // ends in an offset. Borrows `changes`, which must outlive the client here.
  void AddRecoverableClient(SocketWire& socket, Position opened,
                            const std::vector<std::string>& rooms,
                            SessionChanges& changes);
  // Collects all that is owed to a client that has come back with its session,
  // then tells `done`: see recovery.h. Until then the layer does not know the
  // socket, but for RemoveClient(), after which `done` is not called.
  void Recover(SocketWire& socket, RecoveredSession session,
               SessionChanges& changes, RecoverDone done);
  // No `done` is called for it any more.
  void RemoveClient(SocketWire& socket);
  void OnDrained(SocketWire& socket);

  // Makes the socket a member: first it gets the history asked for, then `done`
  // is called, then comes what is said live. Requests for one room are done in
  // their order. Errors: RESOURCE_EXHAUSTED (kRoomsPerClientMax,
  // kUnansweredRequestsPerClientMax, or the node follows too many),
  // OUT_OF_RANGE (the offset is beyond the log), INVALID_ARGUMENT (the room),
  // UNAVAILABLE, DATA_LOSS.
  void Join(SocketWire& socket, const RoomKey& room, const ReplayStart& start,
            JoinDone done);
  // Joins a socket to its DirectRoom(), once however often it is called. `done`
  // is told when it is in. It counts neither as one of its rooms nor against
  // their bound.
  void JoinDirect(SocketWire& socket, const RoomKey& room, JoinDone done);
  // `done` is told once nothing more comes from the room. Error:
  // RESOURCE_EXHAUSTED, if it has left already and too much is unanswered.
  void Leave(SocketWire& socket, const RoomKey& room, JoinDone done);
  // The rooms it is in or wants to be in, without the one of the empty name and
  // the reserved ones.
  std::vector<std::string> RoomsOf(const SocketWire& socket) const;
  bool WantsIn(const SocketWire& socket, const RoomKey& room) const;

  // Reads a page for a socket, once its queue has room for the answer; told
  // RESOURCE_EXHAUSTED beyond kUnansweredRequestsPerClientMax.
  void ReadHistory(SocketWire& socket, HistoryQuery query, HistoryDone done);
  // Reads it for nobody in particular.
  void ReadHistory(HistoryQuery query, HistoryDone done);

  // ---- The log ----

  void Publish(PublishRequest request, Backplane::PublishDone done);

  // Follows a room from now on, whoever is in it.
  void Pin(const RoomKey& room);
  // Follows a room that no socket is ever in.
  void FollowRaw(const RoomKey& room, RawFollower follower);

  // ---- Sockets that an envelope is about ----

  // Those in any of its rooms, or all, less those excepted.
  std::vector<SocketWire*> Select(absl::string_view name_space,
                                  const proto::Envelope& envelope);
  // Those that an event in `room` is to reach now: live, and keeping up.
  std::vector<SocketWire*> Recipients(const RoomKey& room,
                                      const proto::Envelope& envelope);

  // RoomFollower:
  void OnFollowing(RoomHandle handle, Position head) override;
  void OnFollowFailed(RoomHandle handle, const absl::Status& status) override;
  void OnEvents(absl::Span<const RoomEvent> events) override;
  void OnGap(RoomHandle handle, Position from, Position to,
             GapReason reason) override;

  size_t client_count() const { return clients_.size(); }
  size_t room_count() const { return rooms_.size(); }
  // Stored events that could not be sent and were left out.
  uint64_t unsendable_events() const { return unsendable_events_; }

 private:
  RoomClient* FindClient(const SocketWire& socket) const;
  Room& RoomOf(const RoomKey& key);
  Room* FindRoom(const RoomKey& key) const;
  Membership* FindMembership(RoomClient& client, const RoomKey& key);
  Membership& MembershipOf(RoomClient& client, const RoomKey& key);
  void Remove(Membership& member);
  void EraseIfUnused(Room& room);
  void Follow(Room& room);

  // Does the joins and leaves that wait at `member`, as far as they can be done
  // now. Afterwards the member may be gone.
  void Advance(Membership& member);
  // `lost_from` is set if it was begun in an earlier epoch, where it had come
  // so far.
  void BeginJoin(Membership& member, const std::optional<Position>& lost_from);
  void FinishJoin(Membership& member);
  void RefuseJoin(Membership& member, const absl::Status& why);

  // From its cursor on, the member gets what is said: at once if it has all
  // before it, otherwise by and by.
  void GoOn(Membership& member);
  void TakeReplayPage(Membership& member,
                      const absl::StatusOr<HistoryPage>& page);
  void ReplayFailed(Membership& member, const absl::Status& status);
  void SendGap(Membership& member, const Gap& gap);

  // What waits for a client to be read for, or for its socket to drain.
  void Enqueue(Membership& member);
  void Pump(RoomClient& client);
  void WorkOn(Membership& member);
  void StartReplayRead(Membership& member);
  void StartHistoryRead(RoomClient& client,
                        std::shared_ptr<const HistoryQuery> query,
                        std::shared_ptr<HistoryDone> done);
  // Tries again at the next tick.
  void Stall(Membership& member);

  void Deliver(Room& room, const EventView& event,
               RoomPackets::Rendered rendered);
  void DeliverTo(Membership& member, const EventView& event,
                 const RoomPackets::Rendered& rendered,
                 const Audience& audience);
  void ForEachCandidate(Room& room, const Audience& audience,
                        const proto::Envelope* envelope,
                        absl::FunctionRef<void(Membership&)> visit);

  // The room is now at `to`, in another epoch.
  void BeginNewEpoch(Room& room, Position to);
  void AdvanceAll(Room& room);

  // What an answer, or the follower's events, say of how far the log is. Events
  // alone tell that there is a new epoch: an answer may be an old one.
  void NoteLogHead(Position head);
  void FollowLogHead(Position head);

  Backplane& backplane_;
  NodeEventHandler* const node_events_;

  absl::flat_hash_map<const SocketWire*, std::shared_ptr<RoomClient>> clients_;
  // The same by namespace and id.
  absl::flat_hash_map<std::string,
                      absl::flat_hash_map<absl::string_view, RoomClient*>>
      clients_by_id_;
  RoomTable rooms_;
  absl::flat_hash_map<RoomHandle, Room*> followed_;
  absl::flat_hash_map<RoomKey, RawFollower> raw_rooms_;
  absl::flat_hash_map<RoomHandle, RoomKey> raw_followed_;
  std::vector<RoomKey> rooms_to_follow_again_;
  std::vector<std::weak_ptr<Membership>> stalled_;
  // As far as this loop knows the log, in whatever room.
  Position log_head_;
  uint64_t unsendable_events_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_ROOM_LAYER_H_
