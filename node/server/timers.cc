#include "node/server/timers.h"

namespace roomlog {

Timers::Id Timers::At(absl::Duration when, Task task) {
  const bool is_earlier = when < next();
  const Id id = ++last_id_;
  tasks_.emplace(Key(when, id), std::move(task));
  times_.emplace(id, when);
  if (is_earlier && on_earlier_) on_earlier_();
  return id;
}

void Timers::Cancel(Id id) {
  const auto found = times_.find(id);
  if (found == times_.end()) return;
  tasks_.erase(Key(found->second, id));
  times_.erase(found);
}

absl::Duration Timers::next() const {
  return tasks_.empty() ? absl::InfiniteDuration()
                        : tasks_.begin()->first.first;
}

void Timers::Run(absl::Duration now) {
  while (!tasks_.empty() && tasks_.begin()->first.first <= now) {
    auto due = tasks_.extract(tasks_.begin());
    times_.erase(due.key().second);
    std::move(due.mapped())();
  }
}

}  // namespace roomlog
