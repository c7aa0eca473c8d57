// A Socket.IO packet made once for everybody it goes to.
#ifndef ROOMLOG_NODE_SOCKETIO_ENCODED_PACKET_H_
#define ROOMLOG_NODE_SOCKETIO_ENCODED_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/shared_bytes.h"
#include "node/engineio/shared_frame.h"
#include "node/socketio/args.h"

namespace roomlog {

// The frames of one packet, in order: its text, then its attachments.
using FrameList = absl::InlinedVector<SharedFramePtr, 1>;

struct EncodedPacket {
  std::string text;
  std::vector<SharedBytes> attachments;

  size_t size_bytes() const;
};

// The packet of an event. INVALID_ARGUMENT: the name is one that Socket.IO
// keeps for itself, or a string is not UTF-8, or there are more than
// kAttachmentsMax attachments.
absl::StatusOr<EncodedPacket> EncodeEvent(
    absl::string_view name_space, absl::string_view event,
    absl::Span<const Value> arguments,
    std::optional<uint64_t> ack_id = std::nullopt);

// The packet of an acknowledgement. INVALID_ARGUMENT as above.
absl::StatusOr<EncodedPacket> EncodeAck(absl::string_view name_space,
                                        uint64_t ack_id,
                                        absl::Span<const Value> arguments);

FrameList MakeFrames(absl::string_view text,
                     absl::Span<const SharedBytes> attachments);
inline FrameList MakeFrames(const EncodedPacket& packet) {
  return MakeFrames(packet.text, packet.attachments);
}

// The text of an event's packet in `name_space`, with an acknowledgement id put
// in. INVALID_ARGUMENT: `text` is no event of that namespace.
absl::StatusOr<std::string> WithAckId(absl::string_view text,
                                      absl::string_view name_space,
                                      uint64_t ack_id);

// Adds null to the text of an event that ends in a string. The official client
// keeps a string at the end of an event as its offset, once it may recover;
// this is for those events that have none.
void EndInNoString(std::string* text);

// ---- As the log keeps it: docs/log-format.md ----

// The text alone if there are no attachments, else all parts with their sizes.
std::string StorePacket(const EncodedPacket& packet);

struct StoredPacket {
  absl::string_view text;
  std::vector<absl::string_view> attachments;
};
// Takes apart what StorePacket() made, which the result borrows from.
// DATA_LOSS: it did not.
absl::StatusOr<StoredPacket> LoadPacket(absl::string_view stored,
                                        bool has_attachments);

// `text` in place of the packet's own, with its attachments.
FrameList FramesOf(absl::string_view text, const StoredPacket& packet);

// Values as bytes for another node, and back. DATA_LOSS as above.
std::string StoreValues(absl::Span<const Value> values);
absl::StatusOr<Values> LoadValues(absl::string_view stored);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SOCKETIO_ENCODED_PACKET_H_
