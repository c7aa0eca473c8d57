#include "node/link/loop_link.h"

#include <utility>

#include "base/limits.h"
#include "base/presence_limits.h"

namespace roomlog {
namespace {

template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace

// Passes on to the loop what the link's thread hears.
class LoopLink::ThreadFollower final : public RoomFollower {
 public:
  explicit ThreadFollower(Mailbox<Result>& results) : results_(results) {}

  void OnFollowing(RoomHandle room, Position head) override {
    results_.Put(Following{room, head});
  }
  void OnFollowFailed(RoomHandle room, const absl::Status& status) override {
    results_.Put(FollowFailed{room, status});
  }
  void OnEvents(absl::Span<const RoomEvent> events) override {
    results_.Put(Events{{events.begin(), events.end()}});
  }
  void OnGap(RoomHandle room, Position from, Position to,
             GapReason reason) override {
    results_.Put(Gap{room, from, to, reason});
  }

 private:
  Mailbox<Result>& results_;
};

absl::StatusOr<std::unique_ptr<LoopLink>> LoopLink::Start(
    const std::string& endpoint, const std::string& node_name,
    const Clock& clock, LinkCore::Log log,
    const std::optional<LinkKeys>& keys) {
  std::unique_ptr<LoopLink> link(new LoopLink());
  absl::StatusOr<std::unique_ptr<LinkLoop>> loop =
      LinkLoop::Connect(link->context_, endpoint, node_name, clock,
                        *link->thread_follower_, std::move(log), keys);
  if (!loop.ok()) return loop.status();
  link->loop_ = *std::move(loop);
  link->thread_ = std::thread([raw = link.get()] { raw->RunThread(); });
  return link;
}

LoopLink::LoopLink()
    : commands_(kLinkMailboxEntriesMax),
      results_(kLinkMailboxEntriesMax),
      thread_follower_(std::make_unique<ThreadFollower>(results_)),
      health_(absl::UnavailableError("the broker was not reached yet")) {}

LoopLink::~LoopLink() {
  results_.Close();
  commands_.Close();
  if (thread_.joinable()) thread_.join();
}

// ---- The loop's thread ----

void LoopLink::Publish(PublishRequest request, PublishDone done) {
  if (publishes_.size() >= kQueuedPublishesMax) {
    const absl::Status broker = health();
    refused_.push_back([done = std::move(done), broker]() mutable {
      std::move(done)(broker.ok()
                          ? absl::ResourceExhaustedError(
                                "too many publishes wait for the broker")
                          : broker);
    });
    results_.Ring();
    return;
  }
  publishes_.emplace(++last_number_, std::move(done));
  Submit(PublishCommand{last_number_, std::move(request)});
}

RoomHandle LoopLink::Follow(const RoomKey& room) {
  last_handle_ = last_handle_.Next();
  followed_.emplace(last_handle_, true);
  Submit(FollowCommand{last_handle_, room});
  return last_handle_;
}

void LoopLink::Unfollow(RoomHandle room) {
  if (followed_.erase(room) > 0) Submit(UnfollowCommand{room});
}

void LoopLink::Read(HistoryRequest request, ReadDone done) {
  if (reads_.size() >= kWaitingReadsMax) {
    refused_.push_back([done = std::move(done)]() mutable {
      std::move(done)(absl::UnavailableError("too many reads wait already"));
    });
    results_.Ring();
    return;
  }
  reads_.emplace(++last_number_, std::move(done));
  Submit(ReadCommand{last_number_, std::move(request)});
}

void LoopLink::ReadMembers(MembersRequest request, MembersDone done) {
  // Whoever asks for more than the link's thread takes is told by that.
  if (member_reads_.size() >= 2 * kWaitingMemberReadsMax) {
    refused_.push_back([done = std::move(done)]() mutable {
      std::move(done)(absl::UnavailableError(
          "too many questions for members wait already"));
    });
    results_.Ring();
    return;
  }
  member_reads_.emplace(++last_number_, std::move(done));
  Submit(MembersCommand{last_number_, std::move(request)});
}

absl::Status LoopLink::health() const {
  std::lock_guard<std::mutex> lock(health_mutex_);
  return health_;
}

void LoopLink::Submit(Command command) {
  if (!waiting_commands_.empty() || !commands_.TryPut(std::move(command))) {
    waiting_commands_.push_back(std::move(command));
  }
}

size_t LoopLink::DoWork(RoomFollower& follower) {
  while (!waiting_commands_.empty() &&
         commands_.TryPut(std::move(waiting_commands_.front()))) {
    waiting_commands_.pop_front();
  }
  for (auto& refuse : std::exchange(refused_, {})) std::move(refuse)();
  std::vector<Result> taken;
  results_.Take(kMessagesPerTurn, &taken);
  for (Result& result : taken) Handle(std::move(result), follower);
  return taken.size();
}

void LoopLink::Handle(Result any, RoomFollower& follower) {
  std::visit(Overloaded{
                 [&](Following& following) {
                   if (!followed_.contains(following.handle)) return;
                   follower.OnFollowing(following.handle, following.head);
                 },
                 [&](FollowFailed& failed) {
                   if (followed_.erase(failed.handle) == 0) return;
                   follower.OnFollowFailed(failed.handle, failed.status);
                 },
                 [&](Events& events) {
                   std::erase_if(events.events, [&](const RoomEvent& event) {
                     return !followed_.contains(event.room);
                   });
                   if (!events.events.empty()) follower.OnEvents(events.events);
                 },
                 [&](Gap& gap) {
                   if (!followed_.contains(gap.handle)) return;
                   follower.OnGap(gap.handle, gap.from, gap.to, gap.reason);
                 },
                 [this](Published& published) {
                   auto open = publishes_.extract(published.number);
                   std::move(open.mapped())(std::move(published.answer));
                 },
                 [this](ReadAnswered& answered) {
                   auto open = reads_.extract(answered.number);
                   std::move(open.mapped())(std::move(answered.page));
                 },
                 [this](MembersAnswered& answered) {
                   auto open = member_reads_.extract(answered.number);
                   std::move(open.mapped())(std::move(answered.page));
                 },
             },
             any);
}

// ---- The link's thread ----

void LoopLink::RunThread() {
  std::vector<Command> taken;
  size_t busy = 0;
  while (true) {
    busy += loop_->TakeTurn(
        busy > 0 ? absl::ZeroDuration() : absl::InfiniteDuration(),
        commands_.fd());
    taken.clear();
    busy = commands_.Take(kLinkMailboxEntriesMax, &taken);
    for (Command& command : taken) Carry(std::move(command));
    // The loop may hold back commands that did not fit.
    if (taken.size() >= kLinkMailboxEntriesMax / 2) results_.Ring();
    {
      std::lock_guard<std::mutex> lock(health_mutex_);
      health_ = loop_->core().health();
    }
    if (commands_.Finished()) break;
  }
  loop_->Close();
  loop_.reset();
}

void LoopLink::Carry(Command any) {
  LinkCore& core = loop_->core();
  std::visit(
      Overloaded{
          [&](PublishCommand& command) {
            core.Publish(std::move(command.request),
                         [this, number = command.number](
                             absl::StatusOr<PublishAnswer> answer) {
                           results_.Put(Published{number, std::move(answer)});
                         });
          },
          [&](FollowCommand& command) {
            core.FollowAs(command.handle, command.room);
          },
          [&](UnfollowCommand& command) { core.Unfollow(command.handle); },
          [&](ReadCommand& command) {
            core.Read(std::move(command.request),
                      [this, number = command.number](
                          absl::StatusOr<HistoryPage> page) {
                        results_.Put(ReadAnswered{number, std::move(page)});
                      });
          },
          [&](MembersCommand& command) {
            core.ReadMembers(
                std::move(command.request),
                [this,
                 number = command.number](absl::StatusOr<MembersPage> page) {
                  results_.Put(MembersAnswered{number, std::move(page)});
                });
          },
      },
      any);
}

}  // namespace roomlog
