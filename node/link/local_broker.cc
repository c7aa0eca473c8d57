#include "node/link/local_broker.h"

#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "base/limits.h"

namespace roomlog {

// The loop's side.
class LocalBroker::LocalBackplane final : public LoopBackplane {
 public:
  LocalBackplane(LocalBroker& broker, size_t loop)
      : broker_(broker), loop_(loop), results_(*broker.results_[loop]) {}
  // Nothing more is taken for it; the broker need not wait.
  ~LocalBackplane() override { results_.Close(); }

  void Publish(PublishRequest request, PublishDone done) override {
    if (asked_.size() >= kQueuedPublishesMax) {
      refused_.push_back(std::move(done));
      return;
    }
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

  void ReadMembers(MembersRequest request, MembersDone done) override {
    member_reads_.emplace(++last_number_, std::move(done));
    Submit(MembersCommand{last_number_, std::move(request)});
  }

  absl::Status health() const override { return absl::OkStatus(); }

  int wake_fd() const override { return results_.fd(); }

  size_t DoWork(RoomFollower& follower) override {
    std::vector<Result> taken;
    if (broker_.is_shared()) {
      broker_.commands_.TryPutAll(&asked_);
      results_.Take(kMessagesPerTurn, &taken);
      // The broker's thread may wait for this loop, so that what did not fit is
      // not waited for: it is tried again at the next turn.
      if (!asked_.empty()) results_.Ring();
    } else {
      DoTheBrokersWork(&taken);
    }
    for (Result& result : taken) Handle(std::move(result), follower);
    HandOn(follower);
    for (PublishDone& done : std::exchange(refused_, {})) {
      std::move(done)(
          absl::ResourceExhaustedError("too many publishes wait already"));
    }
    return taken.size();
  }

 private:
  void DoTheBrokersWork(std::vector<Result>* taken) {
    results_.Take(0, taken);  // Silences the bell.
    for (size_t i = 0; i < kMessagesPerTurn && !asked_.empty(); ++i) {
      broker_.Carry(std::move(asked_.front()));
      asked_.pop_front();
    }
    std::deque<Result>& results = broker_.outgoing_[loop_];
    taken->assign(std::make_move_iterator(results.begin()),
                  std::make_move_iterator(results.end()));
    results.clear();
    if (!asked_.empty()) results_.Ring();
  }

  template <typename What>
  void Submit(What what) {
    if (asked_.empty()) results_.Ring();  // For DoWork().
    asked_.push_back({loop_, std::move(what)});
  }

  // Events that come one after the other are handed on together, and before
  // what is answered to the publishes among them.
  void Handle(Result any, RoomFollower& follower) {
    if (auto* event = std::get_if<RoomEvent>(&any)) {
      if (followed_.contains(event->room)) events_.push_back(*std::move(event));
      return;
    }
    if (auto* published = std::get_if<Published>(&any)) {
      published_.push_back(*std::move(published));
      return;
    }
    HandOn(follower);
    if (auto* following = std::get_if<Following>(&any)) {
      if (followed_.contains(following->handle)) {
        follower.OnFollowing(following->handle, following->head);
      }
    } else if (auto* read = std::get_if<ReadAnswered>(&any)) {
      auto open = reads_.extract(read->number);
      std::move(open.mapped())(std::move(read->page));
    } else {
      auto& members = std::get<MembersAnswered>(any);
      auto open = member_reads_.extract(members.number);
      std::move(open.mapped())(std::move(members.page));
    }
  }

  void HandOn(RoomFollower& follower) {
    if (!events_.empty()) follower.OnEvents(std::exchange(events_, {}));
    for (Published& published : std::exchange(published_, {})) {
      auto open = publishes_.extract(published.number);
      std::move(open.mapped())(std::move(published.answer));
    }
  }

  LocalBroker& broker_;
  const size_t loop_;
  Mailbox<Result>& results_;
  std::deque<Command> asked_;         // Since the last turn, or did not fit.
  std::vector<PublishDone> refused_;  // To be told by DoWork().
  std::vector<RoomEvent> events_;     // To be handed on within DoWork(),
  std::vector<Published> published_;  // and then these.
  uint64_t last_number_ = 0;
  RoomHandle last_handle_;
  absl::flat_hash_map<uint64_t, PublishDone> publishes_;
  absl::flat_hash_map<uint64_t, ReadDone> reads_;
  absl::flat_hash_map<uint64_t, MembersDone> member_reads_;
  absl::flat_hash_set<RoomHandle> followed_;
};

LocalBroker::LocalBroker(size_t loops, Epoch epoch, const Clock& clock)
    : clock_(clock), commands_(kLinkMailboxEntriesMax), log_(epoch) {
  for (size_t i = 0; i < loops; ++i) {
    results_.push_back(
        std::make_unique<Mailbox<Result>>(kLinkMailboxEntriesMax));
  }
  outgoing_.resize(loops);
  if (is_shared()) thread_ = std::thread([this] { RunThread(); });
}

LocalBroker::~LocalBroker() {
  for (const auto& results : results_) results->Close();
  commands_.Close();
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<LoopBackplane> LocalBroker::Connect(size_t loop) {
  return std::make_unique<LocalBackplane>(*this, loop);
}

void LocalBroker::RunThread() {
  std::vector<Command> taken;
  while (!commands_.Finished()) {
    commands_.Wait(absl::InfiniteDuration());
    taken.clear();
    commands_.Take(kMessagesPerTurn, &taken);
    for (Command& command : taken) Carry(std::move(command));
    for (size_t loop = 0; loop < results_.size(); ++loop) {
      results_[loop]->PutAll(&outgoing_[loop]);
    }
  }
}

void LocalBroker::Carry(Command command) {
  std::deque<Result>& results = outgoing_[command.loop];
  if (auto* publish = std::get_if<PublishCommand>(&command.what)) {
    const int64_t now_ms = absl::ToUnixMillis(clock_.Now());
    const auto deliver = [this](size_t loop, const RoomEvent& event) {
      outgoing_[loop].push_back(event);
    };
    log_.Settle(now_ms, deliver);
    results.push_back(
        Published{publish->number,
                  log_.Do(command.loop, publish->request, now_ms, deliver)});
  } else if (auto* follow = std::get_if<FollowCommand>(&command.what)) {
    results.push_back(
        Following{follow->handle,
                  log_.Follow(follow->room, {command.loop, follow->handle})});
  } else if (auto* unfollow = std::get_if<UnfollowCommand>(&command.what)) {
    log_.Unfollow({command.loop, unfollow->handle});
  } else if (auto* read = std::get_if<ReadCommand>(&command.what)) {
    results.push_back(ReadAnswered{read->number, log_.Read(read->request)});
  } else {
    auto& members = std::get<MembersCommand>(command.what);
    log_.Settle(absl::ToUnixMillis(clock_.Now()),
                [this](size_t loop, const RoomEvent& event) {
                  outgoing_[loop].push_back(event);
                });
    results.push_back(
        MembersAnswered{members.number, log_.ReadMembers(members.request)});
  }
}

}  // namespace roomlog
