#include "node/engineio/id_generator.h"

#include <sys/random.h>

#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace roomlog {
namespace {

constexpr size_t kBytes = 15;
constexpr size_t kCharacters = 20;
constexpr size_t kLoopAt = 12;
constexpr size_t kTagAt[] = {9, 10, 11, 13, 14};

void DrawSecret(char* bytes, size_t count) {
  // Neither waits nor fails for so few bytes once the system has started.
  if (getentropy(bytes, count) != 0) {
    std::perror("getentropy");
    std::abort();  // An id that can be guessed would be worse.
  }
}

// Empty: it is no such id.
std::string BytesOf(absl::string_view id) {
  std::string bytes;
  if (id.size() != kCharacters || !absl::WebSafeBase64Unescape(id, &bytes) ||
      bytes.size() != kBytes) {
    return "";
  }
  return bytes;
}

}  // namespace

std::string IdGenerator::Next() {
  char bytes[kBytes];
  DrawSecret(bytes, kLoopAt);
  bytes[kLoopAt] = static_cast<char>(loop_index_);
  if (tag_.has_value()) {
    uint64_t rest = tag_->value();
    for (const size_t at : kTagAt) {
      bytes[at] = static_cast<char>(rest);
      rest >>= 8;
    }
  } else {
    const uint16_t number = counter_++;
    bytes[13] = static_cast<char>(number >> 8);
    bytes[14] = static_cast<char>(number);
  }
  return absl::WebSafeBase64Escape(absl::string_view(bytes, sizeof(bytes)));
}

std::optional<uint8_t> IdGenerator::LoopOf(absl::string_view id) {
  const std::string bytes = BytesOf(id);
  if (bytes.empty()) return std::nullopt;
  return static_cast<uint8_t>(bytes[kLoopAt]);
}

std::optional<NodeTag> IdGenerator::TagOf(absl::string_view id) {
  const std::string bytes = BytesOf(id);
  if (bytes.empty()) return std::nullopt;
  uint64_t tag = 0;
  for (size_t i = std::size(kTagAt); i-- > 0;) {
    tag = tag << 8 | static_cast<uint8_t>(bytes[kTagAt[i]]);
  }
  return NodeTag(tag);
}

NodeTag IdGenerator::DrawTag() {
  char bytes[std::size(kTagAt)];
  uint64_t tag = 0;
  while (tag == 0) {
    DrawSecret(bytes, sizeof(bytes));
    for (const char byte : bytes) tag = tag << 8 | static_cast<uint8_t>(byte);
  }
  return NodeTag(tag);
}

}  // namespace roomlog
