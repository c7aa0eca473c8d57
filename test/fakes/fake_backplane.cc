#include "test/fakes/fake_backplane.h"

#include <algorithm>
#include <cassert>
#include <memory>

namespace roomlog {

Offset FakeBackplane::Append(const RoomKey& key, std::string packet,
                             std::string id, uint32_t flags) {
  Room& room = rooms_[key];
  const Offset previous =
      room.events.empty() ? Offset(0) : room.events.back().offset;
  last_offset_ = last_offset_.Next();
  room.events.push_back(
      {last_offset_, previous, std::move(id), std::move(packet), flags});
  for (auto& [handle, followed] : followed_) {
    if (followed.room == key && followed.taken) SendNew(handle, followed);
  }
  return last_offset_;
}

void FakeBackplane::SendNew(RoomHandle handle, Followed& followed) {
  for (const Event& event : rooms_[followed.room].events) {
    if (event.offset <= followed.sent.offset) continue;
    deliveries_.push_back(Delivered{handle, event});
    followed.sent.offset = event.offset;
  }
}

void FakeBackplane::Trim(const RoomKey& room, Offset through) {
  // As the log does, to the offset of an event that was.
  for (const Event& event : rooms_[room].events) {
    if (event.offset > through) break;
    rooms_[room].trimmed_through =
        std::max(rooms_[room].trimmed_through, event.offset);
  }
}

void FakeBackplane::BeginEpoch(Epoch epoch) {
  epoch_ = epoch;
  for (auto& [handle, followed] : followed_) {
    if (!followed.taken) continue;
    const Position to = head(followed.room);
    deliveries_.push_back(
        GapTold{handle, followed.sent, to, GapReason::kEpoch});
    followed.sent = to;
  }
}

void FakeBackplane::LoseDeliveries(const RoomKey& room, GapReason reason) {
  for (auto& [handle, followed] : followed_) {
    if (followed.room != room || !followed.taken) continue;
    Position from = followed.sent;
    const auto lost = [&, handle = handle](const Delivery& delivery) {
      const auto* event = std::get_if<Delivered>(&delivery);
      if (event == nullptr || event->handle != handle) return false;
      from.offset = std::min(from.offset, event->event.previous);
      return true;
    };
    deliveries_.erase(
        std::remove_if(deliveries_.begin(), deliveries_.end(), lost),
        deliveries_.end());
    if (from == followed.sent) continue;
    deliveries_.push_back(GapTold{handle, from, followed.sent, reason});
  }
}

Position FakeBackplane::head(const RoomKey& room) const {
  const auto found = rooms_.find(room);
  if (found == rooms_.end() || found->second.events.empty()) {
    return {epoch_, Offset(0)};
  }
  return {epoch_, found->second.events.back().offset};
}

bool FakeBackplane::TakeRequest() {
  if (requests_.empty()) return false;
  auto request = std::move(requests_.front());
  requests_.pop_front();
  if (const auto* follow = std::get_if<FollowRequest>(&request)) {
    const auto found = followed_.find(follow->handle);
    if (found == followed_.end()) return true;  // Unfollowed since.
    if (!follow_status_.ok()) {
      deliveries_.push_back(FollowFailed{follow->handle, follow_status_});
      followed_.erase(found);
      return true;
    }
    found->second.taken = true;
    found->second.sent = head(found->second.room);
    deliveries_.push_back(Following{follow->handle, found->second.sent});
    return true;
  }
  auto& [publish, done] = std::get<PublishTaken>(request);
  if ((publish.flags & proto::EVENT_FLAG_EPHEMERAL) != 0) {
    PublishAnswer handed_on;
    // It takes a number of the log's order.
    last_offset_ = last_offset_.Next();
    for (auto& [handle, followed] : followed_) {
      if (followed.room != publish.room || !followed.taken) continue;
      ++handed_on.receivers;
      Event event{last_offset_, head(publish.room).offset, publish.id,
                  publish.packet, publish.flags};
      deliveries_.push_back(Delivered{handle, std::move(event)});
    }
    // Other nodes that follow the room are the test's affair.
    handed_on.receivers += other_receivers_;
    ephemeral_.push_back(std::move(publish));
    deliveries_.push_back(Published{std::move(done), handed_on});
    return true;
  }
  if (!publish_status_.ok()) {
    deliveries_.push_back(Published{std::move(done), publish_status_});
    return true;
  }
  PublishAnswer answer;
  for (const Event& event : rooms_[publish.room].events) {
    if (!publish.id.empty() && event.id == publish.id) {
      answer = {{epoch_, event.offset}, true};
    }
  }
  if (!answer.duplicate) {
    answer.position = {epoch_, Append(publish.room, std::move(publish.packet),
                                      publish.id, publish.flags)};
  }
  deliveries_.push_back(Published{std::move(done), answer});
  return true;
}

bool FakeBackplane::Deliver() {
  if (deliveries_.empty()) return false;
  Delivery delivery = std::move(deliveries_.front());
  deliveries_.pop_front();
  if (auto* following = std::get_if<Following>(&delivery)) {
    if (followed_.count(following->handle) == 0) return true;
    follower_->OnFollowing(following->handle, following->head);
  } else if (auto* failed = std::get_if<FollowFailed>(&delivery)) {
    follower_->OnFollowFailed(failed->handle, failed->status);
  } else if (auto* delivered = std::get_if<Delivered>(&delivery)) {
    std::deque<Delivered> stored = {std::move(*delivered)};
    while (stored.size() < events_at_once_ && !deliveries_.empty() &&
           std::holds_alternative<Delivered>(deliveries_.front())) {
      stored.push_back(std::get<Delivered>(std::move(deliveries_.front())));
      deliveries_.pop_front();
    }
    std::vector<RoomEvent> events;
    for (const Delivered& one : stored) {
      if (followed_.count(one.handle) == 0) continue;
      RoomEvent& event = events.emplace_back();
      event.room = one.handle;
      event.event.offset = one.event.offset;
      event.event.previous = one.event.previous;
      event.event.time_ms =
          static_cast<int64_t>(one.event.offset.value()) * 1000;
      event.event.flags = one.event.flags;
      event.event.id = one.event.id;
      // Bytes of their own: what is used too late is found by a sanitizer.
      event.bytes = SharedBytes(std::string(one.event.packet));
      event.event.packet = event.bytes.view();
    }
    if (!events.empty()) follower_->OnEvents(events);
  } else if (auto* gap = std::get_if<GapTold>(&delivery)) {
    if (followed_.count(gap->handle) == 0) return true;
    follower_->OnGap(gap->handle, gap->from, gap->to, gap->reason);
  } else {
    auto& published = std::get<Published>(delivery);
    std::move(published.done)(std::move(published.answer));
  }
  return true;
}

bool FakeBackplane::RunRead(size_t index) {
  if (index >= reads_.size()) return false;
  auto [request, done] = std::move(reads_[index]);
  reads_.erase(reads_.begin() + static_cast<std::ptrdiff_t>(index));
  pages_.emplace_back(RunRead(request), std::move(done));
  return true;
}

bool FakeBackplane::AnswerRead(size_t index) {
  if (index >= pages_.size()) return false;
  auto [page, done] = std::move(pages_[index]);
  pages_.erase(pages_.begin() + static_cast<std::ptrdiff_t>(index));
  std::move(done)(std::move(page));
  return true;
}

void FakeBackplane::Settle() {
  while (TakeRequest() || Deliver() || RunRead() || AnswerRead()) {
  }
}

void FakeBackplane::RefuseRoom(const RoomKey& room, absl::Status status) {
  for (auto it = followed_.begin(); it != followed_.end(); ++it) {
    if (it->second.room != room) continue;
    deliveries_.push_back(FollowFailed{it->first, std::move(status)});
    followed_.erase(it);
    return;
  }
}

absl::StatusOr<HistoryPage> FakeBackplane::RunRead(
    const HistoryRequest& request) {
  if (!read_status_.ok()) return read_status_;
  const Room& room = rooms_[request.room];
  const size_t events_max = std::min(request.events_max, page_events_max_);
  assert(request.events_max > 0);

  std::vector<const Event*> matching;
  auto event = std::upper_bound(
      room.events.begin(), room.events.end(),
      std::max(request.after, room.trimmed_through),
      [](Offset after, const Event& e) { return after < e.offset; });
  for (; event != room.events.end() && event->offset < request.before;
       ++event) {
    if (static_cast<int64_t>(event->offset.value()) * 1000 < request.since_ms) {
      continue;
    }
    matching.push_back(&*event);
    // One more than fits says that there is more.
    if (!request.newest_first && matching.size() > events_max) break;
  }
  HistoryPage page;
  page.epoch = epoch_;
  page.trimmed_through = room.trimmed_through;
  page.head = room.events.empty() ? Offset(0) : room.events.back().offset;
  page.more = matching.size() > events_max;
  if (page.more && request.newest_first) {
    matching.erase(matching.begin(),
                   matching.end() - static_cast<std::ptrdiff_t>(events_max));
  }
  matching.resize(std::min(matching.size(), events_max));
  for (const Event* event : matching) {
    page.bytes.emplace_back(event->id + event->packet);
    const absl::string_view bytes = page.bytes.back().view();
    EventView view;
    view.offset = event->offset;
    view.previous = event->previous;
    view.time_ms = static_cast<int64_t>(event->offset.value()) * 1000;
    view.flags = event->flags;
    view.id = bytes.substr(0, event->id.size());
    view.packet = bytes.substr(event->id.size());
    page.events.push_back(view);
  }
  return page;
}

void FakeBackplane::Publish(PublishRequest request, PublishDone done) {
  requests_.push_back(PublishTaken{std::move(request), std::move(done)});
}

RoomHandle FakeBackplane::Follow(const RoomKey& room) {
  for (const auto& [handle, followed] : followed_) {
    assert(followed.room != room);
    (void)handle, (void)followed;
  }
  const RoomHandle handle(++last_handle_);
  followed_[handle] = {.room = room, .taken = false, .sent = {}};
  requests_.push_back(FollowRequest{handle});
  return handle;
}

void FakeBackplane::Unfollow(RoomHandle room) {
  const size_t erased = followed_.erase(room);
  assert(erased == 1);
  (void)erased;
}

void FakeBackplane::Read(HistoryRequest request, ReadDone done) {
  reads_.emplace_back(std::move(request), std::move(done));
}

void FakeBackplane::ReadMembers(MembersRequest, MembersDone done) {
  std::move(done)(MembersPage());
}

}  // namespace roomlog
