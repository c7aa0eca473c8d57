// A layer between a node's link and what is above it.
#ifndef ROOMLOG_TEST_SIM_BACKPLANE_WRAPPER_H_
#define ROOMLOG_TEST_SIM_BACKPLANE_WRAPPER_H_

#include <utility>

#include "node/link/backplane.h"

namespace roomlog {

// Passes everything on, both ways. What is derived from it listens, or does
// something wrong.
class BackplaneWrapper : public Backplane, public RoomFollower {
 public:
  // Both come before anything else.
  void set_below(Backplane* below) { below_ = below; }
  void set_above(RoomFollower* above) { above_ = above; }

  // Backplane:
  void Publish(PublishRequest request, PublishDone done) override {
    below_->Publish(std::move(request), std::move(done));
  }
  RoomHandle Follow(const RoomKey& room) override {
    return below_->Follow(room);
  }
  void Unfollow(RoomHandle room) override { below_->Unfollow(room); }
  void Read(HistoryRequest request, ReadDone done) override {
    below_->Read(std::move(request), std::move(done));
  }
  void ReadMembers(MembersRequest request, MembersDone done) override {
    below_->ReadMembers(std::move(request), std::move(done));
  }
  absl::Status health() const override { return below_->health(); }

  // RoomFollower:
  void OnFollowing(RoomHandle room, Position head) override {
    above_->OnFollowing(room, head);
  }
  void OnFollowFailed(RoomHandle room, const absl::Status& status) override {
    above_->OnFollowFailed(room, status);
  }
  void OnEvents(absl::Span<const RoomEvent> events) override {
    above_->OnEvents(events);
  }
  void OnGap(RoomHandle room, Position from, Position to,
             GapReason reason) override {
    above_->OnGap(room, from, to, reason);
  }

 protected:
  Backplane* below_ = nullptr;
  RoomFollower* above_ = nullptr;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_BACKPLANE_WRAPPER_H_
