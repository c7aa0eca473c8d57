#include "node/link/local_broker.h"

#include "absl/status/status.h"
#include "base/limits.h"

namespace roomlog {

// The loop's side.
class LocalBroker::LocalBackplane final : public LoopBackplane {
 public:
  LocalBackplane(size_t loop, Mailbox<Command>& commands,
                 Mailbox<Result>& results)
      : loop_(loop), commands_(commands), results_(results) {}
  // Nothing more is taken for it; the broker need not wait.
  ~LocalBackplane() override { results_.Close(); }

  void Publish(PublishRequest request, PublishDone done) override {
    publishes_.emplace(++last_number_, std::move(done));
    Submit(PublishCommand{last_number_, std::move(request)});
  }

  RoomHandle Follow(const RoomKey& room) override {
    last_handle_ = last_handle_.Next();
    followed_.insert(last_handle_);
    Submit(FollowCommand{last_handle_, room});
    return last_handle_;
  }

  void Unfollow(RoomHandle room) override {
    if (followed_.erase(room) > 0) Submit(UnfollowCommand{room});
  }

  void Read(HistoryRequest request, ReadDone done) override {
    reads_.emplace(++last_number_, std::move(done));
    Submit(ReadCommand{last_number_, std::move(request)});
  }

  absl::Status health() const override { return absl::OkStatus(); }

  int wake_fd() const override { return results_.fd(); }

  size_t DoWork(RoomFollower& follower) override {
    while (!waiting_.empty() && commands_.TryPut(std::move(waiting_.front()))) {
      waiting_.pop_front();
    }
    std::vector<Result> taken;
    results_.Take(kMessagesPerTurn, &taken);
    for (Result& result : taken) Handle(std::move(result), follower);
    if (!waiting_.empty()) results_.Ring();
    return taken.size();
  }

 private:
  template <typename What>
  void Submit(What what) {
    Command command{loop_, std::move(what)};
    if (waiting_.empty() && commands_.TryPut(std::move(command))) return;
    waiting_.push_back(std::move(command));
    results_.Ring();  // So that DoWork() tries again.
  }

  void Handle(Result any, RoomFollower& follower) {
    if (auto* event = std::get_if<RoomEvent>(&any)) {
      if (followed_.contains(event->room)) follower.OnEvents({event, 1});
    } else if (auto* following = std::get_if<Following>(&any)) {
      if (followed_.contains(following->handle)) {
        follower.OnFollowing(following->handle, following->head);
      }
    } else if (auto* published = std::get_if<Published>(&any)) {
      auto open = publishes_.extract(published->number);
      std::move(open.mapped())(published->answer);
    } else {
      auto& answered = std::get<ReadAnswered>(any);
      auto open = reads_.extract(answered.number);
      std::move(open.mapped())(std::move(answered.page));
    }
  }

  const size_t loop_;
  Mailbox<Command>& commands_;
  Mailbox<Result>& results_;
  std::deque<Command> waiting_;  // Did not fit into the mailbox.
  uint64_t last_number_ = 0;
  RoomHandle last_handle_;
  absl::flat_hash_map<uint64_t, PublishDone> publishes_;
  absl::flat_hash_map<uint64_t, ReadDone> reads_;
  absl::flat_hash_set<RoomHandle> followed_;
};

LocalBroker::LocalBroker(size_t loops, Epoch epoch, const Clock& clock)
    : clock_(clock), commands_(kLinkMailboxEntriesMax), log_(epoch) {
  for (size_t i = 0; i < loops; ++i) {
    results_.push_back(
        std::make_unique<Mailbox<Result>>(kLinkMailboxEntriesMax));
  }
  thread_ = std::thread([this] { RunThread(); });
}

LocalBroker::~LocalBroker() {
  for (const auto& results : results_) results->Close();
  commands_.Close();
  thread_.join();
}

std::unique_ptr<LoopBackplane> LocalBroker::Connect(size_t loop) {
  return std::make_unique<LocalBackplane>(loop, commands_, *results_[loop]);
}

void LocalBroker::RunThread() {
  std::vector<Command> taken;
  while (!commands_.Finished()) {
    commands_.Wait(absl::InfiniteDuration());
    taken.clear();
    commands_.Take(kMessagesPerTurn, &taken);
    for (Command& command : taken) Carry(std::move(command));
  }
}

void LocalBroker::Carry(Command command) {
  Mailbox<Result>& results = *results_[command.loop];
  if (auto* publish = std::get_if<PublishCommand>(&command.what)) {
    const PublishAnswer answer =
        log_.Publish(publish->request, absl::ToUnixMillis(clock_.Now()),
                     [this](size_t loop, const RoomEvent& event) {
                       results_[loop]->Put(event);
                     });
    results.Put(Published{publish->number, answer});
  } else if (auto* follow = std::get_if<FollowCommand>(&command.what)) {
    results.Put(
        Following{follow->handle,
                  log_.Follow(follow->room, {command.loop, follow->handle})});
  } else if (auto* unfollow = std::get_if<UnfollowCommand>(&command.what)) {
    log_.Unfollow({command.loop, unfollow->handle});
  } else {
    auto& read = std::get<ReadCommand>(command.what);
    results.Put(ReadAnswered{read.number, log_.Read(read.request)});
  }
}

}  // namespace roomlog
