#include "node/socketio/packet_assembler.h"

#include "node/socketio/value.h"

namespace roomlog {

absl::StatusOr<bool> PacketAssembler::OnText(absl::string_view message) {
  if (!is_whole()) {
    return absl::InvalidArgumentError("text in place of an attachment");
  }
  attachments_.clear();
  packet_ = Packet();
  const absl::StatusOr<Packet> packet = DecodePacket(message);
  if (!packet.ok()) return packet.status();
  if (packet->attachments == 0) {
    packet_ = *packet;
    return true;
  }
  text_ = std::string(message);
  packet_ = *DecodePacket(text_);
  return false;
}

absl::StatusOr<bool> PacketAssembler::OnBinary(absl::string_view message) {
  if (is_whole()) {
    return absl::InvalidArgumentError("bytes that no packet announced");
  }
  attachments_.push_back(SharedBytes(std::string(message)));
  if (!is_whole()) return false;
  // Who is given the packet need not fear a placeholder that names nothing.
  const absl::StatusOr<Value> value = ParseJson(packet_.data, attachments_);
  if (!value.ok()) return value.status();
  return true;
}

}  // namespace roomlog
