// The only way from one thread to another: a bounded queue with a wake-up.
#ifndef ROOMLOG_BASE_MAILBOX_H_
#define ROOMLOG_BASE_MAILBOX_H_

#include <cassert>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace roomlog {

// A file descriptor that becomes readable when somebody calls Ring(). Any
// thread may ring; one thread waits.
class Doorbell {
 public:
  Doorbell();  // Dies if the process has no descriptor left.
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  void Ring();
  // Takes back all rings so far.
  void Silence();
  // Waits until it was rung, at most `timeout`. Does not silence it.
  void Wait(absl::Duration timeout);
  // For poll(). Owned by the doorbell.
  int fd() const { return fd_; }

 private:
  const int fd_;
};

// Carries messages to the thread that owns the other end, in the order in which
// they were put in. Any thread may put; one thread takes.
template <typename T>
class Mailbox {
 public:
  // At most `capacity` messages wait at a time.
  explicit Mailbox(size_t capacity) : capacity_(capacity) {}

  // False, and `message` is untouched, if the mailbox is full or closed.
  bool TryPut(T&& message) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (closed_ || messages_.size() >= capacity_) return false;
      messages_.push_back(std::move(message));
      if (messages_.size() > 1) return true;  // The taker was told already.
    }
    doorbell_.Ring();
    return true;
  }

  // As TryPut() for each of `messages` in turn, and takes from its front those
  // that were put in; tells the taker once.
  void TryPutAll(std::deque<T>* messages) {
    bool was_empty = false;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      was_empty = messages_.empty() && !messages->empty();
      if (!Move(messages)) return;
    }
    if (was_empty) doorbell_.Ring();
  }

  // Puts all in, and waits whenever the mailbox is full; tells the taker as
  // seldom as can be. If it is closed the rest is dropped.
  void PutAll(std::deque<T>* messages) {
    while (!messages->empty()) {
      bool was_empty = false;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        not_full_.wait(
            lock, [this] { return closed_ || messages_.size() < capacity_; });
        if (closed_) return messages->clear();
        was_empty = messages_.empty();
        Move(messages);
      }
      if (was_empty) doorbell_.Ring();
    }
  }

  // Waits while the mailbox is full. False if it is closed.
  bool Put(T message) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      not_full_.wait(
          lock, [this] { return closed_ || messages_.size() < capacity_; });
      if (closed_) return false;
      messages_.push_back(std::move(message));
      if (messages_.size() > 1) return true;
    }
    doorbell_.Ring();
    return true;
  }

  // Moves up to `most` messages to the end of `out`, without waiting, and
  // returns how many. The doorbell goes on ringing if some are left.
  size_t Take(size_t most, std::vector<T>* out) {
    size_t taken = 0;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      while (taken < most && !messages_.empty()) {
        out->push_back(std::move(messages_.front()));
        messages_.pop_front();
        ++taken;
      }
      if (messages_.empty() && !closed_) doorbell_.Silence();
    }
    if (taken > 0) not_full_.notify_all();
    return taken;
  }

  // Waits until there is something to take or the mailbox is closed, at most
  // `timeout`.
  void Wait(absl::Duration timeout) { doorbell_.Wait(timeout); }

  // Wakes the taker though nothing was put in.
  void Ring() { doorbell_.Ring(); }

  // From here on nothing is put in; what is in can still be taken.
  void Close() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      closed_ = true;
    }
    not_full_.notify_all();
    doorbell_.Ring();
  }

  // Closed, and all is taken.
  bool Finished() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return closed_ && messages_.empty();
  }

  // Readable while there is something to take, and once it is closed.
  int fd() const { return doorbell_.fd(); }

 private:
  // Moves what fits, under the lock; whether anything did.
  bool Move(std::deque<T>* messages) {
    bool moved = false;
    while (!closed_ && !messages->empty() && messages_.size() < capacity_) {
      messages_.push_back(std::move(messages->front()));
      messages->pop_front();
      moved = true;
    }
    return moved;
  }

  const size_t capacity_;
  Doorbell doorbell_;
  mutable std::mutex mutex_;
  std::condition_variable not_full_;
  std::deque<T> messages_;
  bool closed_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_BASE_MAILBOX_H_
