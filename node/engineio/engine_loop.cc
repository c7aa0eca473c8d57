#include "node/engineio/engine_loop.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "base/limits.h"

namespace roomlog {

namespace {

constexpr size_t kCacheLineBytes = 64;

}  // namespace

EngineLoop::EngineLoop(boost::asio::io_context& io)
    : io_(io), read_buffer_(kReadBufferBytes) {}

void EngineLoop::AtTurnEnd(std::shared_ptr<TurnTask> task) {
  tasks_.push_back(std::move(task));
  if (tasks_.size() > 1) return;
  // Asio runs what is posted after all that is ready already.
  boost::asio::post(io_, [self = shared_from_this()] { self->EndTurn(); });
}

void EngineLoop::EndTurn() {
  // What the tasks ask for belongs to the next turn.
  running_.swap(tasks_);
  for (size_t i = 0; i < running_.size(); ++i) {
    // Thousands of clients are in no cache; while one is written to, the next
    // is on its way.
    if (i + 1 < running_.size()) {
      const char* const next =
          reinterpret_cast<const char*>(running_[i + 1].get());
      __builtin_prefetch(next);
      __builtin_prefetch(next + kCacheLineBytes);
      __builtin_prefetch(next + 2 * kCacheLineBytes);
    }
    running_[i]->OnTurnEnd();
  }
  running_.clear();
  joiner_.Forget();
  deflater_.Forget();
}

}  // namespace roomlog
