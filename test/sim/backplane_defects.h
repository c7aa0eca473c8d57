// What lies between a node's link and its rooms, done wrong.
#ifndef ROOMLOG_TEST_SIM_BACKPLANE_DEFECTS_H_
#define ROOMLOG_TEST_SIM_BACKPLANE_DEFECTS_H_

#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "test/sim/backplane_wrapper.h"

namespace roomlog {

class SkipsSeam final : public BackplaneWrapper {
 public:
  void Read(HistoryRequest request, ReadDone done) override {
    const uint64_t before = request.before.value();
    if (before > 0 && before != std::numeric_limits<uint64_t>::max()) {
      request.before = Offset(before - 1);
    }
    below_->Read(std::move(request), std::move(done));
  }
};

// The event before what was asked for comes once more, with a number of its
// own, as if it had been said again.
class OverlapsSeam final : public BackplaneWrapper {
 public:
  void Read(HistoryRequest request, ReadDone done) override {
    below_->Read(
        std::move(request),
        [done = std::move(done)](absl::StatusOr<HistoryPage> page) mutable {
          if (page.ok() && page->events.size() >= 2) {
            page->events.insert(page->events.begin() + 1, page->events.front());
          }
          std::move(done)(std::move(page));
        });
  }
};

class KeepsGapsToItself final : public BackplaneWrapper {
 public:
  void OnGap(RoomHandle, Position, Position, GapReason) override {}
};

class AcknowledgesEarly final : public BackplaneWrapper {
 public:
  void Publish(PublishRequest request, PublishDone done) override {
    if (last_ == Position()) {
      below_->Publish(std::move(request), std::move(done));
      return;
    }
    // Where it will be, if all goes well.
    guess_.offset = std::max(guess_.offset, last_.offset).Next();
    guess_.epoch = last_.epoch;
    answers_.emplace_back(std::move(done), guess_);
    below_->Publish(std::move(request), [this](auto answer) {
      if (answer.ok()) last_ = answer->position;
    });
  }
  void OnFollowing(RoomHandle room, Position head) override {
    if (head.offset > last_.offset) last_ = head;
    above_->OnFollowing(room, head);
  }
  void OnEvents(absl::Span<const RoomEvent> events) override {
    for (const RoomEvent& event : events) last_.offset = event.event.offset;
    for (auto& [done, position] : std::exchange(answers_, {})) {
      PublishAnswer answer;
      answer.position = position;
      std::move(done)(answer);
    }
    above_->OnEvents(events);
  }

 private:
  Position last_;
  Position guess_;
  std::vector<std::pair<PublishDone, Position>> answers_;
};

// As adapters do that deliver their own events when the append is answered, and
// others' when they read them.
class HearsOwnEventsFirst final : public BackplaneWrapper {
 public:
  void Publish(PublishRequest request, PublishDone done) override {
    const std::string room = request.room.text();
    const std::string packet = request.packet;
    const uint32_t flags = request.flags;
    below_->Publish(
        std::move(request), [this, room, packet, flags, done = std::move(done)](
                                absl::StatusOr<PublishAnswer> answer) mutable {
          const auto followed = handles_.find(room);
          if (answer.ok() && !answer->duplicate && followed != handles_.end() &&
              heard_.insert(answer->position.offset).second) {
            RoomEvent event;
            event.room = followed->second;
            event.bytes = SharedBytes(packet);
            event.event.offset = answer->position.offset;
            event.event.flags = flags;
            event.event.packet = event.bytes.view();
            above_->OnEvents({&event, 1});
          }
          std::move(done)(std::move(answer));
        });
  }
  RoomHandle Follow(const RoomKey& room) override {
    const RoomHandle handle = below_->Follow(room);
    waiting_[handle] = room.text();
    return handle;
  }
  void Unfollow(RoomHandle room) override {
    for (auto it = handles_.begin(); it != handles_.end();) {
      it = it->second == room ? handles_.erase(it) : std::next(it);
    }
    below_->Unfollow(room);
  }
  void OnFollowing(RoomHandle room, Position head) override {
    handles_[waiting_[room]] = room;
    above_->OnFollowing(room, head);
  }
  void OnEvents(absl::Span<const RoomEvent> events) override {
    for (const RoomEvent& event : events) {
      if (heard_.insert(event.event.offset).second) {
        above_->OnEvents({&event, 1});
      }
    }
  }

 private:
  std::map<RoomHandle, std::string> waiting_;
  std::map<std::string, RoomHandle> handles_;
  std::set<Offset> heard_;
};

class BeginsTooLate final : public BackplaneWrapper {
 public:
  void OnFollowing(RoomHandle room, Position head) override {
    fresh_.insert(room);
    above_->OnFollowing(room, head);
  }
  void OnEvents(absl::Span<const RoomEvent> events) override {
    for (const RoomEvent& event : events) {
      if (fresh_.erase(event.room) == 0) above_->OnEvents({&event, 1});
    }
  }

 private:
  std::set<RoomHandle> fresh_;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_BACKPLANE_DEFECTS_H_
