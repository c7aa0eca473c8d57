// The ready-made room application: join, leave, publish and history for
// Socket.IO clients, on any node alike.
#ifndef ROOMLOG_NODE_ROOMS_ROOM_APPLICATION_H_
#define ROOMLOG_NODE_ROOMS_ROOM_APPLICATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/ids.h"
#include "base/position.h"
#include "base/room_key.h"
#include "node/link/backplane.h"
#include "node/rooms/answer.h"
#include "node/rooms/request.h"
#include "node/socketio/socket.h"

namespace roomlog {

// Between the sockets of one loop and the backplane. docs/client-api.md tells
// clients what they may rely on; within the node it comes down to this:
//  * A room is followed while somebody is in it or waits to be.
//  * Each member has a cursor in the log of the room, and is sent what lies
//    beyond it, in order, once: live while it keeps up, otherwise read from the
//    log until the cursor has reached the present. Joining with history and
//    having been slow are the same thing from there on.
//  * Nothing is queued for a socket that has kClientBufferBytesMax queued, but
//    answers that are small.
// A pure state machine: no sockets, no clock, no threads. All calls on the one
// thread of its Backplane; answers of the Backplane may come until this object
// is gone, and not after.
class RoomApplication final : public SocketHandler, public RoomFollower {
 public:
  struct Options {
    std::string node_name;  // What `node` answers.
  };

  // Borrows `backplane`.
  RoomApplication(Options options, Backplane& backplane);
  ~RoomApplication() override;

  // Tries again what failed for a reason that passes. To be called about once a
  // second.
  void OnTick();

  // SocketHandler:
  void OnConnect(Socket& socket) override;
  void OnEvent(Socket& socket, const IncomingEvent& event) override;
  void OnDisconnect(Socket& socket, absl::string_view reason) override;
  void OnDrained(Socket& socket) override;

  // RoomFollower:
  void OnFollowing(RoomHandle handle, Position head) override;
  void OnFollowFailed(RoomHandle handle, const absl::Status& status) override;
  void OnEvents(absl::Span<const RoomEvent> events) override;
  void OnGap(RoomHandle handle, Position from, Position to,
             GapReason reason) override;

  size_t client_count() const { return clients_.size(); }
  size_t room_count() const { return rooms_.size(); }
  // Stored events that could not be sent as text and were left out.
  uint64_t unsendable_events() const { return unsendable_events_; }

 private:
  struct Client;
  struct HistoryPageRead;
  struct Membership;
  struct Room;

  // What clients ask for.
  void On(Client& client, std::optional<uint64_t> ack_id, ClientJoin join);
  void On(Client& client, std::optional<uint64_t> ack_id, ClientLeave leave);
  void On(Client& client, std::optional<uint64_t> ack_id,
          ClientPublish publish);
  void On(Client& client, std::optional<uint64_t> ack_id,
          ClientHistory history);
  void On(Client& client, std::optional<uint64_t> ack_id, ClientNode node);
  void On(Client& client, std::optional<uint64_t> ack_id, Refusal refusal);

  // A room and its membership; made if need be.
  Membership& MembershipOf(Client& client, const RoomKey& key);
  Membership* FindMembership(Client& client, const RoomKey& key);
  void Remove(Membership& member);
  void Follow(Room& room);

  // Does the joins and leaves that wait at `member`, as far as they can be done
  // now. Afterwards the member may be gone.
  void Advance(Membership& member);
  // `lost_from` is set if it was begun in an earlier epoch, where it had come
  // so far.
  void BeginJoin(Membership& member, const std::optional<Position>& lost_from);
  void FinishJoin(Membership& member);
  void RefuseJoin(Membership& member, const Refusal& refusal);

  // From its cursor on, the member gets what is said: at once if it has all
  // before it, otherwise by and by.
  void GoOn(Membership& member);
  void TakeReplayPage(Membership& member,
                      const absl::StatusOr<HistoryPage>& page);
  void ReplayFailed(Membership& member, const absl::Status& status);
  void SendGap(Membership& member, const Gap& gap);

  // What waits for a client to be read for, or for its socket to drain.
  void Enqueue(Membership& member);
  void Pump(Client& client);
  void WorkOn(Membership& member);
  void StartReplayRead(Membership& member);
  void StartHistoryRead(Client& client,
                        std::shared_ptr<const HistoryPageRead> read);
  void TakeHistoryPage(Client& client,
                       std::shared_ptr<const HistoryPageRead> read,
                       const absl::StatusOr<HistoryPage>& page);
  // Tries again at the next tick.
  void Stall(Membership& member);

  // The room is now at `to`, in another epoch.
  void BeginNewEpoch(Room& room, Position to);
  void AdvanceAll(Room& room);
  // Members may go while being visited.
  void ForEachMember(Room& room, absl::FunctionRef<void(Membership&)> visit);

  // What an answer, or the follower's events, say of how far the log is. Events
  // alone tell that there is a new epoch: an answer may be an old one.
  void NoteLogHead(Position head);
  void FollowLogHead(Position head);

  const std::string node_name_;
  Backplane& backplane_;
  RequestReader request_reader_;

  absl::flat_hash_map<const Socket*, std::shared_ptr<Client>> clients_;
  absl::flat_hash_map<RoomKey, std::unique_ptr<Room>> rooms_;
  absl::flat_hash_map<RoomHandle, Room*> followed_;
  std::vector<RoomKey> rooms_to_follow_again_;
  std::vector<std::weak_ptr<Membership>> stalled_;
  // As far as this loop knows the log, in whatever room.
  Position log_head_;
  uint64_t unsendable_events_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_ROOM_APPLICATION_H_
