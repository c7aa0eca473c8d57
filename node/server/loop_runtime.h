// What drives a ServerLoop: an Asio loop, its timers, and its backplane's fd.
#ifndef ROOMLOG_NODE_SERVER_LOOP_RUNTIME_H_
#define ROOMLOG_NODE_SERVER_LOOP_RUNTIME_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "node/engineio/id_generator.h"
#include "node/link/loop_backplane.h"
#include "node/relay/request_relay.h"
#include "node/server/server_loop.h"

namespace roomlog {

// Made on one thread; from Begin() to the call of End()'s `done` it lives on
// the thread that runs `io`.
class LoopRuntime {
 public:
  // Borrows `clock` and `io`.
  LoopRuntime(std::shared_ptr<const ServerCore> core, size_t index,
              std::unique_ptr<LoopBackplane> backplane, const Clock& clock,
              boost::asio::io_context& io);

  // Takes requests that came to other nodes, and gives them to `serve`; hands
  // others on by relay(). Before Begin().
  void RelayRequests(RequestRelay::Options options, RequestRelay::Serve serve);
  RequestRelay& relay() { return *relay_; }

  void Begin();
  // Lets the broker hear of the clients that were lost, lets go of `io`, and
  // then calls `done` on its thread.
  void End(std::function<void()> done);

  ServerLoop& loop() { return *loop_; }
  // Its health() may be asked on any thread.
  const Backplane& backplane() const { return *backplane_; }
  IdGenerator& ids() { return ids_; }

 private:
  void WaitForBackplane();
  void WaitForTick();
  void WaitForDeadline();

  const Clock& clock_;
  boost::asio::io_context& io_;
  IdGenerator ids_;
  const std::unique_ptr<LoopBackplane> backplane_;
  const std::shared_ptr<LoopPort> port_;
  std::unique_ptr<ServerLoop> loop_;
  std::unique_ptr<RequestRelay> relay_;  // Null once the loop ends.
  std::optional<boost::asio::posix::stream_descriptor> wake_;
  std::optional<boost::asio::steady_timer> tick_;
  std::optional<boost::asio::steady_timer> deadline_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_LOOP_RUNTIME_H_
