// One client: the namespaces it is in, and what it says in each. Free of
// sockets and clocks, as the session below it.
#ifndef ROOMLOG_NODE_SOCKETIO_CLIENT_CONNECTION_H_
#define ROOMLOG_NODE_SOCKETIO_CLIENT_CONNECTION_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "node/engineio/engine_session.h"
#include "node/engineio/id_generator.h"
#include "node/socketio/packet_assembler.h"
#include "node/socketio/socket_wire.h"

namespace roomlog {

// What all connections of a server share.
struct ClientRules {
  // Whether clients may join this namespace. Empty: any.
  std::function<bool(absl::string_view name_space)> is_namespace;
  // A client that has joined none by then is closed.
  absl::Duration connect_timeout = absl::Seconds(45);
};

// Malformed packets, and packets where they do not belong, close the
// connection.
class ClientConnection final : public EngineHandler {
 public:
  // Borrows everything.
  ClientConnection(EngineSession& session, SocketWireHandler& handler,
                   const ClientRules& rules, IdGenerator& ids,
                   absl::Duration now);
  ~ClientConnection() override;

  void OnText(absl::string_view message) override;
  void OnBinary(absl::string_view message) override;
  void OnDrained() override;
  void OnAllHeard() override;
  void OnTurn() override;
  void OnClose(absl::string_view reason) override;
  absl::Duration deadline() const override { return connect_deadline_; }
  void OnTick(absl::Duration now) override;

 private:
  class NamespaceSocket;

  void OnMessage(const absl::StatusOr<bool>& is_whole);
  void OnConnect(const Packet& packet);
  void RefuseConnect(absl::string_view name_space, absl::string_view message,
                     absl::string_view data = "");
  void DisconnectAll();
  NamespaceSocket* Find(absl::string_view name_space) const;
  // Forgets the sockets that have left, and tells the handler.
  void BuryLeft();

  EngineSession& session_;
  SocketWireHandler& handler_;
  const ClientRules& rules_;
  IdGenerator& ids_;
  PacketAssembler assembler_;
  absl::Duration connect_deadline_;  // Infinite once a namespace was joined.
  // Few, so a walk is quicker than a table. None is removed from within a call
  // to the handler.
  std::vector<std::unique_ptr<NamespaceSocket>> sockets_;
  bool any_left_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SOCKETIO_CLIENT_CONNECTION_H_
