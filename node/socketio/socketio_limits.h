// The bounds of Socket.IO's own part of a node, each with its reason and what
// happens when it is reached.
#ifndef ROOMLOG_NODE_SOCKETIO_SOCKETIO_LIMITS_H_
#define ROOMLOG_NODE_SOCKETIO_SOCKETIO_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

namespace roomlog {

// Binary attachments of one packet, as in Socket.IO's own parser. A packet that
// announces more closes the connection.
inline constexpr size_t kAttachmentsMax = 10;
// Acknowledgements that one socket may owe us: an application that asks without
// end would fill the memory with its questions. One more is refused.
inline constexpr size_t kPendingAcksPerSocketMax = 16384;
// A handler that runs longer holds up every client of its loop: a warning.
inline constexpr absl::Duration kSlowHandlerTime = absl::Milliseconds(100);
// A client with more bytes than this waiting is not keeping up, so volatile
// events pass it by: about what the system takes at a time.
inline constexpr size_t kVolatileQueueBytesMax = size_t{64} << 10;
// How long the cluster may take to answer a request: Socket.IO's own default.
inline constexpr absl::Duration kClusterRequestTime = absl::Seconds(5);
// Requests to the cluster, and broadcasts that wait for acknowledgements, under
// way on one loop. One more fails at once.
inline constexpr size_t kClusterRequestsMax = 16384;
// An answer to fetchSockets is cut up into events of about this; less than
// kPacketBytesMax by what one socket may add, its data within reason.
inline constexpr size_t kSocketsAnswerBytes = size_t{256} << 10;
// Rooms and exceptions of one broadcast: each room is an event of its own, and
// each is looked up on every node. A broadcast to more is refused.
inline constexpr size_t kBroadcastRoomsMax = 256;
// Calls from other threads that wait for a loop. The caller of one more waits.
inline constexpr size_t kLoopMailboxEntriesMax = 65536;

// ---- Sessions: clients that come back ----

// How long a client waits for its session to be opened. After that it is let in
// without one, and cannot recover: better than a server that seems to hang.
inline constexpr absl::Duration kSessionOpenTime = absl::Seconds(2);
// How long a client that asks for its session waits while the broker is away:
// longer than one takes to start again. After that it begins anew.
inline constexpr absl::Duration kSessionRestoreTime = absl::Seconds(15);
// Sessions for which one loop asks the broker at a time. When thousands come
// back at once, what is published meanwhile waits for so many at most: some
// milliseconds.
inline constexpr size_t kRestoresAtOnce = 32;
// How long a socket that the program disconnects waits for what was said to it
// before: longer than a broker that is there takes, and not so long that
// whoever is thrown out could stay while there is none.
inline constexpr absl::Duration kLastWordsTime = absl::Seconds(2);
// How long what could not be told the broker waits to be told again.
inline constexpr absl::Duration kSessionRetryTime = absl::Seconds(1);
// How long a server that stops waits until the broker has heard of its lost
// clients. After that their windows run from when its lease is over.
inline constexpr absl::Duration kSessionGoodbyeTime = absl::Seconds(2);
// Ends of sessions that wait for a broker which is away: one for each client of
// a busy loop. Of more, those of the oldest are told by the node's own end.
inline constexpr size_t kSessionEndingsMax = 131'072;
// Bytes of emits to one socket that wait until the log can carry them: until
// the first has joined its room, so milliseconds. One more is not sent, and
// logged.
inline constexpr size_t kWaitingEmitBytesMax = size_t{4} << 20;

// ---- Catching up, and coming back ----

// Events of the log that are held for one client while its rooms are merged.
// What would be more is read again in its turn.
inline constexpr size_t kCatchUpBytesMax = size_t{4} << 20;
// Events that are read at a time, of each room and for a client that took less
// the last time, are at least so many.
inline constexpr size_t kCatchUpPageEventsMin = 16;
// Events of the log that one loop hands to those who asked for them before it
// looks after live events again: about a millisecond's work.
inline constexpr size_t kReadEventsPerTurn = 256;
// Recoveries for which one loop collects at a time: each holds kRecoveryBytesMax
// at most. Others wait, as many as there are clients.
inline constexpr size_t kRecoveriesAtOnce = 256;

// ---- A node alone: the log in its own memory ----

// Events, and bytes, kept of one room; the oldest go first. Enough for somebody
// who comes back after a while, and no more memory than a few slow clients.
inline constexpr size_t kLocalRoomEventsMax = 1000;
inline constexpr size_t kLocalRoomBytesMax = size_t{4} << 20;
// And of all rooms together. Beyond it the rooms that were silent longest are
// forgotten.
inline constexpr size_t kLocalLogBytesMax = size_t{256} << 20;
// Rooms that the log remembers.
inline constexpr size_t kLocalRoomsMax = 100'000;
// Sessions kept, each less than a KiB with three rooms: four for each client of
// a busy machine. One more client is served, and cannot recover.
inline constexpr size_t kLocalSessionsMax = 262'144;
// Publish ids remembered of one room: one for each event that is kept.
inline constexpr size_t kLocalPublishIdsMax = kLocalRoomEventsMax;

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SOCKETIO_SOCKETIO_LIMITS_H_
