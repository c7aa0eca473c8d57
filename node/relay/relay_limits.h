// Bounds of what nodes do for each other's clients.
#ifndef ROOMLOG_NODE_RELAY_RELAY_LIMITS_H_
#define ROOMLOG_NODE_RELAY_RELAY_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

namespace roomlog {

// Requests of one loop that wait for other nodes, most of them polls that wait
// for something to be said. One more gets 503.
inline constexpr size_t kRelayedRequestsMax = 20'000;
// Of a body that travel in one message; less than kPacketBytesMax by far, so
// that what else is said is not held up.
inline constexpr size_t kRelayedPartBytesMax = size_t{256} << 10;
// Of an answer: more than a poll brings (kClientBufferBytesMax and an event,
// kRecoveryBytesMax).
inline constexpr size_t kRelayedAnswerBytesMax = size_t{16} << 20;
// Bodies that one loop puts together at a time, so that they take half a
// gigabyte at most. Nearly all bodies come in one part.
inline constexpr size_t kRelayedInPartsMax = 32;

// How often a loop asks whether its requests are still being answered, and how
// long the broker may take to hand one on.
inline constexpr absl::Duration kRelayCheckInterval = absl::Seconds(2);
inline constexpr absl::Duration kRelayHandOnTime = absl::Seconds(10);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_RELAY_RELAY_LIMITS_H_
