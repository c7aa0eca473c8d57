// The keys of the log in RocksDB, byte by byte as docs/log-format.md says.
// Numbers in keys are big-endian, so that they sort as they count.
#ifndef ROOMLOG_STORAGE_LOG_KEYS_H_
#define ROOMLOG_STORAGE_LOG_KEYS_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/ids.h"

namespace roomlog {

// Two numbers, one after the other.
class NumberPairKey {
 public:
  static constexpr size_t kBytes = 16;

  NumberPairKey(uint64_t first, uint64_t second) {
    Store(first, bytes_.data());
    Store(second, bytes_.data() + 8);
  }
  absl::string_view view() const {
    return absl::string_view(bytes_.data(), bytes_.size());
  }

  static void Store(uint64_t number, char* to) {
    for (int i = 7; i >= 0; --i, number >>= 8) {
      to[i] = static_cast<char>(number & 0xff);
    }
  }
  // Eight bytes at `from`.
  static uint64_t Load(const char* from) {
    uint64_t number = 0;
    for (int i = 0; i < 8; ++i) {
      number = number << 8 | static_cast<unsigned char>(from[i]);
    }
    return number;
  }

 private:
  std::array<char, kBytes> bytes_;
};

// In `events`: the room, and the offset of the first event of the pack.
inline NumberPairKey PackKey(RoomId room, Offset first) {
  return NumberPairKey(room.value(), first.value());
}

// In `commits`: the offset of the commit's first event.
inline std::string CommitKey(Offset first) {
  std::string key(8, '\0');
  NumberPairKey::Store(first.value(), key.data());
  return key;
}

// In `ids`: the room, and the publish id.
inline std::string PublishIdKey(RoomId room, absl::string_view id) {
  std::string key(8, '\0');
  NumberPairKey::Store(room.value(), key.data());
  key.append(id.data(), id.size());
  return key;
}

// In the default column family. The first byte says what a row is.
inline constexpr char kMetaKey[] = "m";
inline constexpr char kRoomKeyPrefix[] = "r";
inline constexpr char kAnswersKeyPrefix[] = "p";

inline std::string RoomRowKey(absl::string_view room_text) {
  std::string key(kRoomKeyPrefix);
  key.append(room_text.data(), room_text.size());
  return key;
}

inline std::string AnswersKey(ProducerId producer, PublishNumber first) {
  std::string key(kAnswersKeyPrefix);
  const NumberPairKey numbers(producer.value(), first.value());
  key.append(numbers.view().data(), numbers.view().size());
  return key;
}

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_LOG_KEYS_H_
