// An Engine.IO server: TCP connections in, sessions out. Beside them it serves
// health and files.
#ifndef ROOMLOG_NODE_ENGINEIO_ENGINE_SERVER_H_
#define ROOMLOG_NODE_ENGINEIO_ENGINE_SERVER_H_

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node/engineio/engine_loop.h"
#include "node/engineio/engine_options.h"
#include "node/engineio/engine_session.h"
#include "node/engineio/engine_shard.h"
#include "node/engineio/http_listener.h"

namespace roomlog {

// Calls are made on the thread that runs `io`, the first loop, unless they say
// otherwise. Must not be destroyed from within a call to a handler. Destroying
// it ends the other loops and cuts the connections that are left, untold.
class EngineServer {
 public:
  // Makes what handles a new session, which outlives it. Called on the
  // session's loop, on whose thread the handler is called from then on.
  using MakeHandler = EngineShard::MakeHandler;

  // Borrows `io`, which must outlive this object.
  EngineServer(EngineOptions options, boost::asio::io_context& io,
               MakeHandler make_handler);
  ~EngineServer();

  // As HttpListener::Listen(). Besides, NOT_FOUND: there is no static or client
  // directory; INVALID_ARGUMENT: no usable certificate, or too many threads.
  absl::StatusOr<uint16_t> Start(const std::string& address);

  // Takes no new session from here on (503) and is not healthy any more; closes
  // those there are with `reason`, a few at a time and all within `time`, and
  // then stops as Stop() does.
  void Drain(absl::string_view reason, absl::Duration time,
             std::function<void()> done);
  // Takes no new connection, closes every session with `reason`, which must
  // live for ever, and calls `done` when the last is gone: after
  // kWebSocketCloseTime at the latest. While it drains, that is over at once,
  // and the `done` of Drain() is called.
  void Stop(absl::string_view reason, std::function<void()> done);

  // Reads the certificate and the key anew, for connections to come. Any
  // thread. INVALID_ARGUMENT: they are unusable; what there was stays in use.
  // FAILED_PRECONDITION: it does not speak TLS.
  absl::Status ReloadCertificate();

  // Answers a request that came to another node, for a session of that loop. On
  // the loop's thread.
  void Serve(size_t loop_index, std::shared_ptr<HttpExchange> exchange) {
    loops_[loop_index]->shard->Serve(std::move(exchange));
  }

  // Of all loops. Any thread.
  size_t session_count() const { return shared_.client_count; }

  size_t loop_count() const { return loops_.size(); }
  // To be used on its own thread, but for posting to its io().
  EngineLoop& loop(size_t index = 0) { return loops_[index]->shard->loop(); }

 private:
  struct Loop {
    std::unique_ptr<boost::asio::io_context> own_io;  // Null for the first.
    boost::asio::io_context* io = nullptr;
    std::unique_ptr<EngineShard> shard;
    std::thread thread;
  };

  absl::Status Load();
  void OnConnection(ClientSocket::Released socket);
  // Has each loop do `what`, and `done` called once each has told so.
  void OnEachLoop(
      std::function<void(EngineShard&, std::function<void()> told)> what,
      std::function<void()> done);

  EngineShard::Shared shared_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::unique_ptr<HttpListener> listener_;
  size_t next_loop_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_ENGINE_SERVER_H_
