// The log of a node that runs alone: in memory, and gone with it.
#ifndef ROOMLOG_NODE_LINK_LOCAL_LOG_H_
#define ROOMLOG_NODE_LINK_LOCAL_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/position.h"
#include "base/presence_limits.h"
#include "base/room_key.h"
#include "base/shared_bytes.h"
#include "node/link/backplane.h"
#include "node/socketio/socketio_limits.h"
#include "proto/event_columns.h"
#include "sessions/last_seen.h"
#include "sessions/room_members.h"
#include "sessions/session_table.h"
#include "users/user_expiries.h"
#include "users/user_record.h"

namespace roomlog {

// Numbers the events of all rooms in one order, keeps the latest of each, and
// knows who follows which room. Bounded by kLocalRoomEventsMax and its kin;
// what is gone is told as trimmed. Pure: one thread, and no clock.
class LocalLog {
 public:
  struct Follower {
    size_t loop;  // Whatever number its owner gave it.
    RoomHandle handle;

    friend bool operator==(const Follower&, const Follower&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const Follower& follower) {
      return H::combine(std::move(state), follower.loop, follower.handle);
    }
  };
  using Deliver = absl::FunctionRef<void(size_t loop, const RoomEvent& event)>;

  explicit LocalLog(Epoch epoch) : epoch_(epoch) {}

  // Does what `loop` asks for, as the broker would: appends an event, hands an
  // ephemeral one on, or carries out an operation on a session
  // (sessions/session_table.h) or a user (users/user_record.h), with errors as
  // there. `deliver` is called for what the loops are to hear of it. `time_ms`
  // is now.
  absl::StatusOr<PublishAnswer> Do(size_t loop, const PublishRequest& request,
                                   int64_t time_ms, Deliver deliver);
  // Ends sessions whose windows are over, memberships of whose clients are
  // lost, and states of users whose time is over; to be called now and then.
  void Settle(int64_t time_ms, Deliver deliver);

  // From here on `follower` is delivered to. Returns the room's head.
  Position Follow(const RoomKey& room, Follower follower);
  void Unfollow(Follower follower);

  HistoryPage Read(const HistoryRequest& request) const;
  MembersPage ReadMembers(const MembersRequest& request) const;

  size_t bytes() const { return bytes_; }
  size_t room_count() const { return rooms_.size(); }

 private:
  struct Event {
    Offset offset;
    Offset previous;
    int64_t time_ms = 0;
    uint32_t flags = 0;
    size_t id_bytes = 0;
    SharedBytes bytes;  // The id, and behind it the packet.

    EventView View() const;
  };
  struct Room {
    std::deque<Event> events;
    Offset head;
    Offset trimmed_through;
    size_t bytes = 0;
    absl::flat_hash_map<std::string, Offset> ids;
    std::list<RoomKey>::iterator silent;  // Its place in `by_silence_`.
  };

  PublishAnswer Publish(const PublishRequest& request, int64_t time_ms,
                        Deliver deliver);
  absl::StatusOr<PublishAnswer> DoSession(size_t loop,
                                          const PublishRequest& request,
                                          int64_t time_ms, Deliver deliver);
  absl::StatusOr<PublishAnswer> DoUser(PublishRequest request, int64_t time_ms,
                                       Deliver deliver);
  Room& RoomOf(const RoomKey& key);
  void DropOldest(Room& room);
  absl::StatusOr<UserRecord> FindUser(const RoomKey& room) const;
  void ExpireUsers(int64_t time_ms, Deliver deliver);
  void Tell(const SessionTable::Effects& effects, int64_t time_ms,
            Deliver deliver);
  void KeepWithinBounds();
  static size_t BytesOf(const Event& event);

  const Epoch epoch_;
  Offset last_offset_;
  // Rooms that are not in `rooms_` may have had events up to here.
  Offset forgotten_through_;
  absl::flat_hash_map<RoomKey, Room> rooms_;
  std::list<RoomKey> by_silence_;  // Silent longest first.
  absl::flat_hash_map<RoomKey, std::vector<Follower>> followers_;
  absl::flat_hash_map<Follower, RoomKey> followed_;  // The same, by follower.
  size_t bytes_ = 0;
  SessionTable sessions_{kLocalSessionsMax};
  RoomMembers members_;
  LastSeen last_seen_{kLastSeenUsersMax};
  UserExpiries user_expiries_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_LOCAL_LOG_H_
