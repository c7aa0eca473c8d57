// Socket.IO packets (protocol 5) as text:
// `<type>[<attachments>-][/namespace,][ack id][JSON]`.
#ifndef ROOMLOG_NODE_SOCKETIO_PACKET_H_
#define ROOMLOG_NODE_SOCKETIO_PACKET_H_

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roomlog {

// Events and acknowledgements with attachments have types of their own on the
// wire; here Packet::attachments tells.
enum class PacketType : uint8_t {
  kConnect = 0,
  kDisconnect = 1,
  kEvent = 2,
  kAck = 3,
  kConnectError = 4,
};

struct Packet {
  PacketType type = PacketType::kConnect;
  absl::string_view name_space = "/";
  std::optional<uint64_t> ack_id = std::nullopt;
  // JSON, with no space around it, or empty. kConnect: an object or empty.
  // kEvent: an array that begins with the event's name. kAck: an array.
  // kConnectError: an object or a string. kDisconnect: empty.
  absl::string_view data = "";
  // Binary messages that follow: 1 to kAttachmentsMax for kEvent and kAck, else
  // none.
  uint32_t attachments = 0;

  friend bool operator==(const Packet&, const Packet&) = default;
};

std::ostream& operator<<(std::ostream& out, const Packet& packet);

// Reads one packet, which must be UTF-8; the result borrows from it.
// INVALID_ARGUMENT: it is none, announces no attachment where it should, or
// exceeds a bound: kRoomNameBytesMax for the namespace, kAttachmentsMax, 2^53-1
// for the acknowledgement id.
absl::StatusOr<Packet> DecodePacket(absl::string_view wire);

// The name of an event, whose data DecodePacket() gave: a string, unquoted, or
// a number as written. Borrows from `data` or from `storage`.
absl::string_view EventName(absl::string_view data, std::string* storage);

// Whether Socket.IO's clients keep this name for what they tell of themselves.
bool IsReservedEventName(absl::string_view name);

// Writes a packet as Socket.IO's own encoder does.
std::string EncodePacket(const Packet& packet);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SOCKETIO_PACKET_H_
