#include "test/sim/link_mailbox.h"

#include <memory>

namespace roomlog {

void LinkMailbox::Publish(PublishRequest request, PublishDone done) {
  // std::function takes only what can be copied.
  auto shared = std::make_shared<PublishDone>(std::move(done));
  carry_(Way::kToLink, [this, request = std::move(request), shared] {
    link_->Publish(request, [this,
                             shared](absl::StatusOr<PublishAnswer> answer) {
      carry_(Way::kToLoop, [shared, answer] { std::move (*shared)(answer); });
    });
  });
}

RoomHandle LinkMailbox::Follow(const RoomKey& room) {
  last_handle_ = last_handle_.Next();
  followed_.insert(last_handle_);
  carry_(Way::kToLink, [this, handle = last_handle_, room] {
    link_->FollowAs(handle, room);
  });
  return last_handle_;
}

void LinkMailbox::Unfollow(RoomHandle room) {
  followed_.erase(room);
  carry_(Way::kToLink, [this, room] { link_->Unfollow(room); });
}

void LinkMailbox::Read(HistoryRequest request, ReadDone done) {
  auto shared = std::make_shared<ReadDone>(std::move(done));
  carry_(Way::kToLink, [this, request = std::move(request), shared] {
    link_->Read(request, [this, shared](absl::StatusOr<HistoryPage> page) {
      carry_(Way::kToLoop, [shared, page] { std::move (*shared)(page); });
    });
  });
}

void LinkMailbox::Tell(RoomHandle room, std::function<void()> what) {
  carry_(Way::kToLoop, [this, room, what = std::move(what)] {
    if (followed_.count(room) > 0) what();
  });
}

void LinkMailbox::OnFollowing(RoomHandle room, Position head) {
  Tell(room, [this, room, head] { above_->OnFollowing(room, head); });
}

void LinkMailbox::OnFollowFailed(RoomHandle room, const absl::Status& status) {
  Tell(room, [this, room, status] {
    followed_.erase(room);
    above_->OnFollowFailed(room, status);
  });
}

void LinkMailbox::OnEvents(absl::Span<const RoomEvent> events) {
  carry_(Way::kToLoop,
         [this, all = std::vector<RoomEvent>(events.begin(), events.end())] {
           std::vector<RoomEvent> wanted;
           for (const RoomEvent& event : all) {
             if (followed_.count(event.room) > 0) wanted.push_back(event);
           }
           if (!wanted.empty()) above_->OnEvents(wanted);
         });
}

void LinkMailbox::OnGap(RoomHandle room, Position from, Position to,
                        GapReason reason) {
  Tell(room, [=, this] { above_->OnGap(room, from, to, reason); });
}

}  // namespace roomlog
