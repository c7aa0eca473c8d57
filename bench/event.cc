#include "bench/event.h"

#include <time.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace roomlog::bench {
namespace {

constexpr size_t kNoiseBytes = kEventBytes - sizeof(EventStamp);
// Events take their noise from here, each at its own place.
constexpr size_t kNoisePoolBytes = size_t{1} << 16;

const char* NoiseOf(uint64_t sequence) {
  static const std::vector<char>& pool = *[] {
    auto* bytes = new std::vector<char>(kNoisePoolBytes + kNoiseBytes);
    uint64_t state = 0x9e3779b97f4a7c15;
    for (char& byte : *bytes) {
      state ^= state << 13;  // Marsaglia's xorshift64.
      state ^= state >> 7;
      state ^= state << 17;
      byte = static_cast<char>(state >> 56);
    }
    return bytes;
  }();
  // An odd step visits every place of the pool before it repeats one.
  return pool.data() + (sequence * 40503) % kNoisePoolBytes;
}

}  // namespace

int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void EncodeEvent(const EventStamp& stamp, EventBytes* bytes) {
  std::memcpy(bytes->data(), &stamp, sizeof stamp);
  std::memcpy(bytes->data() + sizeof stamp, NoiseOf(stamp.sequence),
              kNoiseBytes);
}

bool DecodeEvent(absl::string_view bytes, EventStamp* stamp) {
  if (bytes.size() != kEventBytes) return false;
  std::memcpy(stamp, bytes.data(), sizeof *stamp);
  return std::memcmp(bytes.data() + sizeof *stamp, NoiseOf(stamp->sequence),
                     kNoiseBytes) == 0;
}

std::vector<std::string> RoomNames(uint32_t count) {
  std::vector<std::string> names;
  names.reserve(count);
  for (uint32_t room = 0; room < count; ++room) {
    names.push_back(absl::StrCat("room-", room));
  }
  return names;
}

}  // namespace roomlog::bench
