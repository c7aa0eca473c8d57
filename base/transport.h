// The seam between those who decide and the network: ZeroMQ in earnest, a fake
// network in the simulator.
#ifndef ROOMLOG_BASE_TRANSPORT_H_
#define ROOMLOG_BASE_TRANSPORT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/shared_bytes.h"

namespace roomlog {

// What is sent: a small header, and a blob that nobody on the way looks into.
struct OutgoingMessage {
  std::string header;
  std::string payload;  // Empty: not sent.
};

// What came in. Either part may be empty, malformed or hostile.
struct IncomingMessage {
  SharedBytes header;
  SharedBytes payload;
};

// Sends whole messages, never waits, and promises nothing: a message may come
// late, twice, out of order or not at all. Belongs to one thread. What comes in
// is handed to the owner's OnMessage().
class Transport {
 public:
  virtual ~Transport() = default;

  // `peer` is the name under which messages from there came in; a node, which
  // has but its broker, says "".
  virtual void Send(absl::string_view peer, OutgoingMessage message) = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_BASE_TRANSPORT_H_
