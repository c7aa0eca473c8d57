// Several nodes on one log in memory, all on one thread.
#ifndef ROOMLOG_TEST_FAKES_SHARED_BACKPLANES_H_
#define ROOMLOG_TEST_FAKES_SHARED_BACKPLANES_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "node/link/backplane.h"
#include "node/link/local_log.h"

namespace roomlog {

// Everything asked of the log waits in one queue, and what comes of it in one
// for each node; Settle() moves all of it until nothing is left.
class SharedBackplanes {
 public:
  // A node's backplane, as long as this object lives.
  Backplane& Add() {
    nodes_.push_back(std::make_unique<Node>(*this, nodes_.size()));
    return *nodes_.back();
  }
  void set_follower(size_t node, RoomFollower* follower) {
    nodes_[node]->follower = follower;
  }
  // What comes for the node waits until it is let through again.
  void Hold(size_t node, bool held) { nodes_[node]->is_held = held; }

  // Lets the time of sessions pass.
  void Expire(absl::Duration after) {
    now_ms_ += absl::ToInt64Milliseconds(after);
    log_.Settle(now_ms_, Deliver());
  }

  void Settle() {
    for (bool moved = true; moved;) {
      moved = !asked_.empty();
      if (moved) {
        const auto ask = std::move(asked_.front());
        asked_.pop_front();
        ask();
      }
      for (size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i]->is_held || nodes_[i]->told.empty()) continue;
        const auto tell = std::move(nodes_[i]->told.front());
        nodes_[i]->told.pop_front();
        tell();
        moved = true;
      }
    }
  }

 private:
  struct Node final : public Backplane {
    Node(SharedBackplanes& its_all, size_t its_index)
        : all(its_all), index(its_index) {}

    void Publish(PublishRequest request, PublishDone done) override {
      all.asked_.push_back(
          [this, request = std::move(request),
           done = std::make_shared<PublishDone>(std::move(done))] {
            const absl::StatusOr<PublishAnswer> answer =
                all.log_.Do(index, request, ++all.now_ms_, all.Deliver());
            told.push_back([done, answer] { std::move (*done)(answer); });
          });
    }
    RoomHandle Follow(const RoomKey& room) override {
      last_handle = last_handle.Next();
      all.asked_.push_back([this, room, handle = last_handle] {
        const Position head = all.log_.Follow(room, {index, handle});
        told.push_back([this, handle, head] {
          if (follower != nullptr) follower->OnFollowing(handle, head);
        });
      });
      return last_handle;
    }
    void Unfollow(RoomHandle room) override {
      all.asked_.push_back([this, room] { all.log_.Unfollow({index, room}); });
    }
    void Read(HistoryRequest request, ReadDone done) override {
      all.asked_.push_back(
          [this, request = std::move(request),
           done = std::make_shared<ReadDone>(std::move(done))] {
            told.push_back([done, page = all.log_.Read(request)] {
              std::move (*done)(page);
            });
          });
    }
    void ReadMembers(MembersRequest request, MembersDone done) override {
      all.asked_.push_back(
          [this, request = std::move(request),
           done = std::make_shared<MembersDone>(std::move(done))] {
            told.push_back([done, page = all.log_.ReadMembers(request)] {
              std::move (*done)(page);
            });
          });
    }
    absl::Status health() const override { return absl::OkStatus(); }

    SharedBackplanes& all;
    const size_t index;
    RoomFollower* follower = nullptr;
    RoomHandle last_handle;
    bool is_held = false;
    std::deque<std::function<void()>> told;
  };

  std::function<void(size_t, const RoomEvent&)> Deliver() {
    return [this](size_t node, const RoomEvent& event) {
      Node& to = *nodes_[node];
      to.told.push_back([&to, event] {
        if (to.follower != nullptr) to.follower->OnEvents({&event, 1});
      });
    };
  }

  LocalLog log_{Epoch(0xe)};
  int64_t now_ms_ = 0;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::deque<std::function<void()>> asked_;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_FAKES_SHARED_BACKPLANES_H_
