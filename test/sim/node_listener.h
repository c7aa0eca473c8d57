// What one life of a node hears, for the oracle.
#ifndef ROOMLOG_TEST_SIM_NODE_LISTENER_H_
#define ROOMLOG_TEST_SIM_NODE_LISTENER_H_

#include <map>
#include <string>

#include "test/sim/backplane_wrapper.h"
#include "test/sim/oracle.h"

namespace roomlog {

class NodeListener final : public BackplaneWrapper {
 public:
  // `name` is of this life of the node.
  NodeListener(std::string name, Oracle& oracle)
      : name_(std::move(name)), oracle_(oracle) {}
  ~NodeListener() override { oracle_.OnGone(name_); }

  RoomHandle Follow(const RoomKey& room) override;
  void Unfollow(RoomHandle room) override;
  void OnFollowing(RoomHandle room, Position head) override;
  void OnFollowFailed(RoomHandle room, const absl::Status& status) override;
  void OnEvents(absl::Span<const RoomEvent> events) override;
  void OnGap(RoomHandle room, Position from, Position to,
             GapReason reason) override;

 private:
  struct Followed {
    std::string room;
    Epoch epoch;  // 0 before it is followed.
  };

  const std::string name_;
  Oracle& oracle_;
  std::map<RoomHandle, Followed> followed_;
};

// What a stored event says, as its publisher said it. What nodes tell single
// sockets may be said twice, so its offset is part of it.
std::string TextOfEvent(absl::string_view room, Offset offset,
                        absl::string_view packet);

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_NODE_LISTENER_H_
