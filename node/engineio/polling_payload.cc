#include "node/engineio/polling_payload.h"

#include <array>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

constexpr char kSeparator = '\x1e';

constexpr std::array<int8_t, 256> MakeDigits() {
  std::array<int8_t, 256> digits = {};
  for (int8_t& digit : digits) digit = -1;
  constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < 64; ++i) {
    digits[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
  }
  digits['-'] = 62;
  digits['_'] = 63;
  return digits;
}

// As Node.js: both alphabets, with or without padding; what is neither is
// skipped. So the official server's clients meet the same here.
std::string DecodeBase64(absl::string_view text) {
  static constexpr std::array<int8_t, 256> kDigits = MakeDigits();
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    const int8_t digit = kDigits[static_cast<uint8_t>(c)];
    if (digit < 0) continue;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count));
    }
  }
  return out;
}

}  // namespace

std::string EncodeBinaryAsText(absl::string_view message) {
  return absl::StrCat("b", absl::Base64Escape(message));
}

void AppendToPayload(absl::string_view packet, std::string* payload) {
  if (!payload->empty()) payload->push_back(kSeparator);
  payload->append(packet.data(), packet.size());
}

void AppendToPayload(const SharedFrame& frame, std::string* payload) {
  if (frame.is_binary()) {
    AppendToPayload(EncodeBinaryAsText(frame.payload()), payload);
  } else {
    AppendToPayload(frame.payload(), payload);
  }
}

std::optional<PayloadReader::Packet> PayloadReader::Next() {
  if (is_done_) return std::nullopt;
  const size_t end = rest_.find(kSeparator);
  Packet packet = {.data = rest_.substr(0, end)};
  if (end == rest_.npos) {
    is_done_ = true;
  } else {
    rest_.remove_prefix(end + 1);
  }
  if (!packet.data.empty() && packet.data[0] == 'b') {
    binary_ = DecodeBase64(packet.data.substr(1));
    packet.is_binary = true;
    packet.data = binary_;
  }
  return packet;
}

}  // namespace roomlog
