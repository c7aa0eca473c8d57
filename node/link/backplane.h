// What a node knows of the cluster's rooms.
#ifndef ROOMLOG_NODE_LINK_BACKPLANE_H_
#define ROOMLOG_NODE_LINK_BACKPLANE_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/ids.h"
#include "base/position.h"
#include "base/room_key.h"
#include "base/shared_bytes.h"
#include "node/link/members.h"
#include "proto/event_columns.h"

namespace roomlog {

struct PublishRequest {
  RoomKey room;
  uint32_t flags = 0;  // Bits of proto::EventFlag.
  std::string id;      // Appended once per room and id; empty: always.
  std::string packet;  // As Socket.IO's encoder makes it, without an offset.
};

struct PublishAnswer {
  Position position;
  // The id was used before in the room; `position` is that first event's.
  bool duplicate = false;
  // Of an ephemeral event: how many followers it was handed to, this node
  // included if it follows the room. `position` means nothing then.
  uint32_t receivers = 0;
  // What a session's operation is answered by: see proto/sessions.proto. An
  // answer that was given again lacks it.
  std::string session;
};

// A page of a room's log: after < offset < before, not older than `since_ms`.
struct HistoryRequest {
  RoomKey room;
  bool newest_first = false;  // The end at which the page begins.
  Offset after;
  Offset before{std::numeric_limits<uint64_t>::max()};
  int64_t since_ms = std::numeric_limits<int64_t>::min();
  size_t events_max = 0;  // Fewer may come; `more` tells.
};

struct HistoryPage {
  Epoch epoch;                    // What all the offsets here belong to.
  std::vector<EventView> events;  // Always oldest first; borrow from `bytes`.
  std::vector<SharedBytes> bytes;
  Offset trimmed_through;  // Everything up to here is gone.
  Offset head;             // The room's last event when the page was read.
  bool more = false;       // More events match than the page holds.
};

// An event of a followed room. An ephemeral one has no offset of its own; it
// comes in its place in the order of the log. `event.packet` and `event.id`
// borrow from `bytes`.
struct RoomEvent {
  RoomHandle room;
  EventView event;
  SharedBytes bytes;
};

// Why events are missing that somebody asked for.
enum class GapReason {
  kRetention,  // They were too old, too many or too large to be kept.
  kEpoch,      // The log began a new life.
  kLimit,      // More than a replay may hold.
  kDamage,     // The log cannot prove them whole.
};

// Hears of the rooms that a node follows. All calls come on the thread that the
// Backplane belongs to, and never from within a call to it.
class RoomFollower {
 public:
  virtual ~RoomFollower() = default;

  // From here on the room is followed: every event after `head` will come. Said
  // once for each Follow(), in its place in the order: of no room does anything
  // come any more that is at or before `head`.
  virtual void OnFollowing(RoomHandle room, Position head) = 0;

  // It cannot be followed: RESOURCE_EXHAUSTED or INVALID_ARGUMENT. The handle
  // is gone.
  virtual void OnFollowFailed(RoomHandle room, const absl::Status& status) = 0;

  // Events of followed rooms, in the order of the log; of each room without a
  // gap, unless OnGap() said so before. They keep that order when the link was
  // lost and found in between.
  virtual void OnEvents(absl::Span<const RoomEvent> events) = 0;

  // Of this room everything after `from` up to and with `to` is missing, and
  // will stay so. What comes next is after `to`, in whose epoch the room is
  // now.
  virtual void OnGap(RoomHandle room, Position from, Position to,
                     GapReason reason) = 0;
};

// The link to the broker, as the node's other parts see it. Belongs to one
// thread, on which all callbacks come, later than the call that asked for them.
class Backplane {
 public:
  using PublishDone =
      absl::AnyInvocable<void(absl::StatusOr<PublishAnswer>) &&>;
  using ReadDone = absl::AnyInvocable<void(absl::StatusOr<HistoryPage>) &&>;

  using MembersDone = absl::AnyInvocable<void(absl::StatusOr<MembersPage>) &&>;

  virtual ~Backplane() = default;

  // Appends an event; `done` is told once it is durable. An ephemeral one (see
  // EVENT_FLAG_EPHEMERAL) is handed on instead, after all that was published
  // before it and never twice, and `done` told how many follow the room. While
  // the broker is away publishes wait, up to a bound. Errors: UNAVAILABLE (no
  // broker for too long, or it cannot write; whether the event was appended may
  // be unknown, and publishing the same id again is safe), RESOURCE_EXHAUSTED
  // (too much waits already, or the log holds no more rooms), INVALID_ARGUMENT.
  virtual void Publish(PublishRequest request, PublishDone done) = 0;

  // Begins to follow a room, which must not be followed already. The follower
  // hears of it under the returned handle, which is never used again.
  virtual RoomHandle Follow(const RoomKey& room) = 0;

  // Ends it. Nothing more is heard of the handle.
  virtual void Unfollow(RoomHandle room) = 0;

  // Reads history. While the broker is away reads wait. Errors: UNAVAILABLE,
  // DATA_LOSS, INVALID_ARGUMENT.
  virtual void Read(HistoryRequest request, ReadDone done) = 0;

  // Asks who is in a room; the broker answers, and no node. While it is away
  // questions wait. Errors: UNAVAILABLE, INVALID_ARGUMENT.
  virtual void ReadMembers(MembersRequest request, MembersDone done) = 0;

  // Whether the broker answers, and if not, or if it takes no publishes, why.
  virtual absl::Status health() const = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_BACKPLANE_H_
