#include "node/socketio/socket_server.h"

#include <memory>
#include <utility>

namespace roomlog {

SocketServer::SocketServer(SocketServerOptions options,
                           SocketHandler& application,
                           boost::asio::io_context& io)
    : rules_(std::move(options.client)),
      application_(application),
      engine_(std::move(options.engine), io,
              [this](EngineSession& session, size_t /*loop_index*/) {
                return std::make_unique<ClientConnection>(
                    session, application_, rules_, ids_, engine_.loop().Now());
              }) {}

absl::StatusOr<uint16_t> SocketServer::Start(const std::string& address) {
  return engine_.Start(address);
}

void SocketServer::Stop(std::function<void()> done) {
  engine_.Stop("server shutting down", std::move(done));
}

}  // namespace roomlog
