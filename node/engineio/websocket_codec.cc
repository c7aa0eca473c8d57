#include "node/engineio/websocket_codec.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/utf8.h"

namespace roomlog {
namespace {

constexpr size_t kControlPayloadBytesMax = 125;

// XORs `bytes` with the mask, of which the first `offset` bytes are used up.
void Unmask(absl::Span<char> bytes, const char mask[4], uint64_t offset) {
  char rotated[8];
  for (size_t i = 0; i < sizeof(rotated); ++i) {
    rotated[i] = mask[(offset + i) % 4];
  }
  uint64_t mask_word;
  std::memcpy(&mask_word, rotated, sizeof(mask_word));
  size_t i = 0;
  for (; i + sizeof(mask_word) <= bytes.size(); i += sizeof(mask_word)) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, sizeof(word));
    word ^= mask_word;
    std::memcpy(bytes.data() + i, &word, sizeof(word));
  }
  for (; i < bytes.size(); ++i) bytes[i] ^= rotated[i % 8];
}

// Whether a client may give this code as its reason.
bool IsSendableCloseCode(uint16_t code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
         code != 1006;
}

}  // namespace

void AppendFrameHead(WebSocketOpcode opcode, size_t payload_bytes,
                     std::string* out) {
  constexpr uint8_t kFinal = 0x80;
  out->push_back(static_cast<char>(kFinal | static_cast<uint8_t>(opcode)));
  int length_bytes = 0;
  if (payload_bytes < 126) {
    out->push_back(static_cast<char>(payload_bytes));
  } else if (payload_bytes < 65536) {
    out->push_back(126);
    length_bytes = 2;
  } else {
    out->push_back(127);
    length_bytes = 8;
  }
  for (int i = length_bytes - 1; i >= 0; --i) {
    out->push_back(static_cast<char>(payload_bytes >> (8 * i)));
  }
}

std::string EncodeFrame(WebSocketOpcode opcode, absl::string_view payload) {
  assert(static_cast<uint8_t>(opcode) < 8 ||
         payload.size() <= kControlPayloadBytesMax);
  std::string frame;
  frame.reserve(10 + payload.size());
  AppendFrameHead(opcode, payload.size(), &frame);
  frame.append(payload.data(), payload.size());
  return frame;
}

std::string EncodeCloseFrame(WebSocketCloseCode code) {
  if (code == WebSocketCloseCode::kNone) {
    return EncodeFrame(WebSocketOpcode::kClose, "");
  }
  const auto number = static_cast<uint16_t>(code);
  const char payload[2] = {static_cast<char>(number >> 8),
                           static_cast<char>(number)};
  return EncodeFrame(WebSocketOpcode::kClose, {payload, sizeof(payload)});
}

WebSocketReader::Result WebSocketReader::Read(absl::Span<char>* input) {
  if (failed_) return Fail(failure_code_, failure_);
  if (message_is_done_) {
    std::string().swap(message_);  // Gives the memory back, too.
    message_is_done_ = false;
  }
  while (true) {
    if (!in_payload_) {
      if (!ReadHead(input)) return {};
      const absl::string_view wrong = CheckHead();
      if (!wrong.empty())
        return Fail(WebSocketCloseCode::kProtocolError, wrong);
      const size_t before = in_message_ ? message_.size() : 0;
      if (!is_control() && payload_bytes_ > message_bytes_max_ - before) {
        return Fail(WebSocketCloseCode::kTooLarge, "the message is too large");
      }
      head_bytes_ = 0;
      in_payload_ = true;
      payload_read_ = 0;
      if (is_control()) control_.clear();
    }
    const Result result = ReadPayload(input);
    if (result.kind != Kind::kNothing) return result;
    if (in_payload_) return {};  // The input ends within the frame.
  }
}

bool WebSocketReader::ReadHead(absl::Span<char>* input) {
  while (!input->empty()) {
    head_[head_bytes_++] = input->front();
    input->remove_prefix(1);
    if (head_bytes_ < 2) continue;
    // What is wrong in the first two bytes is told before the others come.
    const uint8_t length = head_[1] & 0x7f;
    const bool is_masked = (head_[1] & 0x80) != 0;
    const size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (!is_masked || head_bytes_ == 2 + length_bytes + sizeof(mask_)) {
      return true;
    }
  }
  return false;
}

