// The rooms of one loop: between its sockets and the backplane.
#ifndef ROOMLOG_NODE_ROOMS_ROOM_LAYER_H_
#define ROOMLOG_NODE_ROOMS_ROOM_LAYER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
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
#include "node/rooms/catch_up.h"
#include "node/rooms/direct_room.h"
#include "node/rooms/event_run.h"
#include "node/rooms/history_page.h"
#include "node/rooms/recovery.h"
#include "node/rooms/replay_start.h"
#include "node/rooms/room.h"
#include "node/rooms/session_changes.h"
#include "node/rooms/shared_reads.h"
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
//  * Each client is at one place in the order of the log, in all of its rooms.
//    One that keeps up flows: it has all that this loop was told, and gets each
//    event as it comes. Another has a cursor, and is sent what its rooms said
//    beyond it, merged, in order, once, until it has reached the present and
//    flows again.
//  * While the history of a join is sent, or the join is not durable yet, its
//    client stays where it is.
//  * Nothing is queued for a socket that has kClientBufferBytesMax queued, but
//    answers that are small.
//  * Ephemeral events are not in the log: they go to who flows and keeps up.
// A pure state machine: no sockets, no clock, no threads. All calls on the one
// thread of its Backplane; answers of the Backplane may come until this object
// is gone, and not after.
class RoomLayer final : public RoomFollower {
 public:
  // Hears of the events of a room that this loop follows for itself.
  struct RawFollower {
    std::function<void(const EventView& event)> on_event;
    // From here on it does; what was said before it may not have heard. May be
    // null, and may be called again.
    std::function<void()> on_following;
  };

  // Borrows both. `node_events` may be null, and `later` as in SharedReads.
  RoomLayer(Backplane& backplane, NodeEventHandler* node_events,
            SharedReads::Later later = nullptr);
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
  // Those reserved ones whose names begin with the prefix, without it.
  std::vector<std::string> ReservedRoomsOf(const SocketWire& socket,
                                           absl::string_view prefix) const;
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
  // The same, and `observer` hears of each of its events, but not of gaps.
  void Observe(
      const RoomKey& room,
      std::function<void(const EventView& event, Epoch epoch)> observer);
  // Follows a room that no socket is ever in.
  void FollowRaw(const RoomKey& room, RawFollower follower);

  // ---- Sockets that an envelope is about ----

  // Those in any of its rooms, or all, less those excepted.
  std::vector<SocketWire*> Select(absl::string_view name_space,
                                  const proto::Envelope& envelope);
  // Those that an event in `room` is to reach now: they flow, and keep up.
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
  void Insert(const std::shared_ptr<RoomClient>& client);
  void Drop(RoomClient& client);
  Room& RoomOf(const RoomKey& key);
  Room* FindRoom(const RoomKey& key) const;
  Membership* FindMembership(RoomClient& client, const RoomKey& key);
  Membership& MembershipOf(RoomClient& client, const RoomKey& key);
  void Remove(Membership& member);
  void EraseIfUnused(Room& room);
  void Follow(Room& room);
  // All that is said in it comes, in the life of the log that is known.
  bool IsFollowed(const Room& room) const;

  // ---- Joins and leaves: room_layer.cc ----

  // Does those that wait at `member`, as far as they can be done now.
  // Afterwards the member may be gone.
  void Advance(Membership& member);
  bool CanJoin(const Membership& member) const;
  void BeginJoin(Membership& member);
  // The join asks a member for what this connection was, or will be, sent
  // without it. `through`: as far as the room is known.
  static bool IsHeard(const Membership& member, const ReplayStart& start,
                      Position through);
  void BeginLeave(Membership& member);
  // The past that was asked for is to be sent now, or in its turn.
  void StartHistory(Membership& member);
  void FinishJoin(Membership& member);
  void RefuseJoin(Membership& member, const absl::Status& why);
  // The join is over: lets go what it held. Returns whether the client was
  // held.
  bool EndJoin(Membership& member);
  void AdvanceAll(Room& room);

  // ---- Where clients are: room_layer_place.cc ----

  // Where a client that flows is.
  Offset PlaceOf(const RoomClient& client) const;
  void StopFlowing(RoomClient& client, Offset cursor);
  // Nothing but the history of `member` is sent to its client until Unhold().
  void Hold(Membership& member);
  void Unhold(RoomClient& client);
  // Sends a client that does not flow what it lacks, as far as that can be done
  // now, and lets it flow when that is all.
  void GoOn(RoomClient& client);
  // Returns whether there is more to do now. If not, the client flows, is full,
  // or waits for a room to be followed.
  bool BeginCatchUp(RoomClient& client);
  bool SendRecent(RoomClient& client, absl::Span<Membership* const> moved);
  // Returns whether all of it was sent.
  bool SendCaughtUp(RoomClient& client);
  void StartCatchUpRead(RoomClient& client, CatchUp::Read read);
  void Flow(RoomClient& client, Offset through);
  void SendTo(Membership& member, const proto::Envelope* envelope,
              EventFrames& frames);
  void SendGap(Membership& member, const Gap& gap);

