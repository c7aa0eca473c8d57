// Who is in which room of one loop, and how far each of them is.
#ifndef ROOMLOG_NODE_ROOMS_ROOM_H_
#define ROOMLOG_NODE_ROOMS_ROOM_H_

#include <cstddef>
#include <cstdint>
#include <deque>
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
#include "node/rooms/gap.h"
#include "node/rooms/recent_frames.h"
#include "node/rooms/replay.h"
#include "node/rooms/room_packet.h"
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

// One socket, with what it is in and what it is in the middle of.
struct RoomClient : std::enable_shared_from_this<RoomClient> {
  // Either a member to go on with, or something else that reads.
  struct Work {
    Membership* member = nullptr;
    absl::AnyInvocable<void()> read;
  };

  explicit RoomClient(SocketWire& its_socket) : socket(its_socket) {}

  bool asks_too_much() const {
    return unanswered >= kUnansweredRequestsPerClientMax;
  }
  bool full() const { return socket.queued_bytes() > kClientBufferBytesMax; }
  void Send(const FrameList& frames) {
    for (const SharedFramePtr& frame : frames) socket.Send(frame);
  }
  // Asked to join, and not to leave since.
  bool WantsIn(const Room* room) const;
  // Gets what is said.
  bool IsIn(const Room* room) const;

  SocketWire& socket;
  absl::flat_hash_map<const Room*, std::shared_ptr<Membership>> memberships;
  std::deque<Work> waiting;
  size_t reads = 0;       // Under way.
  size_t unanswered = 0;  // Joins, leaves and reads of history.
};

// A room that somebody is in or wants to be in, or that is always followed.
struct Room : std::enable_shared_from_this<Room> {
  explicit Room(const RoomKey& its_key) : key(its_key), packets(its_key) {}

  void Add(Membership& member);
  void Remove(Membership& member);
  // Without those who are live having got what lies in between.
  void MoveTo(Position to);
  // Members may go while being visited, and the room with them. Who has gone
  // before it is their turn is not visited.
  void ForEachMember(absl::FunctionRef<void(Membership&)> visit);

  const RoomKey key;
  const RoomPackets packets;
  bool is_pinned = false;  // Followed though nobody is in it.
  // None while nobody follows: the node was refused, and tries again.
  std::optional<RoomHandle> handle;
  // Of what the backplane said last; none before it ever followed.
  std::optional<Position> position;
  std::vector<Membership*> members;
  size_t catching_up = 0;  // Members for whom `recent` is held.
  RecentFrames recent;
};

using RoomTable = absl::flat_hash_map<RoomKey, std::shared_ptr<Room>>;

// A socket in a room, or on its way in or out.
struct Membership : std::enable_shared_from_this<Membership> {
  enum class State {
    kOut,      // Gets nothing.
    kJoining,  // Is sent the past that the first of `requests` asked for.
    kBehind,   // Is a member; events after the cursor wait for it.
    kLive,     // Is a member and has all up to the room's position.
  };
  struct Request {
    std::optional<ReplayStart> join;  // None: a leave.
    JoinDone done;                    // May be empty.
  };

  Membership(RoomClient& its_client, Room& its_room)
      : client(its_client), room(its_room) {}

  void Become(State next);
  // A live member has all up to the room's position, though what was for others
  // may not have moved its cursor. To be called before that ceases to hold.
  void MoveCursorToRoom();
  // No answer to a read that is under way matters any more.
  void DropReplay();
  // Takes the first request away and answers it. Whatever that makes the
  // application ask of this member waits until then.
  void Answer(absl::StatusOr<Joined> answer);

  RoomClient& client;
  Room& room;
  size_t index_in_room = 0;
  State state = State::kOut;
  bool is_member = false;  // Also while joining anew.
  // As a member it got everything up to here that it should. May be beyond the
  // room's position, if it joined after what this node has not seen yet.
  Offset cursor;
  std::deque<Request> requests;
  std::optional<Replay> replay;
  uint64_t reads_begun = 0;  // Only the answer to the last one counts.
  bool reading = false;
  bool waiting = false;    // In client.waiting.
  bool answering = false;  // Answer() is under way.
  bool removed = false;    // From room and client, which may be gone.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_ROOM_H_
