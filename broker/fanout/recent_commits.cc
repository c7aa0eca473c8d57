#include "broker/fanout/recent_commits.h"

namespace roomlog {
namespace {

size_t BytesHeldBy(const Commit& commit) {
  size_t bytes = sizeof(Commit) + commit.events.size() * sizeof(NewEvent);
  for (const auto& batch : commit.batches) {
    bytes += sizeof(PublishBatch) + batch->packets.size() +
             batch->message.rooms().names().size() +
             batch->events.size() * sizeof(EventView);
  }
  return bytes;
}

}  // namespace

void RecentCommits::Add(std::shared_ptr<const Commit> commit) {
  const size_t bytes = BytesHeldBy(*commit);
  bytes_ += bytes;
  commits_.emplace_back(std::move(commit), bytes);
  while (bytes_ > bytes_max_) DropOldest();
}

void RecentCommits::ForgetBefore(CommitNumber wanted) {
  while (!commits_.empty() && oldest_ < wanted) DropOldest();
}

void RecentCommits::DropOldest() {
  bytes_ -= commits_.front().second;
  commits_.pop_front();
  oldest_ = oldest_.Next();
}

}  // namespace roomlog
