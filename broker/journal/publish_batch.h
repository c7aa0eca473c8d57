// One publish message of a node, parsed once and never changed again.
#ifndef ROOMLOG_BROKER_JOURNAL_PUBLISH_BATCH_H_
#define ROOMLOG_BROKER_JOURNAL_PUBLISH_BATCH_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/shared_bytes.h"
#include "proto/backplane.pb.h"
#include "proto/event_columns.h"

namespace roomlog {

// A greeted node, until it greets again or is gone. Never used twice while the
// broker runs, so that an answer cannot reach the wrong life of a node.
using NodeNumber = StrongId<struct NodeNumberTag>;

struct PublishBatch {
  NodeNumber node;
  // Not 0: the events are ephemeral, and this is the node's request. Then there
  // are no producer and no numbers.
  uint64_t ephemeral_request = 0;
  ProducerId producer;
  PublishNumber first_number;  // Of events[0]; the others follow.
  PublishNumber answered_through;
  bool has_session_operations = false;  // Some events have EVENT_FLAG_SESSION.
  // What the events' `room` points into: "<namespace>\0<room>", unchecked.
  std::vector<absl::string_view> rooms;
  // Without offsets and times. Borrow, as `rooms` does, from the two below.
  std::vector<EventView> events;

  proto::Publish message;
  SharedBytes packets;
};

// Takes a message apart and checks it. INVALID_ARGUMENT: it is malformed, empty
// or beyond a bound; its node is not to be believed any more.
absl::StatusOr<std::shared_ptr<const PublishBatch>> ParsePublishBatch(
    NodeNumber node, ProducerId producer, proto::Publish message,
    SharedBytes packets);

// The same of ephemeral events.
absl::StatusOr<std::shared_ptr<const PublishBatch>> ParseEphemeralBatch(
    NodeNumber node, proto::Ephemeral message, SharedBytes packets);

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_JOURNAL_PUBLISH_BATCH_H_