absl::string_view WebSocketReader::CheckHead() {
  const auto first = static_cast<uint8_t>(head_[0]);
  const auto second = static_cast<uint8_t>(head_[1]);
  constexpr uint8_t kReserved = 0x70;
  constexpr uint8_t kPacked = 0x40;
  const bool is_packed = inflater_ != nullptr && (first & kPacked) != 0;
  if ((first & kReserved & (is_packed ? ~kPacked : 0xff)) != 0) {
    return "a reserved bit is set";
  }
  if ((second & 0x80) == 0) return "a client must mask";
  is_final_ = (first & 0x80) != 0;
  opcode_ = static_cast<WebSocketOpcode>(first & 0x0f);
  payload_bytes_ = second & 0x7f;
  const bool has_long_length = payload_bytes_ >= 126;
  const size_t mask_at = head_bytes_ - sizeof(mask_);
  if (has_long_length) {
    payload_bytes_ = 0;
    for (size_t i = 2; i < mask_at; ++i) {
      payload_bytes_ = payload_bytes_ << 8 | static_cast<uint8_t>(head_[i]);
    }
    const uint64_t shorter_max = mask_at == 4 ? 125 : 65535;
    if (payload_bytes_ <= shorter_max) return "the length is not the shortest";
    if (payload_bytes_ >> 63 != 0) return "the length is negative";
  }
  std::memcpy(mask_, head_ + mask_at, sizeof(mask_));

  if (is_packed && opcode_ != WebSocketOpcode::kText &&
      opcode_ != WebSocketOpcode::kBinary) {
    return "only a message is compressed, and says so first";
  }
  switch (opcode_) {
    case WebSocketOpcode::kText:
    case WebSocketOpcode::kBinary:
      if (in_message_) return "a message begins within a message";
      message_is_packed_ = is_packed;
      return "";
    case WebSocketOpcode::kContinuation:
      if (!in_message_) return "nothing to continue";
      return "";
    case WebSocketOpcode::kClose:
    case WebSocketOpcode::kPing:
    case WebSocketOpcode::kPong:
      if (!is_final_) return "a control frame is fragmented";
      if (payload_bytes_ > kControlPayloadBytesMax) {
        return "a control frame is too large";
      }
      return "";
  }
  return "a reserved opcode";
}

WebSocketReader::Result WebSocketReader::ReadPayload(absl::Span<char>* input) {
  const size_t bytes = static_cast<size_t>(
      std::min<uint64_t>(payload_bytes_ - payload_read_, input->size()));
  const absl::Span<char> piece = input->first(bytes);
  input->remove_prefix(bytes);
  Unmask(piece, mask_, payload_read_);
  const absl::string_view text(piece.data(), piece.size());
  const bool began = payload_read_ > 0;
  payload_read_ += bytes;
  const bool is_whole = payload_read_ == payload_bytes_;
  const bool is_message = is_whole && is_final_;

  // The common case: all of it is here, nothing need be kept.
  if (is_whole && !began && (is_control() || (is_message && !in_message_))) {
    return EndFrame(text);
  }
  std::string& kept = is_control() ? control_ : message_;
  kept.append(text.data(), text.size());
  return is_whole ? EndFrame(kept) : Result();
}

WebSocketReader::Result WebSocketReader::EndFrame(absl::string_view payload) {
  in_payload_ = false;
  if (is_control()) return EndControlFrame(payload);
  if (opcode_ != WebSocketOpcode::kContinuation) message_opcode_ = opcode_;
  in_message_ = !is_final_;
  return is_final_ ? EndMessage(payload) : Result();
}

WebSocketReader::Result WebSocketReader::EndMessage(absl::string_view payload) {
  message_is_done_ = true;
  if (message_is_packed_) {
    switch (inflater_->Inflate(payload, message_bytes_max_)) {
      case MessageInflater::Result::kTooLarge:
        return Fail(WebSocketCloseCode::kTooLarge, "the message is too large");
      case MessageInflater::Result::kMalformed:
        return Fail(WebSocketCloseCode::kNotUtf8, "no compressed message");
      case MessageInflater::Result::kDone:
        payload = inflater_->message();
    }
  }
  if (message_opcode_ == WebSocketOpcode::kBinary) {
    return {.kind = Kind::kBinary, .payload = payload};
  }
  if (!IsUtf8(payload)) {
    return Fail(WebSocketCloseCode::kNotUtf8, "text is not UTF-8");
  }
  return {.kind = Kind::kText, .payload = payload};
}

WebSocketReader::Result WebSocketReader::EndControlFrame(
    absl::string_view payload) {
  Result result;
  switch (opcode_) {
    case WebSocketOpcode::kPing:
      result.kind = Kind::kPing;
      break;
    case WebSocketOpcode::kPong:
      result.kind = Kind::kPong;
      break;
    default: {
      if (payload.size() == 1) {
        return Fail(WebSocketCloseCode::kProtocolError, "half a close code");
      }
      result.kind = Kind::kClose;
      if (payload.empty()) return result;
      const uint16_t code = static_cast<uint8_t>(payload[0]) << 8 |
                            static_cast<uint8_t>(payload[1]);
      if (!IsSendableCloseCode(code)) {
        return Fail(WebSocketCloseCode::kProtocolError, "no close code");
      }
      if (!IsUtf8(payload.substr(2))) {
        return Fail(WebSocketCloseCode::kNotUtf8, "the reason is not UTF-8");
      }
      result.close_code = static_cast<WebSocketCloseCode>(code);
      break;
    }
  }
  result.payload = payload;
  return result;
}

WebSocketReader::Result WebSocketReader::Fail(WebSocketCloseCode code,
                                              absl::string_view error) {
  failed_ = true;
  failure_code_ = code;
  failure_ = error;
  std::string().swap(message_);
  return {.kind = Kind::kError, .close_code = code, .error = error};
}

}  // namespace roomlog
