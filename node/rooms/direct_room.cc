#include "node/rooms/direct_room.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

constexpr absl::string_view kPrefix = "$roomlog/direct/";
constexpr uint64_t kRoomsOfALoop = 256;

// FNV-1a: the same in every build, for sessions outlive processes.
uint64_t Hash(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  }
  return hash;
}

}  // namespace

RoomKey DirectRoom(absl::string_view name_space, absl::string_view loop_id,
                   absl::string_view socket_id) {
  return *RoomKey::Make(
      name_space,
      absl::StrCat(kPrefix, loop_id, "/", Hash(socket_id) % kRoomsOfALoop));
}

bool IsDirectRoom(absl::string_view room) {
  return absl::StartsWith(room, kPrefix);
}

}  // namespace roomlog
