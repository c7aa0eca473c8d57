// In place of the broker: a node that runs alone, with one loop or several.
#ifndef ROOMLOG_NODE_LINK_LOCAL_BROKER_H_
#define ROOMLOG_NODE_LINK_LOCAL_BROKER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/clock.h"
#include "base/mailbox.h"
#include "node/link/local_log.h"
#include "node/link/loop_backplane.h"

namespace roomlog {

// A LocalLog for all loops of a process. With several it has a thread of its
// own: the loops send it what they ask by one mailbox, so there is one order,
// and hear from it by a mailbox each; they share immutable bytes and nothing
// else. A loop that does not keep up makes it wait. A single loop does the
// log's work itself, in DoWork(). What a turn asks for goes out together, so
// that what comes of it comes together, too.
class LocalBroker {
 public:
  // For so many loops. Borrows `clock`. `epoch` is this life of the log.
  LocalBroker(size_t loops, Epoch epoch, const Clock& clock);
  // The backplanes must be gone.
  ~LocalBroker();

  // The backplane of one loop, to be made once.
  std::unique_ptr<LoopBackplane> Connect(size_t loop);

 private:
  class LocalBackplane;

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
  struct Command {
    size_t loop;
    std::variant<PublishCommand, FollowCommand, UnfollowCommand, ReadCommand,
                 MembersCommand>
        what;
  };

  struct Following {
    RoomHandle handle;
    Position head;
  };
  struct Published {
    uint64_t number;
    absl::StatusOr<PublishAnswer> answer;
  };
  struct ReadAnswered {
    uint64_t number;
    HistoryPage page;
  };
  struct MembersAnswered {
    uint64_t number;
    MembersPage page;
  };
  using Result = std::variant<Following, RoomEvent, Published, ReadAnswered,
                              MembersAnswered>;

  void RunThread();
  // Does what is asked, and adds what comes of it to outgoing_.
  void Carry(Command command);
  bool is_shared() const { return results_.size() > 1; }

  const Clock& clock_;
  Mailbox<Command> commands_;
  std::vector<std::unique_ptr<Mailbox<Result>>> results_;
  // Of the thread, or of the only loop:
  LocalLog log_;
  std::vector<std::deque<Result>> outgoing_;  // To each loop.

  std::thread thread_;  // If there are several loops.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_LOCAL_BROKER_H_
