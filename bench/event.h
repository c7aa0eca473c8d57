// The event that every system carries: 128 bytes that tell who they are.
#ifndef ROOMLOG_BENCH_EVENT_H_
#define ROOMLOG_BENCH_EVENT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace roomlog::bench {

inline constexpr size_t kEventBytes = 128;

// What an event begins with. The rest is noise, so that no system wins by
// compressing it, and the noise follows from `sequence`, so that it is checked.
struct EventStamp {
  uint64_t sequence = 0;  // Counts the publisher's events from 0.
  uint64_t total = 0;     // In the last event: how many there were. Else 0.
  int64_t sent_ns = 0;    // NowNanos() of the publisher.
  uint32_t room = 0;      // Which room, from 0.
  uint32_t place = 0;     // Counts the room's events from 0.
};

using EventBytes = std::array<char, kEventBytes>;

// CLOCK_MONOTONIC, which all processes of a machine share: a time taken in one
// may be subtracted from a time taken in another.
int64_t NowNanos();

void EncodeEvent(const EventStamp& stamp, EventBytes* bytes);

// False if these are not the bytes that EncodeEvent() makes of any stamp.
bool DecodeEvent(absl::string_view bytes, EventStamp* stamp);

// "room-0", "room-1", ...: the names of the rooms in every system.
std::vector<std::string> RoomNames(uint32_t count);

}  // namespace roomlog::bench

#endif  // ROOMLOG_BENCH_EVENT_H_
