// The link of an event loop: a thread of its own between the loop and the
// broker.
#ifndef ROOMLOG_NODE_LINK_LOOP_LINK_H_
#define ROOMLOG_NODE_LINK_LOOP_LINK_H_

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mailbox.h"
#include "node/link/link_loop.h"
#include "node/link/loop_backplane.h"

namespace roomlog {

// A Backplane for a thread that must never wait. What it asks for goes to the
// link's thread by a bounded mailbox, and what the broker says comes back by
// another, which the loop drains by DoWork() when wake_fd() is readable. If the
// loop does not keep up, the link's thread waits for it, and so does the broker
// within the node's credit.
class LoopLink final : public LoopBackplane {
 public:
  // Connects and starts the link's thread. `log` is called on that thread.
  // `endpoint`, `node_name` and errors as in LinkLoop::Connect(). Borrows
  // `clock`.
  static absl::StatusOr<std::unique_ptr<LoopLink>> Start(
      const std::string& endpoint, const std::string& node_name,
      const Clock& clock, LinkCore::Log log,
      const std::optional<LinkKeys>& keys = std::nullopt);
  // Says goodbye to the broker. What is open is never answered.
  ~LoopLink() override;

  // Backplane:
  void Publish(PublishRequest request, PublishDone done) override;
  RoomHandle Follow(const RoomKey& room) override;
  void Unfollow(RoomHandle room) override;
  void Read(HistoryRequest request, ReadDone done) override;
  void ReadMembers(MembersRequest request, MembersDone done) override;
  absl::Status health() const override;

  // Readable when DoWork() has something to do. Owned by the link.
  int wake_fd() const override { return results_.fd(); }
  // Handles what came from the link's thread, a bounded number, and hands over
  // what did not fit before. Returns how many; 0 means idle. `follower`, the
  // same each time, hears of the rooms.
  size_t DoWork(RoomFollower& follower) override;

 private:
  // To the link's thread.
  struct PublishCommand {
    uint64_t number;
    PublishRequest request;
  };
  struct FollowCommand {
    RoomHandle handle;
    RoomKey room;
  };
  struct UnfollowCommand {
    RoomHandle handle;
  };
  struct ReadCommand {
    uint64_t number;
    HistoryRequest request;
  };
  struct MembersCommand {
    uint64_t number;
    MembersRequest request;
  };
  using Command = std::variant<PublishCommand, FollowCommand, UnfollowCommand,
                               ReadCommand, MembersCommand>;

  // From the link's thread.
  struct Following {
    RoomHandle handle;
    Position head;
  };
  struct FollowFailed {
    RoomHandle handle;
    absl::Status status;
  };
  struct Events {
    std::vector<RoomEvent> events;
  };
  struct Gap {
    RoomHandle handle;
    Position from;
    Position to;
    GapReason reason;
  };
  struct Published {
    uint64_t number;
    absl::StatusOr<PublishAnswer> answer;
  };
  struct ReadAnswered {
    uint64_t number;
    absl::StatusOr<HistoryPage> page;
  };
  struct MembersAnswered {
    uint64_t number;
    absl::StatusOr<MembersPage> page;
  };
  using Result = std::variant<Following, FollowFailed, Events, Gap, Published,
                              ReadAnswered, MembersAnswered>;

  class ThreadFollower;

  LoopLink();
  void Submit(Command command);
  void RunThread();
  void Carry(Command command);
  void Handle(Result result, RoomFollower& follower);

  zmq::context_t context_;
  Mailbox<Command> commands_;
  Mailbox<Result> results_;

  // The loop's thread:
  std::deque<Command> waiting_commands_;  // Did not fit into the mailbox.
  std::vector<absl::AnyInvocable<void() &&>> refused_;  // To be told by DoWork.
  uint64_t last_number_ = 0;
  RoomHandle last_handle_;
  absl::flat_hash_map<uint64_t, PublishDone> publishes_;
  absl::flat_hash_map<uint64_t, ReadDone> reads_;
  absl::flat_hash_map<uint64_t, MembersDone> member_reads_;
  // Followed rooms: what still comes for others is dropped.
  absl::flat_hash_map<RoomHandle, bool> followed_;

  // The link's thread:
  std::unique_ptr<ThreadFollower> thread_follower_;
  std::unique_ptr<LinkLoop> loop_;

  mutable std::mutex health_mutex_;
  absl::Status health_;

  std::thread thread_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_LOOP_LINK_H_
