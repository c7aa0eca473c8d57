// What a loop has asked of the cluster and is waiting for.
#ifndef ROOMLOG_NODE_SERVER_CLUSTER_REQUESTS_H_
#define ROOMLOG_NODE_SERVER_CLUSTER_REQUESTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "node/link/backplane.h"
#include "node/server/remote_socket.h"
#include "node/server/timers.h"
#include "node/socketio/args.h"
#include "proto/node_messages.pb.h"

namespace roomlog {

// A request is complete when every loop that was handed it has answered (which
// it does with nothing to say, too) and every client that was counted has
// acknowledged. Pure; one thread.
class ClusterRequests {
 public:
  // What came, as far as it came.
  struct Answers {
    uint64_t receivers = 0;    // Loops that were handed the request.
    uint64_t answered = 0;     // Of them.
    uint64_t unconcerned = 0;  // Of those, the ones that had nothing to say.
    uint64_t clients = 0;      // That were asked to acknowledge.
    Values values;             // What was acknowledged.
    std::vector<RemoteSocket> sockets;
  };
  // DEADLINE_EXCEEDED: not all came in time. RESOURCE_EXHAUSTED: too much is
  // waited for already. Otherwise what the backplane said.
  using Done = absl::AnyInvocable<void(const absl::Status&, Answers) &&>;

  // Borrows both.
  ClusterRequests(Timers& timers, const Clock& clock);

  // A request that is published in `copies` events. Returns its id; 0, and
  // `done` was told, if there are too many.
  uint64_t Begin(size_t copies, absl::Duration timeout, Done done);
  // The publish of one of its copies was answered.
  void OnPublished(uint64_t id, const absl::StatusOr<PublishAnswer>& answer);
  void OnAnswer(const proto::NodeAnswer& answer);

  size_t open() const { return open_.size(); }

 private:
  struct Open {
    size_t copies = 0;  // Whose publish is not answered yet.
    uint64_t acks = 0;
    Answers answers;
    Done done;
    Timers::Id timer = 0;
  };

  void EndIfComplete(uint64_t id);
  void End(uint64_t id, const absl::Status& status);

  Timers& timers_;
  const Clock& clock_;
  uint64_t last_id_ = 0;
  absl::flat_hash_map<uint64_t, Open> open_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_CLUSTER_REQUESTS_H_
