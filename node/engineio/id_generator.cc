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
  const uint32_t number = counter_++;
  bytes[12] = static_cast<char>(number >> 16);
  bytes[13] = static_cast<char>(number >> 8);
  bytes[14] = static_cast<char>(number);
  return absl::WebSafeBase64Escape(absl::string_view(bytes, sizeof(bytes)));
}

}  // namespace roomlog
