// What all connections of one event loop share.
#ifndef ROOMLOG_NODE_ENGINEIO_ENGINE_LOOP_H_
#define ROOMLOG_NODE_ENGINEIO_ENGINE_LOOP_H_

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "node/engineio/frame_deflater.h"
#include "node/engineio/frame_joiner.h"

namespace roomlog {

// Asio's types, bound to an io_context at compile time: an executor that could
// be any costs an allocation and a virtual call per operation.
using LoopExecutor = boost::asio::io_context::executor_type;
using TcpSocket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, LoopExecutor>;
using LoopTimer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock,
    boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

// Something to be done once, when all that is ready now has been handled.
class TurnTask {
 public:
  virtual ~TurnTask() = default;
  virtual void OnTurnEnd() = 0;
};

// One event loop, run by one thread, on which all calls are made.
class EngineLoop : public std::enable_shared_from_this<EngineLoop> {
 public:
  // Borrows `io`, which must outlive every handler it was given.
  explicit EngineLoop(boost::asio::io_context& io);

  boost::asio::io_context& io() { return io_; }
  absl::Duration Now() const { return clock_.Steady(); }
  // A buffer for the handler that runs now: nothing in it outlasts the handler.
  absl::Span<char> read_buffer() { return absl::MakeSpan(read_buffer_); }

  // For frames that leave in one write.
  FrameJoiner& joiner() { return joiner_; }
  FrameDeflater& deflater() { return deflater_; }

  // Calls `task` at the end of this turn of the loop.
  void AtTurnEnd(std::shared_ptr<TurnTask> task);
  // Forgets all tasks.
  void Clear() { tasks_.clear(); }

 private:
  void EndTurn();

  boost::asio::io_context& io_;
  const SystemClock clock_;
  std::vector<char> read_buffer_;
  FrameJoiner joiner_;
  FrameDeflater deflater_;
  std::vector<std::shared_ptr<TurnTask>> tasks_;
  std::vector<std::shared_ptr<TurnTask>> running_;  // Kept for its memory.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_ENGINE_LOOP_H_
