#include "node/rooms/envelope.h"

#include <google/protobuf/io/coded_stream.h>

#include <utility>

namespace roomlog {

std::string AddressPacket(const proto::Envelope& envelope,
                          absl::string_view packet) {
  using google::protobuf::io::CodedOutputStream;
  const std::string head = envelope.SerializeAsString();
  uint8_t size[5];
  const uint8_t* const end = CodedOutputStream::WriteVarint32ToArray(
      static_cast<uint32_t>(head.size()), size);
  std::string out(reinterpret_cast<const char*>(size), end - size);
  out.reserve(out.size() + head.size() + packet.size());
  out.append(head);
  out.append(packet.data(), packet.size());
  return out;
}

absl::StatusOr<AddressedPacket> ParseAddressed(absl::string_view packet) {
  google::protobuf::io::CodedInputStream in(
      reinterpret_cast<const uint8_t*>(packet.data()),
      static_cast<int>(packet.size()));
  uint32_t size = 0;
  if (!in.ReadVarint32(&size)) {
    return absl::DataLossError("an addressed event without its envelope");
  }
  packet.remove_prefix(in.CurrentPosition());
  auto envelope = std::make_shared<proto::Envelope>();
  if (size > packet.size() ||
      !envelope->ParseFromArray(packet.data(), static_cast<int>(size))) {
    return absl::DataLossError("an event's envelope is unreadable");
  }
  if (envelope->rooms_size() > 0 &&
      static_cast<int>(envelope->through()) >= envelope->rooms_size()) {
    return absl::DataLossError("an event's envelope names no room of its own");
  }
  return AddressedPacket{std::move(envelope), packet.substr(size)};
}

bool IsForNodes(const proto::Envelope& envelope) {
  return envelope.has_request() ||
         envelope.operation_case() != proto::Envelope::OPERATION_NOT_SET;
}

}  // namespace roomlog
