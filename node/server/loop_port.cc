#include "node/server/loop_port.h"

#include <utility>

#include "node/socketio/socketio_limits.h"

namespace roomlog {

thread_local LoopPort* LoopPort::current_ = nullptr;

bool LoopPort::Run(Task task) {
  if (!is_here()) return Post(std::move(task));
  if (is_closed_) return false;
  std::move(task)();
  return true;
}

bool LoopPort::Post(Task task) {
  if (is_closed_) return false;
  if (waiting_.fetch_add(1) >= kLoopMailboxEntriesMax) {
    waiting_.fetch_sub(1);
    return false;
  }
  carry_([self = shared_from_this(), task = std::move(task)]() mutable {
    self->waiting_.fetch_sub(1);
    if (self->is_closed_) return;
    const Scope scope(self.get());
    std::move(task)();
  });
  return true;
}

}  // namespace roomlog
