// The bounds of base/limits.h that concern this package, with their names there.

// A room or namespace name, in bytes.
export const kRoomNameBytesMax = 255;
export const kPublishIdBytesMax = 128;
export const kPacketBytesMax = 900_000;
export const kMessageBytesMax = 8 << 20;
export const kRoomsPerMessageMax = 4096;

// Events, and their bytes, kept while the broker is away or behind. Beyond it a
// publisher is told at once.
export const kQueuedPublishesMax = 131_072;
export const kQueuedPublishBytesMax = 128 << 20;
// How long a publish waits for its answer: longer than a broker takes to restart.
export const kPublishTimeoutMs = 30_000;

export const kDeliveryCreditBytes = 16 << 20;
export const kUserNameBytesMax = 255;
export const kReadEventsMax = 1024;
// Live events held while what came before them is read.
export const kHeldBytesMax = 64 << 20;
export const kUnansweredReadsMax = 1024;
export const kWaitingReadsMax = 65_536;

export const kHeartbeatIntervalMs = 1000;
export const kBrokerSilenceMaxMs = 5000;
export const kGreetingIntervalMs = 200;

// From node/socketio/socketio_limits.h.

// Rooms and exceptions of one broadcast: each room is an event of its own.
export const kBroadcastRoomsMax = 256;
// Clients refuse a packet with more.
export const kAttachmentsMax = 10;
// How long the cluster may take to answer: Socket.IO's own default.
export const kClusterRequestTimeoutMs = 5000;
export const kClusterRequestsMax = 16_384;
// An answer to fetchSockets is cut into events of about this.
export const kSocketsAnswerBytes = 256 << 10;

// This package's own.

// A publish message is cut at this much, so that the broker can work on one
// while the next is on its way.
export const kPublishEventsEnough = 1024;
export const kPublishBytesEnough = 1 << 20;
// Rooms that the link catches up on at a time.
export const kCatchUpsAtOnce = 16;
// How long close() waits for what was emitted to be taken by the broker.
export const kCloseTimeoutMs = 2000;
// Where nobody listens to "error", one warning at most in this time.
export const kWarningIntervalMs = 60_000;

// ---- Sessions: see base/limits.h and node/socketio/socketio_limits.h ----

// What a program keeps with a socket, as it is stored. A socket with more cannot be
// recovered, and a warning says so.
export const kSessionDataBytesMax = 64 << 10;
// How long a client waits for its session to be opened. After that it is let in
// without one.
export const kSessionOpenMs = 2000;
// How long a client that asks for its session waits while the broker is away: longer
// than one takes to start again. After that it begins anew.
export const kSessionRestoreMs = 15_000;
export const kSessionRetryMs = 1000;
// Events, and bytes of packets, that a recovery sends again. A client that lacks more
// begins anew.
export const kRecoveryEventsMax = 4096;
export const kRecoveryBytesMax = 1 << 20;
// What waits for one socket until a change of its session is durable: milliseconds'
// worth, unless the broker is away. With more, the session is given up instead.
export const kGatedEventsMax = 4096;
// Rooms that carry what a server says to single sockets of a namespace.
export const kRoomsOfDirectEvents = 256;
// How often the data of sockets is looked at, for Socket.IO does not tell of changes.
export const kSessionDataIntervalMs = 1000;

// ---- Shadow mode ----

// How much later than the other one adapter may bring an event: longer than a broker or
// a Redis that restarts takes.
export const kShadowGraceMs = 10_000;
// Events of one room that wait to come the other way. Of more, the oldest are judged as
// if their time was over.
export const kShadowEventsMax = 10_000;
// Rooms of a namespace that are reported; of more, those entered first are forgotten.
export const kShadowRoomsMax = 100_000;
