// Events with an address: see proto/node_messages.proto.
#ifndef ROOMLOG_NODE_ROOMS_ENVELOPE_H_
#define ROOMLOG_NODE_ROOMS_ENVELOPE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/node_messages.pb.h"

namespace roomlog {

using EnvelopePtr = std::shared_ptr<const proto::Envelope>;

// The packet of an event with EVENT_FLAG_ADDRESSED.
std::string AddressPacket(const proto::Envelope& envelope,
                          absl::string_view packet);

struct AddressedPacket {
  EnvelopePtr envelope;
  absl::string_view packet;  // Borrowed from what was parsed.
};
// Takes apart what AddressPacket() made. DATA_LOSS: it did not.
absl::StatusOr<AddressedPacket> ParseAddressed(absl::string_view packet);

// Whether the event is not simply a packet for clients: a node must do
// something, or answer.
bool IsForNodes(const proto::Envelope& envelope);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_ENVELOPE_H_
