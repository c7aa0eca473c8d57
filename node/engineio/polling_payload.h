// What HTTP long-polling carries: packets, one after the other.
#ifndef ROOMLOG_NODE_ENGINEIO_POLLING_PAYLOAD_H_
#define ROOMLOG_NODE_ENGINEIO_POLLING_PAYLOAD_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "node/engineio/shared_frame.h"

namespace roomlog {

// A binary message as text: `b` and base64.
std::string EncodeBinaryAsText(absl::string_view message);

// Appends what `frame` carries to a payload: text as it is, binary as above.
void AppendToPayload(const SharedFrame& frame, std::string* payload);
void AppendToPayload(absl::string_view packet, std::string* payload);

// Takes a payload apart. Whatever the bytes, each is part of one packet.
class PayloadReader {
 public:
  struct Packet {
    bool is_binary = false;
    // The packet; for a binary one its bytes. Lasts until the next Next().
    absl::string_view data;
  };

  explicit PayloadReader(absl::string_view payload) : rest_(payload) {}

  // The next packet, at least one. Nothing: there are no more.
  std::optional<Packet> Next();

 private:
  absl::string_view rest_;
  bool is_done_ = false;
  std::string binary_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_POLLING_PAYLOAD_H_
