// Socket.IO messages as a client may send them, text and binary, malformed or
// not: whatever comes is refused, or reads the same when written again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "base/utf8.h"
#include "node/socketio/args.h"
#include "node/socketio/encoded_packet.h"
#include "node/socketio/packet_assembler.h"

namespace roomlog {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void TakeWhole(const PacketAssembler& assembler) {
  const Packet& packet = assembler.packet();
  Check(packet.attachments == assembler.attachments().size());
  const std::string text = EncodePacket(packet);
  const absl::StatusOr<Packet> again = DecodePacket(text);
  Check(again.ok() && *again == packet);
  if (packet.type != PacketType::kEvent && packet.type != PacketType::kAck) {
    return;
  }
  const bool is_event = packet.type == PacketType::kEvent;
  const Args args(packet.data, assembler.attachments(), is_event ? 1 : 0);
  const Values values = args.ToValues();
  Check(values.size() == args.size());
  // Through the form in which nodes hand values on.
  const absl::StatusOr<Values> loaded = LoadValues(StoreValues(values));
  Check(loaded.ok() && *loaded == values);
  const absl::StatusOr<EncodedPacket> encoded =
      EncodeAck(packet.name_space, 1, values);
  if (!encoded.ok()) return;  // One attachment may stand in many places.
  const std::string stored = StorePacket(*encoded);
  const absl::StatusOr<StoredPacket> unpacked =
      LoadPacket(stored, !encoded->attachments.empty());
  Check(unpacked.ok() && unpacked->text == encoded->text &&
        unpacked->attachments.size() == encoded->attachments.size());
}

}  // namespace
}  // namespace roomlog

// The input is messages: a byte says what comes (odd: binary) and half of it
// how long it is, with the next byte.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  absl::string_view rest(reinterpret_cast<const char*>(data), size);
  // What other nodes store is read from the log, and may be damaged.
  (void)roomlog::LoadPacket(rest, /*has_attachments=*/true);
  (void)roomlog::LoadValues(rest);
  roomlog::PacketAssembler assembler;
  while (rest.size() >= 2) {
    const auto head = static_cast<uint8_t>(rest[0]);
    const size_t length = (head >> 1) * 256 + static_cast<uint8_t>(rest[1]);
    rest.remove_prefix(2);
    const absl::string_view message = rest.substr(0, length);
    rest.remove_prefix(message.size());
    // WebSocket lets no other text through.
    if (head % 2 == 0 && !roomlog::IsUtf8(message)) continue;
    const absl::StatusOr<bool> is_whole =
        head % 2 == 1 ? assembler.OnBinary(message) : assembler.OnText(message);
    if (!is_whole.ok()) break;  // The connection is closed.
    if (*is_whole) roomlog::TakeWhole(assembler);
  }
  return 0;
}
