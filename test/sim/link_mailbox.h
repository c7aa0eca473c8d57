// The way between a node's loop and the thread of its link.
#ifndef ROOMLOG_TEST_SIM_LINK_MAILBOX_H_
#define ROOMLOG_TEST_SIM_LINK_MAILBOX_H_

#include <cstdint>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "node/link/link_core.h"
#include "test/sim/backplane_wrapper.h"

namespace roomlog {

// As LoopLink has it: what is asked and what is told waits for the other
// thread, in order. So a room may have been left while its events were coming.
class LinkMailbox final : public BackplaneWrapper {
 public:
  enum class Way { kToLink, kToLoop };
  // Does `work` after a while, behind all that was carried the same way before.
  using Carry = std::function<void(Way way, std::function<void()> work)>;

  explicit LinkMailbox(Carry carry) : carry_(std::move(carry)) {}
  void set_link(LinkCore* link) { link_ = link, set_below(link); }

  void Publish(PublishRequest request, PublishDone done) override;
  RoomHandle Follow(const RoomKey& room) override;
  void Unfollow(RoomHandle room) override;
  void Read(HistoryRequest request, ReadDone done) override;
  void OnFollowing(RoomHandle room, Position head) override;
  void OnFollowFailed(RoomHandle room, const absl::Status& status) override;
  void OnEvents(absl::Span<const RoomEvent> events) override;
  void OnGap(RoomHandle room, Position from, Position to,
             GapReason reason) override;

 private:
  // Once the loop gets there, and if it still follows the room.
  void Tell(RoomHandle room, std::function<void()> what);

  const Carry carry_;
  LinkCore* link_ = nullptr;
  RoomHandle last_handle_;
  std::set<RoomHandle> followed_;  // By the loop.
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_LINK_MAILBOX_H_
