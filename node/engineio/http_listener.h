// Where TCP connections come in.
#ifndef ROOMLOG_NODE_ENGINEIO_HTTP_LISTENER_H_
#define ROOMLOG_NODE_ENGINEIO_HTTP_LISTENER_H_

#include <boost/asio/basic_socket_acceptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "node/engineio/engine_loop.h"

namespace roomlog {

// Accepts connections on one address and hands them on. If the process has no
// descriptor left it waits kAcceptPause at a time; the system's queue holds who
// comes meanwhile.
class HttpListener {
 public:
  using OnConnection = std::function<void(TcpSocket)>;

  // `on_connection` is called on the loop's thread, not after Close().
  HttpListener(std::shared_ptr<EngineLoop> loop, OnConnection on_connection);
  ~HttpListener();

  // Takes "127.0.0.1:8080", "[::1]:8080", or port 0 for any free one. Returns
  // the port. INVALID_ARGUMENT: no such address. UNAVAILABLE: it is taken.
  absl::StatusOr<uint16_t> Listen(const std::string& address);

  void Close();

 private:
  class Acceptor;

  const std::shared_ptr<EngineLoop> loop_;
  const std::shared_ptr<Acceptor> acceptor_;  // Shared with its handlers.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_HTTP_LISTENER_H_
