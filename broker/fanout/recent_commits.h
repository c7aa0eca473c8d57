// The last commits, kept in memory once for all nodes that lag.
#ifndef ROOMLOG_BROKER_FANOUT_RECENT_COMMITS_H_
#define ROOMLOG_BROKER_FANOUT_RECENT_COMMITS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "base/ids.h"
#include "broker/journal/journal.h"

namespace roomlog {

// Counts the commits since the broker began, from 1.
using CommitNumber = StrongId<struct CommitNumberTag>;

// Holds the commits that somebody may still want, up to a bound of bytes. The
// I/O thread owns it.
class RecentCommits {
 public:
  explicit RecentCommits(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Adds the next commit; the oldest go as the bound asks.
  void Add(std::shared_ptr<const Commit> commit);
  // Lets go of everything before `wanted`.
  void ForgetBefore(CommitNumber wanted);

  // The oldest that is kept, and the one that will be added next; the same if
  // none is kept.
  CommitNumber oldest() const { return oldest_; }
  CommitNumber next() const {
    return CommitNumber(oldest_.value() + commits_.size());
  }
  // `number` must be kept.
  const Commit& at(CommitNumber number) const {
    return *commits_[number.value() - oldest_.value()].first;
  }
  size_t bytes() const { return bytes_; }

 private:
  void DropOldest();

  const size_t bytes_max_;
  CommitNumber oldest_{1};
  // With the bytes that each holds.
  std::deque<std::pair<std::shared_ptr<const Commit>, size_t>> commits_;
  size_t bytes_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_FANOUT_RECENT_COMMITS_H_
