// The way onto a loop from any thread.
#ifndef ROOMLOG_NODE_SERVER_LOOP_PORT_H_
#define ROOMLOG_NODE_SERVER_LOOP_PORT_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>

#include "absl/functional/any_invocable.h"

namespace roomlog {

// Outlives its loop, whose end it knows. Any thread.
class LoopPort : public std::enable_shared_from_this<LoopPort> {
 public:
  using Task = absl::AnyInvocable<void() &&>;
  // Takes a task to the loop's thread, from any thread, and does not wait.
  using Carry = std::function<void(Task)>;

  // Says that this thread is on the loop, for as long as it lives.
  class Scope {
   public:
    explicit Scope(LoopPort* port) : before_(current_) { current_ = port; }
    ~Scope() { current_ = before_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    LoopPort* const before_;
  };

  explicit LoopPort(Carry carry) : carry_(std::move(carry)) {}

  // Does `task` on the loop: at once if this thread is on it, else soon, in the
  // order in which they were given. False, and nothing is done, if
  // kLoopMailboxEntriesMax wait already, or the loop has ended.
  bool Run(Task task);
  // The same, but never at once.
  bool Post(Task task);

  bool is_here() const { return current_ == this; }
  // The loop that this thread is on; null if on none.
  static LoopPort* current() { return current_; }

  // The loop ends: called on it. What still waits is not done.
  void Close() { is_closed_ = true; }

 private:
  static thread_local LoopPort* current_;

  const Carry carry_;
  std::atomic<size_t> waiting_ = 0;
  std::atomic<bool> is_closed_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_LOOP_PORT_H_
