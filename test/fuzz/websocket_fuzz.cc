// Any bytes on a WebSocket. The reader must say the same however the bytes are
// cut up, say no more once it failed, and keep to its bound.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "node/engineio/message_deflate.h"
#include "node/engineio/websocket_codec.h"

namespace roomlog {
namespace {

constexpr size_t kMessageBytesMax = 1000;

void Require(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::string> Read(const std::string& bytes, size_t step) {
  static MessageInflater inflater;
  // Half of all inputs may be compressed.
  WebSocketReader reader(kMessageBytesMax,
                         bytes.size() % 2 == 0 ? &inflater : nullptr);
  std::vector<std::string> events;
  for (size_t begin = 0; begin < bytes.size(); begin += step) {
    std::string piece = bytes.substr(begin, step);
    absl::Span<char> input = absl::MakeSpan(piece);
    while (!input.empty()) {
      const size_t before = input.size();
      const WebSocketReader::Result result = reader.Read(&input);
      if (result.kind == WebSocketReader::Kind::kNothing) {
        Require(input.empty());
        break;
      }
      Require(result.payload.size() <= kMessageBytesMax);
      if (result.kind == WebSocketReader::Kind::kText) {
        Require(IsUtf8(result.payload));
      }
      events.push_back(std::to_string(static_cast<int>(result.kind)) + " " +
                       std::to_string(static_cast<int>(result.close_code)) +
                       " " + std::string(result.payload));
      if (result.kind == WebSocketReader::Kind::kError) {
        Require(reader.Read(&input).kind == WebSocketReader::Kind::kError);
        return events;
      }
      Require(input.size() < before);
    }
  }
  return events;
}

}  // namespace
}  // namespace roomlog

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  roomlog::Require(roomlog::Read(bytes, size + 1) ==
                   roomlog::Read(bytes, 1 + size % 7));
  return 0;
}
