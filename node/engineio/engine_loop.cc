#include "node/engineio/engine_loop.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "base/limits.h"

namespace roomlog {

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
  for (const auto& task : running_) task->OnTurnEnd();
  running_.clear();
  joiner_.Forget();
  deflater_.Forget();
}

}  // namespace roomlog
