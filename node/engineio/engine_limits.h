// Every bound that the engine keeps beside those of base/limits.h, with its
// reason. Sizes are in bytes, counts in things.
#ifndef ROOMLOG_NODE_ENGINEIO_ENGINE_LIMITS_H_
#define ROOMLOG_NODE_ENGINEIO_ENGINE_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

namespace roomlog {

// ---- Loops ----

// Event loops of one server: what one byte of a session id can name. More than
// the cores of any machine we know serve no purpose.
inline constexpr size_t kLoopsMax = 256;

// ---- Upgrading from polling to WebSocket, as Engine.IO's own server ----

// How long a WebSocket may take from its handshake to the packet that ends the
// upgrade. Then it is closed; the session goes on by polling.
inline constexpr absl::Duration kUpgradeTime = absl::Seconds(10);
// How often a pending poll is answered with a noop while a WebSocket probes, so
// that the client can stop polling.
inline constexpr absl::Duration kProbeNoopInterval = absl::Milliseconds(100);

// ---- Polling ----

// How long a session that the server has closed waits for a poll that it can
// tell. Then it is forgotten.
inline constexpr absl::Duration kPollingCloseTime = absl::Seconds(30);
// Answers of at least this are compressed for clients that take it; smaller
// ones gain too little.
inline constexpr size_t kCompressedAnswerBytesMin = 1024;

// ---- Writing ----

// Messages of at least this are compressed for clients that take it.
inline constexpr size_t kCompressedMessageBytesMin = 1024;

// Frames that together have at most so many bytes are copied into one piece:
// the system takes that more quickly than the pieces, and a fan-out makes it
// once for all. Larger ones are cheaper from where they lie.
inline constexpr size_t kJoinedBytesMax = size_t{16} << 10;

// ---- HTTP ----

// Connections taken in a row before what else there is has its turn.
inline constexpr int kAcceptsPerTurnMax = 64;

// A line between the chunks of a body, and all lines behind the last together:
// a size has 15 digits at most, and nobody uses the rest.
inline constexpr size_t kChunkLineBytesMax = 4096;
// How long a client may take for the body of a request, of at most
// kClientMessageBytesMax. Then it is closed, and the session with it.
inline constexpr absl::Duration kHttpBodyTime = absl::Seconds(60);
// Bytes written to a client with TLS in one record: the most that TLS knows.
inline constexpr size_t kTlsRecordBytesMax = size_t{16} << 10;

// How often some clients are closed while a server drains: often enough that
// those who come next meet a steady stream rather than a crowd.
inline constexpr absl::Duration kDrainWaveInterval = absl::Milliseconds(50);
// The longest that a server may be told to drain.
inline constexpr absl::Duration kDrainTimeMax = absl::Hours(1);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_ENGINE_LIMITS_H_
