// Bounds of the HTTP API.
#ifndef ROOMLOG_NODE_API_API_LIMITS_H_
#define ROOMLOG_NODE_API_API_LIMITS_H_

#include <cstddef>

namespace roomlog {

// Of one request. Several of the largest events fit.
inline constexpr size_t kApiBodyBytesMax = size_t{4} << 20;
// One request that publishes more would hold up what others publish.
inline constexpr size_t kApiBatchEventsMax = 1000;
// Requests of one loop that are not answered yet, so that a broker that is away
// does not fill the memory with their bodies. One more gets 429.
inline constexpr size_t kApiUnansweredMax = 256;

// A key that is shorter could be guessed.
inline constexpr size_t kApiKeyBytesMin = 32;
inline constexpr size_t kApiKeyFileBytesMax = size_t{64} << 10;

}  // namespace roomlog

#endif  // ROOMLOG_NODE_API_API_LIMITS_H_
