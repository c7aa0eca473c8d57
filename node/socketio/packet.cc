#include "node/socketio/packet.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/limits.h"
#include "base/json.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {
namespace {

// The largest id that a JavaScript number counts without leaving one out.
constexpr uint64_t kAckIdMax = (uint64_t{1} << 53) - 1;

// From EVENT and ACK on the wire to those with attachments.
constexpr int kBinaryTypeStep = 3;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

absl::Status CheckEvent(absl::string_view data) {
  const absl::string_view first = FirstElement(data);
  if (first.empty()) return Malformed("an event without a name");
  if (first[0] != '"' && first[0] != '-' && !absl::ascii_isdigit(first[0])) {
    return Malformed("an event's name is neither text nor a number");
  }
  std::string storage;
  if (IsReservedEventName(EventName(data, &storage))) {
    return Malformed("an event with a reserved name");
  }
  return absl::OkStatus();
}

absl::Status CheckData(PacketType type, absl::string_view data) {
  const char first = data.empty() ? '\0' : data[0];
  switch (type) {
    case PacketType::kConnect:
      if (first == '\0' || first == '{') return absl::OkStatus();
      return Malformed("CONNECT carries something other than an object");
    case PacketType::kDisconnect:
      if (first == '\0') return absl::OkStatus();
      return Malformed("DISCONNECT carries something");
    case PacketType::kEvent:
      if (first == '[') return CheckEvent(data);
      return Malformed("an event carries no array");
    case PacketType::kAck:
      if (first == '[') return absl::OkStatus();
      return Malformed("an acknowledgement carries no array");
    case PacketType::kConnectError:
      if (first == '{' || first == '"') return absl::OkStatus();
      return Malformed("CONNECT_ERROR carries neither an object nor text");
  }
  return Malformed("no such packet type");
}

// Takes a namespace from the front of `rest`, if there is one.
absl::Status TakeNameSpace(absl::string_view* rest, Packet* packet) {
  if (rest->empty() || (*rest)[0] != '/') return absl::OkStatus();
  const size_t comma = rest->find(',');
  packet->name_space = rest->substr(0, comma);
  rest->remove_prefix(comma == rest->npos ? rest->size() : comma + 1);
  if (packet->name_space.size() > kRoomNameBytesMax) {
    return Malformed("the namespace's name is too long");
  }
  if (packet->name_space.find('\0') != absl::string_view::npos) {
    return Malformed("the namespace's name holds a NUL byte");
  }
  return absl::OkStatus();
}

// Takes an acknowledgement id from the front of `rest`, if there is one.
absl::Status TakeAckId(absl::string_view* rest, Packet* packet) {
  uint64_t id = 0;
  size_t digits = 0;
  for (; digits < rest->size() && absl::ascii_isdigit((*rest)[digits]);
       ++digits) {
    id = id * 10 + ((*rest)[digits] - '0');
    if (id > kAckIdMax) return Malformed("the acknowledgement id is too large");
  }
  rest->remove_prefix(digits);
  if (digits > 0) packet->ack_id = id;
  return absl::OkStatus();
}

// Takes "<n>-", which stands behind the types of packets with attachments.
absl::Status TakeAttachments(absl::string_view* rest, Packet* packet) {
  const size_t dash = rest->find('-');
  if (dash == rest->npos || dash == 0 || dash > 2) {
    return Malformed("no number of attachments");
  }
  for (char c : rest->substr(0, dash)) {
    if (!absl::ascii_isdigit(c)) return Malformed("no number of attachments");
    packet->attachments = packet->attachments * 10 + (c - '0');
  }
  rest->remove_prefix(dash + 1);
  // Socket.IO's own takes 0, and then fails on whatever comes next.
  if (packet->attachments == 0 || packet->attachments > kAttachmentsMax) {
    return Malformed("no attachment, or too many");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Packet> DecodePacket(absl::string_view wire) {
  if (wire.empty()) return Malformed("an empty packet");
  Packet packet;
  if (wire[0] < '0' || wire[0] > '6') return Malformed("no such packet type");
  const bool is_binary = wire[0] >= '5';
  packet.type = static_cast<PacketType>(wire[0] - '0' -
                                        (is_binary ? kBinaryTypeStep : 0));

  absl::string_view rest = wire.substr(1);
  absl::Status status =
      is_binary ? TakeAttachments(&rest, &packet) : absl::OkStatus();
  if (status.ok()) status = TakeNameSpace(&rest, &packet);
  if (status.ok()) status = TakeAckId(&rest, &packet);
  if (!status.ok()) return status;

  // JSON may have space behind it. Without, who has the array has its end.
  packet.data = absl::StripTrailingAsciiWhitespace(rest);
  if (!packet.data.empty() && !IsJson(packet.data)) {
    return Malformed("what the packet carries is not JSON");
  }
  if (packet.data.empty() && !rest.empty()) {
    return Malformed("what the packet carries is not JSON");
  }
  status = CheckData(packet.type, packet.data);
  if (!status.ok()) return status;
  return packet;
}

absl::string_view EventName(absl::string_view data, std::string* storage) {
  absl::string_view name = FirstElement(data);
  if (name.empty() || name[0] != '"') return name;
  if (name.find('\\') != absl::string_view::npos) {
    *storage = Unquote(name);
    return *storage;
  }
  return name.substr(1, name.size() - 2);
}

bool IsReservedEventName(absl::string_view name) {
  constexpr absl::string_view kReserved[] = {"connect",     "connect_error",
                                             "disconnect",  "disconnecting",
                                             "newListener", "removeListener"};
  return std::find(std::begin(kReserved), std::end(kReserved), name) !=
         std::end(kReserved);
}

std::string EncodePacket(const Packet& packet) {
  const int type = static_cast<int>(packet.type) +
                   (packet.attachments > 0 ? kBinaryTypeStep : 0);
  std::string wire(1, static_cast<char>('0' + type));
  if (packet.attachments > 0) absl::StrAppend(&wire, packet.attachments, "-");
  if (packet.name_space != "/") absl::StrAppend(&wire, packet.name_space, ",");
  if (packet.ack_id.has_value()) absl::StrAppend(&wire, *packet.ack_id);
  absl::StrAppend(&wire, packet.data);
  return wire;
}

std::ostream& operator<<(std::ostream& out, const Packet& packet) {
  return out << EncodePacket(packet);
}

}  // namespace roomlog
