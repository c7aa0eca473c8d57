// Frames as a client sends them, for tests.
#ifndef ROOMLOG_NODE_ENGINEIO_CLIENT_FRAMES_H_
#define ROOMLOG_NODE_ENGINEIO_CLIENT_FRAMES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace roomlog {

// A masked frame. `first_byte` is the FIN bit, the reserved bits, the opcode.
inline std::string ClientFrame(uint8_t first_byte, absl::string_view payload) {
  constexpr char kMask[] = {'\x9a', '\x11', '\xfe', '\x07'};
  std::string frame(1, static_cast<char>(first_byte));
  const uint64_t size = payload.size();
  int length_bytes = 0;
  if (size < 126) {
    frame.push_back(static_cast<char>(0x80 | size));
  } else {
    length_bytes = size < 65536 ? 2 : 8;
    frame.push_back(static_cast<char>(0x80 | (length_bytes == 2 ? 126 : 127)));
  }
  for (int i = length_bytes - 1; i >= 0; --i) {
    frame.push_back(static_cast<char>(size >> (8 * i)));
  }
  frame.append(kMask, sizeof(kMask));
  for (size_t i = 0; i < payload.size(); ++i) {
    frame.push_back(static_cast<char>(payload[i] ^ kMask[i % 4]));
  }
  return frame;
}

inline std::string ClientText(absl::string_view payload) {
  return ClientFrame(0x81, payload);
}

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_CLIENT_FRAMES_H_
