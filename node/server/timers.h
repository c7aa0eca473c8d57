// What is to be done later on one loop.
#ifndef ROOMLOG_NODE_SERVER_TIMERS_H_
#define ROOMLOG_NODE_SERVER_TIMERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace roomlog {

// Reads no clock: whoever runs the loop says what time it is. One thread.
class Timers {
 public:
  using Task = absl::AnyInvocable<void() &&>;
  using Id = uint64_t;  // Never 0.

  // `on_earlier` is called when something is due before all that was.
  void set_on_earlier(std::function<void()> on_earlier) {
    on_earlier_ = std::move(on_earlier);
  }

  // Does `task` at `when`, in steady time.
  Id At(absl::Duration when, Task task);
  // Nothing happens if it is done already.
  void Cancel(Id id);

  // When something is due; infinite if nothing is.
  absl::Duration next() const;
  // Does what is due by `now`, in order.
  void Run(absl::Duration now);

 private:
  using Key = std::pair<absl::Duration, Id>;

  std::function<void()> on_earlier_;
  Id last_id_ = 0;
  std::map<Key, Task> tasks_;
  absl::flat_hash_map<Id, absl::Duration> times_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_TIMERS_H_
