// Roomlog, by the link that every C++ node has.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/room_key.h"
#include "bench/client.h"
#include "bench/roomlog_node.h"

namespace roomlog::bench {
namespace {

constexpr char kNamespace[] = "/";

absl::StatusOr<std::vector<RoomKey>> KeysOf(
    const std::vector<std::string>& rooms) {
  std::vector<RoomKey> keys;
  for (const std::string& room : rooms) {
    absl::StatusOr<RoomKey> key = RoomKey::Make(kNamespace, room);
    if (!key.ok()) return key.status();
    keys.push_back(*std::move(key));
  }
  return keys;
}

// Checks what comes of the followed rooms.
class CheckingFollower final : public RoomFollower {
 public:
  explicit CheckingFollower(DeliveryCheck* check) : check_(*check) {}

  void Add(RoomHandle handle, absl::string_view name) { names_[handle] = name; }
  bool following_all() const { return following_ == names_.size(); }
  const absl::Status& status() const { return status_; }

  void OnFollowing(RoomHandle, Position) override { ++following_; }
  void OnFollowFailed(RoomHandle, const absl::Status& status) override {
    status_.Update(status);
  }
  void OnEvents(absl::Span<const RoomEvent> events) override {
    const int64_t now_ns = NowNanos();
    for (const RoomEvent& event : events) {
      status_.Update(
          check_.Take(names_[event.room], event.event.packet, now_ns));
    }
  }
  void OnGap(RoomHandle room, Position, Position, GapReason) override {
    status_.Update(absl::DataLossError(absl::StrCat("gap in ", names_[room])));
  }

 private:
  DeliveryCheck& check_;
  absl::flat_hash_map<RoomHandle, absl::string_view> names_;
  size_t following_ = 0;
  absl::Status status_;
};

class RoomlogClient final : public Client {
 public:
  explicit RoomlogClient(const ServerAddress& broker) : broker_(broker) {}

  absl::Status Publish(const std::vector<std::string>& rooms,
                       PublishRun* run) override {
    absl::StatusOr<std::vector<RoomKey>> keys = KeysOf(rooms);
    if (!keys.ok()) return keys.status();
    NoFollower follower;
    absl::StatusOr<std::unique_ptr<RoomlogNode>> node =
        RoomlogNode::Connect(broker_, "bench-publisher", follower);
    if (!node.ok()) return node.status();
    absl::Status status = (*node)->WaitForBroker();

    uint64_t answered = 0;
    EventBytes event;
    while (status.ok() && !run->finished()) {
      while (!run->made_all() && run->room_in_window() > 0) {
        PublishRequest request;
        request.room = (*keys)[run->MakeNext(&event)];
        request.packet.assign(event.data(), event.size());
        (*node)->backplane().Publish(
            std::move(request),
            [&answered, &status](absl::StatusOr<PublishAnswer> answer) {
              ++answered;
              status.Update(answer.status());
            });
      }
      (*node)->TakeTurn();
      if (answered > 0) run->Acknowledge(std::exchange(answered, 0));
    }
    return status;
  }

  absl::Status Subscribe(const std::vector<std::string>& rooms,
                         DeliveryCheck* check,
                         absl::FunctionRef<void()> ready) override {
    absl::StatusOr<std::vector<RoomKey>> keys = KeysOf(rooms);
    if (!keys.ok()) return keys.status();
    CheckingFollower follower(check);
    absl::StatusOr<std::unique_ptr<RoomlogNode>> node =
        RoomlogNode::Connect(broker_, "bench-subscriber", follower);
    if (!node.ok()) return node.status();
    for (size_t room = 0; room < rooms.size(); ++room) {
      follower.Add((*node)->backplane().Follow((*keys)[room]), rooms[room]);
    }
    while (follower.status().ok() && !follower.following_all()) {
      (*node)->TakeTurn();
    }
    if (follower.status().ok()) ready();
    while (follower.status().ok() && !check->complete()) (*node)->TakeTurn();
    return follower.status();
  }

 private:
  const ServerAddress broker_;
};

}  // namespace
}  // namespace roomlog::bench

int main(int argc, char** argv) {
  using roomlog::bench::RoomlogClient;
  return roomlog::bench::RunClient(
      argc, argv, [](const roomlog::bench::ServerAddress& server) {
        return std::make_unique<RoomlogClient>(server);
      });
}
