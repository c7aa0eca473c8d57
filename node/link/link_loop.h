// Runs the link on the thread that calls it.
#ifndef ROOMLOG_NODE_LINK_LINK_LOOP_H_
#define ROOMLOG_NODE_LINK_LINK_LOOP_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "node/link/dealer.h"
#include "node/link/link_core.h"

namespace roomlog {

// A link with its socket. One thread owns it and takes its turns.
class LinkLoop {
 public:
  // `endpoint` is the broker's, such as "tcp://127.0.0.1:7400". Draws what must
  // be random. Borrows the rest. INVALID_ARGUMENT: no such endpoint, or no name
  // for a node.
  static absl::StatusOr<std::unique_ptr<LinkLoop>> Connect(
      zmq::context_t& context, const std::string& endpoint,
      const std::string& node_name, const Clock& clock, RoomFollower& follower,
      LinkCore::Log log, const std::optional<LinkKeys>& keys = std::nullopt);

  Backplane& backplane() { return core_; }
  LinkCore& core() { return core_; }

  // Sends what was asked for since the last turn, waits for messages, for
  // `wake_fd` (-1: none) to become readable or for `timeout`, and handles a
  // bounded number of messages. Returns how many.
  size_t TakeTurn(absl::Duration timeout, int wake_fd = -1);

  // Says goodbye.
  void Close() { core_.Close(); }

 private:
  LinkLoop(std::unique_ptr<Dealer> dealer, LinkOptions options,
           const Clock& clock, RoomFollower& follower, LinkCore::Log log);

  const Clock& clock_;
  const std::shared_ptr<LinkCore::Log> log_;
  const std::unique_ptr<Dealer> dealer_;
  LinkCore core_;
  absl::Duration next_tick_;
  std::string turned_away_;  // Why, as was said last.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_LINK_LOOP_H_