  // ---- Sessions: room_layer_sessions.cc ----

  void AskChange(Membership& member);
  void SendChanges(RoomClient& client);
  void OnChanged(RoomClient& client,
                 const std::vector<std::shared_ptr<Membership>>& changed,
                 const absl::Status& status);
  void TellDirect(RoomClient& client, const absl::StatusOr<Joined>& joined);

  // ---- Clients that come back: room_layer_recovery.cc ----

  void WakeRecoveries();
  void BeginCollecting(RoomClient& client);
  // Returns whether there is none to collect at the client's place, or a gap.
  bool CollectHistories(RoomClient& client);
  void CheckCollection(RoomClient& client);
  // Ends it if that is too much, or the room cannot be followed.
  void NoteLimit(Membership& member);
  // Ends it either way.
  void TellRecovery(RoomClient& client);

  // ---- Reading the log: room_layer_reading.cc ----

  void EnqueueReplay(Membership& member);
  void Pump(RoomClient& client);
  void StartReplayRead(Membership& member);
  void TakeReplayPage(Membership& member,
                      const absl::StatusOr<HistoryPage>& page);
  void ReplayFailed(Membership& member, const absl::Status& status);
  void StartHistoryRead(RoomClient& client,
                        std::shared_ptr<const HistoryQuery> query,
                        std::shared_ptr<HistoryDone> done);

  // ---- Live events: room_layer_delivery.cc ----

  void Deliver(Room& room, const EventView& event,
               RoomPackets::Rendered rendered);
  bool IsForAll(const Room& room, const proto::Envelope* envelope) const;
  // Hands on what the run holds, and empties it.
  void FlushRun();
  void DeliverRun(Membership& member);
  void NoteDelivered(Room& room, const EventView& event,
                     RoomPackets::Rendered& rendered);
  void DeliverTo(Membership& member, const EventView& event,
                 RoomPackets::Rendered& rendered, const Audience& audience);
  void ForEachCandidate(Room& room, const Audience& audience,
                        const proto::Envelope* envelope,
                        absl::FunctionRef<void(Membership&)> visit);

  // ---- The log's lives: room_layer_log.cc ----

  // If the log has begun a new life, all places in the old one end.
  void EnterEpoch(Epoch epoch);
  // The room is now at `to`, in another epoch.
  // That the room is followed, or that something of it is missing.
  void TellRawFollower(RoomHandle handle);
  void BeginNewEpoch(Room& room, Position to);
  // What an answer, or the follower's events, say of how far the log is. Events
  // alone tell that there is a new epoch: an answer may be an old one.
  void NoteLogHead(Position head);
  void FollowLogHead(Position head);

  Backplane& backplane_;
  SharedReads reads_;
  NodeEventHandler* const node_events_;

  absl::flat_hash_map<const SocketWire*, std::shared_ptr<RoomClient>> clients_;
  // The same by namespace and id.
  absl::flat_hash_map<std::string,
                      absl::flat_hash_map<absl::string_view, RoomClient*>>
      clients_by_id_;
  // Those who are coming back, and are not in `clients_` yet.
  absl::flat_hash_map<const SocketWire*, std::shared_ptr<RoomClient>>
      recoveries_;
  std::deque<std::weak_ptr<RoomClient>> recoveries_waiting_;
  size_t collecting_ = 0;
  bool waking_recoveries_ = false;

  RoomTable rooms_;
  absl::flat_hash_map<RoomHandle, Room*> followed_;
  absl::flat_hash_map<RoomKey, RawFollower> raw_rooms_;
  absl::flat_hash_map<RoomHandle, RoomKey> raw_followed_;
  // What is tried again at the next tick.
  std::vector<RoomKey> rooms_to_follow_again_;
  std::vector<std::weak_ptr<Membership>> stalled_joins_;
  std::vector<std::weak_ptr<RoomClient>> stalled_clients_;
  std::vector<std::weak_ptr<RoomClient>> stalled_changes_;

  EventRun run_;  // Empty but within OnEvents().
  // Everything up to here was told.
  Position stream_position_;
  // As far as this loop knows the log, in whatever room.
  Position log_head_;
  uint64_t unsendable_events_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_ROOM_LAYER_H_
