#include "node/engineio/id_generator.h"

#include <sys/random.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace roomlog {

std::string IdGenerator::Next() {
  char bytes[15];
  // Neither waits nor fails for so few bytes once the system has started.
  if (getentropy(bytes, 12) != 0) {
    std::perror("getentropy");
    std::abort();  // An id that can be guessed would be worse.
  }
  const uint16_t number = counter_++;
  bytes[12] = static_cast<char>(loop_index_);
  bytes[13] = static_cast<char>(number >> 8);
  bytes[14] = static_cast<char>(number);
  return absl::WebSafeBase64Escape(absl::string_view(bytes, sizeof(bytes)));
}

std::optional<uint8_t> IdGenerator::LoopOf(absl::string_view id) {
  constexpr size_t kCharacters = 20;
  std::string bytes;
  if (id.size() != kCharacters ||
      !absl::WebSafeBase64Unescape(id.substr(16), &bytes) ||
      bytes.size() != 3) {
    return std::nullopt;
  }
  return static_cast<uint8_t>(bytes[0]);
}

}  // namespace roomlog
