// A Socket.IO server: TCP connections in, events of sockets out.
#ifndef ROOMLOG_NODE_SOCKETIO_SOCKET_SERVER_H_
#define ROOMLOG_NODE_SOCKETIO_SOCKET_SERVER_H_

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "node/engineio/engine_server.h"
#include "node/engineio/id_generator.h"
#include "node/socketio/client_connection.h"
#include "node/socketio/socket.h"

namespace roomlog {

struct SocketServerOptions {
  EngineOptions engine;
  ClientRules client;
};

// Belongs to the thread that runs `io`: every call, and every call to the
// application. Must not be destroyed from within the latter.
class SocketServer {
 public:
  // Borrows `application` and `io`, which must outlive this object.
  SocketServer(SocketServerOptions options, SocketHandler& application,
               boost::asio::io_context& io);

  // Listens on "127.0.0.1:8080", "[::1]:8080", or port 0 for any free one, and
  // returns the port. INVALID_ARGUMENT: no such address. UNAVAILABLE: it is
  // taken. NOT_FOUND: there is no such static directory.
  absl::StatusOr<uint16_t> Start(const std::string& address);

  // Closes the listener and every connection; the application hears of each
  // socket, "server shutting down". What was sent before still goes out. Calls
  // `done` when the last client is gone, after kWebSocketCloseTime at the
  // latest.
  void Stop(std::function<void()> done);

  // Connections, whether or not they have joined a namespace.
  size_t client_count() const { return engine_.session_count(); }

 private:
  const ClientRules rules_;
  SocketHandler& application_;
  IdGenerator ids_;
  EngineServer engine_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SOCKETIO_SOCKET_SERVER_H_
