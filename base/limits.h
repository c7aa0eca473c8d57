// Every bound that Roomlog keeps, with its reason. Nothing grows without one.
// Sizes are in bytes, counts in things; what happens at the bound is said here.
#ifndef ROOMLOG_BASE_LIMITS_H_
#define ROOMLOG_BASE_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace roomlog {

// ---- Names and packets: a larger one is refused with a clear error ----

// A room or namespace name. Long enough for any sensible name, short enough to
// be part of every key.
inline constexpr size_t kRoomNameBytesMax = 255;
// A publish id chosen by a client: a UUID has 36 characters.
inline constexpr size_t kPublishIdBytesMax = 128;
// The name of an event of the room application.
inline constexpr size_t kEventNameBytesMax = 255;
// An encoded packet. Less than kClientMessageBytesMax, so that who publishes
// somewhat too much is told `too_large`, rather than cut off by the transport.
inline constexpr size_t kPacketBytesMax = 900'000;

// ---- A message between node and broker: a larger one is cut up by the sender
// and refused by the receiver ----

inline constexpr size_t kEventsPerMessageMax = 4096;
inline constexpr size_t kMessageBytesMax = size_t{8} << 20;
inline constexpr size_t kRoomsPerMessageMax = 4096;

// ---- Publishing ----

// Publishes a node may have unanswered at the broker. At 500,000 events/s it is
// an eighth of a second. Beyond it they wait at the node.
inline constexpr size_t kUnansweredPublishesMax = 65536;
inline constexpr size_t kUnansweredBytesMax = size_t{32} << 20;
// Publishes a node keeps while the broker is away or behind, those unanswered
// included. Beyond it a publisher is told `unavailable` at once.
inline constexpr size_t kQueuedPublishesMax = 131072;
inline constexpr size_t kQueuedPublishBytesMax = size_t{128} << 20;
// How long a publish waits at a node for an answer before its publisher is told
// `unavailable`: longer than a broker takes to restart.
inline constexpr absl::Duration kPublishTimeout = absl::Seconds(30);
// How long the broker remembers a producer that is silent: far beyond
// kPublishTimeout, so a publish that is sent again finds its first answer.
inline constexpr absl::Duration kProducerMemory = absl::Hours(24);
// Producers remembered. Beyond it the one silent longest is forgotten.
inline constexpr size_t kProducersMax = 65536;

// ---- The commit ----

// One commit takes what has arrived, up to this: enough to share one sync among
// all who wait, small enough to be written in a few milliseconds.
inline constexpr size_t kEventsPerCommitMax = 16384;
inline constexpr size_t kCommitBytesMax = size_t{16} << 20;
// Entries waiting for the storage thread; a full mailbox makes the I/O thread
// stop reading, and TCP holds the nodes.
inline constexpr size_t kJournalMailboxEntriesMax = 16384;
// Results waiting for the I/O thread; a full mailbox makes the writer wait.
inline constexpr size_t kResultMailboxEntriesMax = 65536;
// Offsets reserved durably at a time. A restart skips what is left of the
// block, so a larger block costs numbers, of which there are 2^64, and a
// smaller one costs syncs.
inline constexpr uint64_t kOffsetsPerReservation = uint64_t{1} << 20;
// Events, and bytes of packets, that the log keeps in one row. A commit is cut
// into rows of this, so that reading a few events need not read a whole commit.
inline constexpr size_t kPackEventsMax = 256;
inline constexpr size_t kPackBytesMax = size_t{64} << 10;
// A generation of commits on their way into the rooms. More make larger packs
// and fewer rows; they take memory, are looked into by whoever reads a room,
// and after a crash take longer to load.
inline constexpr size_t kStagedEventsMax = 16384;
inline constexpr size_t kStagedBytesMax = size_t{8} << 20;
inline constexpr size_t kStagedCommitsMax = 256;
// Events that one call of Trim() takes away; the next goes on. A few
// milliseconds in which no commit is written.
inline constexpr size_t kTrimmedEventsPerCallMax = 16384;
// Rooms the log keeps. Each costs the broker about 300 bytes of memory; a
// publish to one more is refused.
inline constexpr size_t kRoomsMax = 10'000'000;

// ---- Fan-out ----

// Bytes sent to a node and not yet consumed by it; a node that has this much
// outstanding lags and is sent nothing until it has caught up.
inline constexpr size_t kDeliveryCreditBytes = size_t{16} << 20;
// Recent commits kept once for all lagging nodes. A node that fell behind even
// these resynchronises from the log.
inline constexpr size_t kRecentCommitBytesMax = size_t{64} << 20;
// Nodes greeted at once. One more is refused.
inline constexpr size_t kNodesMax = 1024;
// Rooms one node may hold. One more is refused.
inline constexpr size_t kRoomsPerNodeMax = 1'000'000;

