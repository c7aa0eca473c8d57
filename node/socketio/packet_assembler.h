// Messages of a connection to whole packets.
#ifndef ROOMLOG_NODE_SOCKETIO_PACKET_ASSEMBLER_H_
#define ROOMLOG_NODE_SOCKETIO_PACKET_ASSEMBLER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/shared_bytes.h"
#include "node/socketio/packet.h"

namespace roomlog {

// A packet is one text message, followed by as many binary ones as it has
// attachments, and by nothing else before they are there. Pure; one thread.
class PacketAssembler {
 public:
  // Both return whether packet() is now whole; it lasts until the next call,
  // and as long as `message` does. INVALID_ARGUMENT: malformed, or not the
  // message that had to come; the connection is to be closed.
  absl::StatusOr<bool> OnText(absl::string_view message);
  absl::StatusOr<bool> OnBinary(absl::string_view message);

  const Packet& packet() const { return packet_; }
  absl::Span<const SharedBytes> attachments() const { return attachments_; }

 private:
  bool is_whole() const { return attachments_.size() == packet_.attachments; }

  std::string text_;  // Of a packet whose attachments are still to come.
  Packet packet_;
  std::vector<SharedBytes> attachments_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SOCKETIO_PACKET_ASSEMBLER_H_
