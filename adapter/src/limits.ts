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