// ---- History ----

// Events, and bytes, in one page that the log or the broker gives. The reader
// asks again for the next.
inline constexpr size_t kReadEventsMax = 1024;
inline constexpr size_t kReadBytesMax = size_t{2} << 20;
// Reads waiting for the reader threads; one more is answered "unavailable".
inline constexpr size_t kWaitingReadsMax = 65536;
// Threads that read history. They mostly wait for disk.
inline constexpr int kReaderThreads = 2;
// Live events that a node holds while it reads what it missed before them.
// Beyond it they are let go, and read from the log as well.
inline constexpr size_t kHeldBytesMax = size_t{64} << 20;
// Reads one node may have unanswered; the others wait at the node.
inline constexpr size_t kUnansweredReadsMax = 1024;

// ---- Sessions: what is needed to find a lost client again ----

// Sessions a broker keeps. Each costs it less than a KiB with three rooms. One
// more is not opened: its client is served, and cannot recover.
inline constexpr size_t kSessionsMax = 1'000'000;
// What a program keeps with a socket, as it is stored. More is not stored, and
// the program is told.
inline constexpr size_t kSessionDataBytesMax = size_t{64} << 10;
// The name of the user whose session it is. As long as a room's, so that rooms
// can be named after users. A token with a longer one is refused, and so is a
// session.
inline constexpr size_t kUserNameBytesMax = 255;
// Offsets of which a session remembers that nobody knows what the client got of
// what was sent again from there. More are of connections that were given up
// one after the other and all looked at late.
inline constexpr int kDoubtfulOffsetsMax = 8;
// Where the history of a join begins, as it is stored: a position, or a number.
inline constexpr size_t kSessionStartBytesMax = 64;
// The state of a user: a small record, which is read whole at every change.
inline constexpr size_t kUserStateBytesMax = size_t{64} << 10;
// How deep it may nest: a merge walks over what lies below at every level.
inline constexpr size_t kUserStateDepthMax = 32;
// The longest that it may be asked to last before it ends by itself.
inline constexpr absl::Duration kUserStateTtlMax = absl::Hours(24 * 3660);
// How many earlier states are kept for those who watch and were away.
inline constexpr uint64_t kUserEventsKept = 100;
// How long nodes are told whose tokens were revoked: longer than any token should
// be good for; and how many such events are kept.
inline constexpr absl::Duration kRevocationsKept = absl::Hours(24 * 400);
inline constexpr uint64_t kRevocationsKeptMax = 1'000'000;
// How long a client that shows a token waits for its node to know them.
inline constexpr absl::Duration kRevocationsWaitMax = absl::Seconds(10);
// User states that one call of TidyUp() ends; the next goes on.
inline constexpr size_t kUserStatesExpiredPerCallMax = 256;

// The longest window. Some clients sleep over a holiday.
inline constexpr absl::Duration kRecoveryWindowMax = absl::Hours(24 * 30);
// Expired sessions that one call of TidyUp() ends; the next goes on.
inline constexpr size_t kSessionsExpiredPerCallMax = 1024;
// Events, and bytes of packets, that a recovery sends again. A client that
// lacks more is told that it does, and begins anew. Less than a client's
// buffer, so that what is sent again does not count as being slow.
inline constexpr size_t kRecoveryEventsMax = 4096;
inline constexpr size_t kRecoveryBytesMax = size_t{1} << 20;

// ---- Being there ----

// How often a node or broker says something when it has nothing to say.
inline constexpr absl::Duration kHeartbeatInterval = absl::Seconds(1);
// A node silent for this long is gone: long enough for a pause of the machine,
// short enough that its ghosts do not linger.
inline constexpr absl::Duration kNodeLease = absl::Seconds(10);
// A broker silent for this long is greeted anew.
inline constexpr absl::Duration kBrokerSilenceMax = absl::Seconds(5);
// How long a greeting waits for its answer before the next.
inline constexpr absl::Duration kGreetingInterval = absl::Milliseconds(200);

// ---- Between a node's loop and its link ----

// Things asked of the link's thread, or told by it, that wait for the other.
// What does not fit waits on the side that asks, within the bounds above.
inline constexpr size_t kLinkMailboxEntriesMax = 65536;

// ---- A turn: what one loop handles before it looks up again ----

inline constexpr size_t kMessagesPerTurn = 256;

