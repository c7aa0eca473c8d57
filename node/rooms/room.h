// Who is in which room of one loop, and how far each of them is.
#ifndef ROOMLOG_NODE_ROOMS_ROOM_H_
#define ROOMLOG_NODE_ROOMS_ROOM_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/limits.h"
#include "base/position.h"
#include "base/room_key.h"
#include "node/link/backplane.h"
#include "node/rooms/catch_up.h"
#include "node/rooms/gap.h"
#include "node/rooms/recent_frames.h"
#include "node/rooms/recovery.h"
#include "node/rooms/replay.h"
#include "node/rooms/room_packet.h"
#include "node/rooms/session_changes.h"
#include "node/rooms/session_start.h"
#include "node/socketio/socket_wire.h"

namespace roomlog {

struct Membership;
struct Room;

// What a join came to.
struct Joined {
  Position position;  // Live events come after this one.
  size_t replayed = 0;
  std::optional<Gap> gap;  // None: everything asked for came.
};
using JoinDone = absl::AnyInvocable<void(absl::StatusOr<Joined>) &&>;

// The history of a join that the client did not get, or not all of.
struct OwedHistory {
  std::shared_ptr<Membership> member;
  SessionStart start;
  std::optional<Position> after;  // It has it up to here.
};

// What a client that has come back is owed, as it is collected.
struct Collection {
  RecoveredSession session;
  RecoverDone done;
  bool is_begun = false;
  bool is_checked = false;
  std::deque<OwedHistory> histories;
  FrameList frames;
  size_t events = 0;
  size_t bytes = 0;
  std::vector<RecoveryGap> gaps;
};

// One socket: its place in the order of the log, what it is in, and what it is
// in the middle of.
// There are very many, and most are idle: what is mostly empty is a list, which
// then takes nothing. (A deque takes half a kilobyte.)
struct RoomClient : std::enable_shared_from_this<RoomClient> {
  explicit RoomClient(SocketWire& its_socket) : socket(its_socket) {}
  ~RoomClient();

  bool asks_too_much() const {
    return unanswered >= kUnansweredRequestsPerClientMax;
  }
  // Nothing more is to be sent to it now.
  bool full() const;
  // Sends an event, or keeps it with what is collected.
  void Send(const FrameList& frames);
  // Asked to join, and not to leave since.
  bool WantsIn(const Room* room) const;
  // Gets what is said.
  bool IsIn(const Room* room) const;
  // The rooms it is in or wants to be in that have a name of users' making.
  size_t CountRooms() const;

  SocketWire& socket;
  bool is_removed = false;

  // It got everything up to the layer's stream position, and gets each event as
  // it comes.
  bool flows = true;
  // While it does not flow: it got everything up to here.
  Offset cursor;
  // It got everything up to here at least, whatever this node has seen.
  Offset floor;
  // Joins under way that nothing else may be sent before.
  size_t holds = 0;
  std::shared_ptr<CatchUp> catch_up;
  bool is_stalled = false;              // Until the next tick.
  size_t page_events = kReadEventsMax;  // Fewer for one that takes little.

  bool with_offsets = false;
  // Null: its rooms are not kept, or no more.
  SessionChanges* changes = nullptr;
  bool is_changing = false;  // A Change() is under way.
  std::list<std::shared_ptr<Membership>> to_change;
  // Those whose history is being sent, one after the other.
  std::list<std::shared_ptr<Membership>> histories;
  uint64_t last_join = 0;  // With history.
  std::vector<JoinDone> direct_waiting;
  std::unique_ptr<Collection> collection;  // While it is coming back.

  // By the names of their rooms: so what is asked of the backplane for them
  // comes in the same order in every process.
  std::vector<Membership*> MembershipsInOrder() const;

  absl::flat_hash_map<const Room*, std::shared_ptr<Membership>> memberships;
  // Reads of the log that wait for others, or for the socket to drain.
  std::list<absl::AnyInvocable<void()>> waiting;
  size_t reads = 0;       // Under way.
  size_t unanswered = 0;  // Joins, leaves and reads of history.
  uint64_t requests_seen = 0;
};

// A room that somebody is in or wants to be in, or that is always followed.
struct Room : std::enable_shared_from_this<Room> {
  explicit Room(const RoomKey& its_key) : key(its_key), packets(its_key) {}

  void Add(Membership& member);
  void Remove(Membership& member);
  // All that comes from here on comes after `to`.
  void MoveTo(Position to);
  // Members may go while being visited, and the room with them. Who has gone
  // before it is their turn is not visited.
  void ForEachMember(absl::FunctionRef<void(Membership&)> visit);

  const RoomKey key;
  const RoomPackets packets;
  bool is_pinned = false;  // Followed though nobody is in it.
  // Of a pinned room: hear of each event, after its members.
  std::vector<std::function<void(const EventView& event, Epoch epoch)>>
      observers;
  // None while nobody follows: the node was refused, and tries again.
  std::optional<RoomHandle> handle;
  // Of what the backplane said last; none before it ever followed.
  std::optional<Position> position;
  bool is_followed = false;
  std::vector<Membership*> members;
  size_t catching_up = 0;  // Members for whom `recent` is held.
  RecentFrames recent;
};

using RoomTable = absl::flat_hash_map<RoomKey, std::shared_ptr<Room>>;

// A socket in a room, or on its way in or out.
struct Membership : std::enable_shared_from_this<Membership> {
  // How far the first of `requests` is.
  enum class Step {
    kWaiting,
    kChanging,   // Until the session says so.
    kReplaying,  // Until the past that it asked for is sent.
  };
  struct Request {
    std::optional<ReplayStart> join;  // None: a leave.
    JoinDone done;                    // May be empty.
  };

  Membership(RoomClient& its_client, Room& its_room)
      : client(its_client), room(its_room) {}

  // To be called after `is_in`, `step` or whether the client flows changed: the
  // room holds its recent frames for those who will need them.
  void Recount();
  // It has all of the room that its client should have up to here.
  Offset place() const;
  // No answer to a read that is under way matters any more.
  void DropReplay();
  // Takes the first request away and answers it. Whatever that makes the
  // application ask of this member waits until then.
  void Answer(absl::StatusOr<Joined> answer);

  RoomClient& client;
  Room& room;
  size_t index_in_room = 0;
  // Gets what is said after `from` and after the client's place. `from` may be
  // beyond the room's position, if it joined after what this node has not seen
  // yet.
  bool is_in = false;
  Offset from;
  // Everything in the room after this was, or will be, sent on this connection:
  // it has been in the room since, and nothing was missing. None while it is
  // not in.
  std::optional<Position> heard_since;
  // In the life of the log before this it had come so far: to be told with the
  // room's gap.
  std::optional<Position> lost_from;

  std::list<Request> requests;
  uint64_t requested = 0;  // Rises with the requests of its client.
  Step step = Step::kWaiting;
  bool holds_client = false;
  uint64_t join = 0;  // Its number, of a join with history.
  Offset join_from;   // What its session is told of it.
  std::optional<Replay> replay;
  std::string history_suffix;  // Of the offsets that are replayed; or none.
  uint64_t reads_begun = 0;    // Only the answer to the last one counts.
  bool reading = false;
  bool waiting = false;     // To read.
  bool answering = false;   // Answer() is under way.
  bool is_counted = false;  // In room.catching_up.
  bool removed = false;     // From room and client, which may be gone.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_ROOM_H_
