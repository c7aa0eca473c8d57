// Where TCP connections come in.
#ifndef ROOMLOG_NODE_ENGINEIO_HTTP_LISTENER_H_
#define ROOMLOG_NODE_ENGINEIO_HTTP_LISTENER_H_

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "node/engineio/client_socket.h"

namespace roomlog {

// Accepts connections on one address and hands them on. If the process has no
// descriptor left it waits kAcceptPause at a time; the system's queue holds who
// comes meanwhile.
class HttpListener {
 public:
  using OnConnection = std::function<void(ClientSocket::Released)>;

  // `on_connection` is called on the loop's thread, not after Close().
  HttpListener(boost::asio::io_context& io, OnConnection on_connection);
  ~HttpListener();

  // Takes "127.0.0.1:8080", "[::1]:8080", or port 0 for any free one. Returns
  // the port. INVALID_ARGUMENT: no such address. UNAVAILABLE: it is taken.
  absl::StatusOr<uint16_t> Listen(const std::string& address);

  void Close();

 private:
  class Acceptor;

  const std::shared_ptr<Acceptor> acceptor_;  // Shared with its handlers.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_HTTP_LISTENER_H_