// ---- The node's clients ----

// Bytes waiting to be written to one client. Past it the queue is dropped and
// the client is sent on from the log.
inline constexpr size_t kClientBufferBytesMax = size_t{1} << 20;
// Bytes waiting for a client whose application does not hold back: answers to
// what it asks without reading. One more and the connection is closed.
inline constexpr size_t kClientBufferBytesHardMax = 4 * kClientBufferBytesMax;
// What a frame in that queue counts beside its bytes, so that a million tiny
// frames are not taken for nothing: about what one costs in memory.
inline constexpr size_t kQueuedFrameOverheadBytes = 64;
// Rooms one client may be in.
inline constexpr size_t kRoomsPerClientMax = 256;
// Rooms in the record of a session: those, and what its node adds, which is the
// namespace's, the socket's own, and one for what goes to the socket alone.
inline constexpr size_t kSessionRoomsMax = kRoomsPerClientMax + 16;
// Events a client may ask for when joining, and in one page of history.
inline constexpr size_t kReplayEventsMax = 10000;
inline constexpr size_t kHistoryPageEventsMax = 1000;
inline constexpr size_t kHistoryPageEventsDefault = 50;
// Clients of one node; one more is refused.
inline constexpr size_t kClientsMax = 100000;
// An Engine.IO message from a client: Socket.IO's own default.
inline constexpr size_t kClientMessageBytesMax = 1'000'000;
// Namespaces one client may be in: each is a socket of its own. A CONNECT to
// one more is refused.
inline constexpr size_t kNamespacesPerClientMax = 64;
// The JSON a client sends with a CONNECT, kept as long as the socket: a token
// fits. A larger one is refused.
inline constexpr size_t kAuthBytesMax = size_t{64} << 10;
// How deep a client may nest JSON: half of what simdjson's parser takes, so
// that whoever wraps it can still be read. Deeper is malformed.
inline constexpr size_t kJsonDepthMax = 512;
// Requests (joins, publishes, history) one client may have unanswered: enough
// for a program that publishes a batch without waiting, an eighth of what its
// node may queue. One more is answered `limit`.
inline constexpr size_t kUnansweredRequestsPerClientMax = 16384;
// Live events of one room that are handed on together, member by member: what
// they take stays in the processor's caches.
inline constexpr size_t kEventRunMax = 64;
// Live events held for one socket, or one room, while its past is being read.
// Past it they are dropped and read from the log instead.
inline constexpr size_t kHeldEventsMax = 1024;
// And their bytes: what one client may have queued, so that holding for a room
// costs no more than one more slow client.
inline constexpr size_t kHeldFrameBytesMax = kClientBufferBytesMax;
// Reads of the log under way for one client; its other reads wait. Enough to
// hide the way to the broker, few enough that one client cannot take a share of
// kUnansweredReadsMax that others would feel.
inline constexpr size_t kReadsPerClientMax = 8;
// An answer to `history`: it ends early, saying that there is more, but always
// holds one event. Half of what a client may have queued.
inline constexpr size_t kHistoryAnswerBytesMax = kClientBufferBytesMax / 2;

// ---- HTTP and WebSocket ----

// The head of an HTTP request: as much as Node.js takes. A larger one is
// answered 431.
inline constexpr size_t kHttpHeaderBytesMax = size_t{16} << 10;
// How long a client may take for the head of its first request, and how long a
// kept-alive connection may wait for its next one. Then it is closed.
inline constexpr absl::Duration kHttpHeaderTime = absl::Seconds(10);
inline constexpr absl::Duration kHttpIdleTime = absl::Seconds(30);
// How long a client may take to accept an answer. Then it is closed.
inline constexpr absl::Duration kHttpAnswerTime = absl::Seconds(60);
// Connections that speak HTTP at once: a burst of reconnecting clients on its
// way to WebSocket. One more is closed at once.
inline constexpr size_t kHttpConnectionsMax = 16384;
// How long accepting pauses when the process has no descriptor left.
inline constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);
// How long a closed WebSocket may take to say what is queued and to hear the
// other side's close. Then its connection is cut.
inline constexpr absl::Duration kWebSocketCloseTime = absl::Seconds(2);
// Frames handed to the system in one write: what Asio passes on at most.
inline constexpr size_t kFramesPerWriteMax = 64;
// Bytes read from a client at a time, into one buffer for the whole loop. Small
// enough that one busy client does not hold up the others.
inline constexpr size_t kReadBufferBytes = size_t{64} << 10;

}  // namespace roomlog

#endif  // ROOMLOG_BASE_LIMITS_H_
