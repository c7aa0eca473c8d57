// A node of ours with nothing on it but its link.
#ifndef ROOMLOG_BENCH_ROOMLOG_NODE_H_
#define ROOMLOG_BENCH_ROOMLOG_NODE_H_

#include <memory>
#include <string>
#include <zmq.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "bench/server_address.h"
#include "node/link/backplane.h"
#include "node/link/link_loop.h"

namespace roomlog::bench {

// The link runs on the thread that calls, as the peers' clients do. Belongs to
// that thread.
class RoomlogNode {
 public:
  // Borrows `follower`.
  static absl::StatusOr<std::unique_ptr<RoomlogNode>> Connect(
      const ServerAddress& broker, const std::string& name,
      RoomFollower& follower);
  ~RoomlogNode();

  Backplane& backplane() { return link_->backplane(); }

  // Sends what was asked for, waits for what comes, and makes the callbacks.
  void TakeTurn();

  // Takes turns until the broker answers. UNAVAILABLE: it does not.
  absl::Status WaitForBroker();

 private:
  RoomlogNode() = default;

  const SystemClock clock_;
  zmq::context_t context_;
  std::unique_ptr<LinkLoop> link_;
};

// For a node that follows no room.
class NoFollower final : public RoomFollower {
 public:
  void OnFollowing(RoomHandle, Position) override {}
  void OnFollowFailed(RoomHandle, const absl::Status&) override {}
  void OnEvents(absl::Span<const RoomEvent>) override {}
  void OnGap(RoomHandle, Position, Position, GapReason) override {}
};

}  // namespace roomlog::bench

#endif  // ROOMLOG_BENCH_ROOMLOG_NODE_H_
