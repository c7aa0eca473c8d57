#include "node/socketio/client_connection.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "node/socketio/json.h"

namespace roomlog {

class ClientConnection::NamespaceSocket final : public Socket {
 public:
  NamespaceSocket(ClientConnection& connection, std::string id,
                  absl::string_view name_space, absl::string_view auth)
      : connection_(connection),
        id_(std::move(id)),
        name_space_(name_space),
        auth_(auth) {}

  const std::string& id() const override { return id_; }
  const std::string& name_space() const override { return name_space_; }
  absl::string_view auth() const override {
    return auth_.empty() ? absl::string_view("{}") : auth_;
  }

  void Send(SharedFramePtr frame) override {
    if (is_connected()) connection_.session_.Send(std::move(frame));
  }

  void Acknowledge(uint64_t ack_id, absl::string_view arguments) override {
    Send(MakeFrame(EncodePacket({.type = PacketType::kAck,
                                 .name_space = name_space_,
                                 .ack_id = ack_id,
                                 .data = arguments})));
  }

  size_t queued_bytes() const override {
    return connection_.session_.queued_bytes();
  }

  void Disconnect() override {
    if (!is_connected()) return;
    Send(MakeFrame(EncodePacket(
        {.type = PacketType::kDisconnect, .name_space = name_space_})));
    Leave("server namespace disconnect");
  }

  // Nothing more is sent or heard; the application is told later.
  void Leave(absl::string_view reason) {
    disconnect_reason_ = reason;
    connection_.any_disconnected_ = true;
    connection_.session_.WantTurn();
  }

  bool is_connected() const { return disconnect_reason_.empty(); }
  absl::string_view disconnect_reason() const { return disconnect_reason_; }

 private:
  ClientConnection& connection_;
  const std::string id_;
  const std::string name_space_;
  const std::string auth_;
  absl::string_view disconnect_reason_;  // Empty: connected.
};

ClientConnection::ClientConnection(EngineSession& session,
                                   SocketHandler& application,
                                   const ClientRules& rules, IdGenerator& ids,
                                   absl::Duration now)
    : session_(session),
      application_(application),
      rules_(rules),
      ids_(ids),
      connect_deadline_(now + rules.connect_timeout) {}

ClientConnection::~ClientConnection() = default;

void ClientConnection::OnText(absl::string_view message) {
  // So that a client that was disconnected can come back in the same turn.
  BuryDisconnected();
  const absl::StatusOr<Packet> packet = DecodePacket(message);
  if (!packet.ok()) return session_.Close("forced close");
  if (packet->type == PacketType::kConnect) return OnConnect(*packet);
  NamespaceSocket* const socket = Find(packet->name_space);
  if (socket == nullptr) return session_.Close("forced close");
  switch (packet->type) {
    case PacketType::kEvent: {
      std::string storage;
      application_.OnEvent(*socket, {.name = EventName(packet->data, &storage),
                                     .arguments = packet->data,
                                     .ack_id = packet->ack_id});
      return;
    }
    case PacketType::kAck:  // We ask for none, so its id is unknown.
      return;
    case PacketType::kDisconnect:
      return socket->Leave("client namespace disconnect");
    default:
      return session_.Close("forced close");
  }
}

void ClientConnection::OnBinary(absl::string_view) {
  // Belongs to a packet with attachments, which is refused already.
  session_.Close("forced close");
}

void ClientConnection::OnConnect(const Packet& packet) {
  if (Find(packet.name_space) != nullptr) {
    return session_.Close("forced close");
  }
  if (rules_.is_namespace && !rules_.is_namespace(packet.name_space)) {
    return RefuseConnect(packet, "Invalid namespace");
  }
  if (sockets_.size() >= kNamespacesPerClientMax) {
    return RefuseConnect(packet, "Too many namespaces");
  }
  if (packet.data.size() > kAuthBytesMax) {
    return RefuseConnect(packet, "Auth payload too large");
  }
  connect_deadline_ = absl::InfiniteDuration();
  sockets_.push_back(std::make_unique<NamespaceSocket>(
      *this, ids_.Next(), packet.name_space, packet.data));
  NamespaceSocket& socket = *sockets_.back();
  const std::string data = absl::StrCat(R"({"sid":")", socket.id(), R"("})");
  socket.Send(MakeFrame(EncodePacket({.type = PacketType::kConnect,
                                      .name_space = packet.name_space,
                                      .data = data})));
  application_.OnConnect(socket);
}

void ClientConnection::RefuseConnect(const Packet& packet,
                                     absl::string_view message) {
  const std::string data = absl::StrCat(R"({"message":)", Quote(message), "}");
  session_.Send(MakeFrame(EncodePacket({.type = PacketType::kConnectError,
                                        .name_space = packet.name_space,
                                        .data = data})));
}

void ClientConnection::OnDrained() {
  for (const auto& socket : sockets_) {
    if (socket->is_connected()) application_.OnDrained(*socket);
  }
}

void ClientConnection::OnTurn() { BuryDisconnected(); }

void ClientConnection::OnClose(absl::string_view reason) {
  for (const auto& socket : sockets_) {
    if (socket->is_connected()) socket->Leave(reason);
  }
  BuryDisconnected();
}

void ClientConnection::OnTick(absl::Duration now) {
  if (now >= connect_deadline_) {
    connect_deadline_ = absl::InfiniteDuration();
    session_.Close("forced close");
  }
}

ClientConnection::NamespaceSocket* ClientConnection::Find(
    absl::string_view name_space) const {
  for (const auto& socket : sockets_) {
    if (socket->name_space() == name_space) return socket.get();
  }
  return nullptr;
}

void ClientConnection::BuryDisconnected() {
  while (any_disconnected_) {  // Telling one may disconnect another.
    any_disconnected_ = false;
    std::vector<std::unique_ptr<NamespaceSocket>> left;
    for (auto& socket : sockets_) {
      if (!socket->is_connected()) left.push_back(std::move(socket));
    }
    sockets_.erase(std::remove(sockets_.begin(), sockets_.end(), nullptr),
                   sockets_.end());
    for (const auto& socket : left) {
      application_.OnDisconnect(*socket, socket->disconnect_reason());
    }
  }
}

}  // namespace roomlog
