// The bounds of who may come in, each with its reason and what happens when it
// is reached.
#ifndef ROOMLOG_NODE_AUTH_AUTH_LIMITS_H_
#define ROOMLOG_NODE_AUTH_AUTH_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

namespace roomlog {

// A token as it is sent. Those of the large identity providers have 1 to 3 KiB.
// A longer one is refused before anything of it is read.
inline constexpr size_t kTokenBytesMax = size_t{8} << 10;
// Room patterns of one right in one token, or in the configuration: each is
// tried for each request. More are refused.
inline constexpr size_t kRoomPatternsMax = 64;
// A room pattern: a namespace, a room and a colon between them.
inline constexpr size_t kRoomPatternBytesMax = 511;
// Keys in one file: some that are on their way out and some on their way in. A
// token that names no key is tried against each. A file with more is refused.
inline constexpr size_t kKeysMax = 16;
// A file of keys. A larger one is none.
inline constexpr size_t kKeyFileBytesMax = size_t{1} << 20;
// A secret for HS256: not shorter than what the hash gives (RFC 7518, 3.2).
inline constexpr size_t kSecretBytesMin = 32;
// RSA keys: shorter ones can be broken (RFC 7518, 3.3), and longer ones let
// whoever sends tokens keep a loop busy.
inline constexpr int kRsaBitsMin = 2048;
inline constexpr int kRsaBitsMax = 4096;
// Nearly all keys have 65537. Checking takes as long as this has bits.
inline constexpr int kRsaExponentBitsMax = 64;
// How far the clocks of who signs and who checks may be apart by configuration.
inline constexpr absl::Duration kLeewayMax = absl::Minutes(5);
// A socket's token is looked at again after so long at the latest, as the time
// of day, by which tokens end, may jump.
inline constexpr absl::Duration kTokenLookInterval = absl::Minutes(1);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_AUTH_LIMITS_H_
