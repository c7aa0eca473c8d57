#include "node/socketio/client_connection.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/json.h"

namespace roomlog {

class ClientConnection::NamespaceSocket final : public SocketWire {
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
  const HandshakeInfo& handshake() const override {
    return connection_.session_.handshake();
  }

  bool is_breakable() const override {
    return connection_.session_.is_breakable();
  }

  void TakeId(std::string id) override {
    assert(!accepted_);
    id_ = std::move(id);
  }

  void Accept(absl::string_view private_id) override {
    if (!is_here() || accepted_) return;
    accepted_ = true;
    connection_.connect_deadline_ = absl::InfiniteDuration();
    std::string data = absl::StrCat(R"({"sid":")", id_, "\"");
    if (!private_id.empty()) {
      absl::StrAppend(&data, R"(,"pid":")", private_id, "\"");
    }
    data.push_back('}');
    Send(MakeFrame(EncodePacket({.type = PacketType::kConnect,
                                 .name_space = name_space_,
                                 .data = data})));
  }

  void Refuse(absl::string_view message, absl::string_view data) override {
    if (!is_here() || accepted_) return;
    connection_.RefuseConnect(name_space_, message, data);
    refused_ = true;
    Leave("refused");
  }

  void Send(SharedFramePtr frame) override {
    if (is_here()) connection_.session_.Send(std::move(frame));
  }

  void SendAll(absl::Span<const SharedFramePtr> frames) override {
    if (is_here()) connection_.session_.SendAll(frames);
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
    if (!is_here() || !accepted_) return;
    Send(MakeFrame(EncodePacket(
        {.type = PacketType::kDisconnect, .name_space = name_space_})));
    Leave("server namespace disconnect");
  }

  void DisconnectClient() override { connection_.DisconnectAll(); }

  void AskIfHeard() override {
    asks_if_heard_ = true;
    connection_.session_.AskIfHeard();
  }

  void CutOff() override { connection_.session_.Close("forced close"); }

  // Nothing more is sent or heard; the handler is told later.
  void Leave(absl::string_view reason) {
    leave_reason_ = reason;
    connection_.any_left_ = true;
    connection_.session_.WantTurn();
  }

  // Whether it is to hear that the client has heard all.
  bool TakeAsked() { return is_here() && std::exchange(asks_if_heard_, false); }

  bool is_here() const { return leave_reason_.empty(); }
  bool is_connected() const { return is_here() && accepted_; }
  bool was_refused() const { return refused_; }
  absl::string_view leave_reason() const { return leave_reason_; }

 private:
  ClientConnection& connection_;
  std::string id_;
  const std::string name_space_;
  const std::string auth_;
  bool accepted_ = false;
  bool refused_ = false;
  bool asks_if_heard_ = false;
  absl::string_view leave_reason_;  // Empty: here.
};

ClientConnection::ClientConnection(EngineSession& session,
                                   SocketWireHandler& handler,
                                   const ClientRules& rules, IdGenerator& ids,
                                   absl::Duration now)
    : session_(session),
      handler_(handler),
      rules_(rules),
      ids_(ids),
      connect_deadline_(now + rules.connect_timeout) {}

ClientConnection::~ClientConnection() = default;

void ClientConnection::OnText(absl::string_view message) {
  OnMessage(assembler_.OnText(message));
}

void ClientConnection::OnBinary(absl::string_view message) {
  OnMessage(assembler_.OnBinary(message));
}

void ClientConnection::OnMessage(const absl::StatusOr<bool>& is_whole) {
  if (!is_whole.ok()) return session_.Close("forced close");
  if (!*is_whole) return;
  // So that a client that was disconnected can come back in the same turn.
  BuryLeft();
  const Packet& packet = assembler_.packet();
  if (packet.type == PacketType::kConnect) return OnConnect(packet);
  NamespaceSocket* const socket = Find(packet.name_space);
  if (socket == nullptr || !socket->is_connected()) {
    return session_.Close("forced close");
  }
  switch (packet.type) {
    case PacketType::kEvent: {
      std::string storage;
      handler_.OnEvent(*socket, {.name = EventName(packet.data, &storage),
                                 .arguments = packet.data,
                                 .ack_id = packet.ack_id,
                                 .attachments = assembler_.attachments()});
      return;
    }
    case PacketType::kAck:
      if (!packet.ack_id.has_value()) return;
      handler_.OnAck(*socket, {.id = *packet.ack_id,
                               .arguments = packet.data,
                               .attachments = assembler_.attachments()});
      return;
    case PacketType::kDisconnect:
      return socket->Leave("client namespace disconnect");
    default:
      return session_.Close("forced close");
  }
}

void ClientConnection::OnConnect(const Packet& packet) {
  if (Find(packet.name_space) != nullptr) {
    return session_.Close("forced close");
  }
  if (rules_.is_namespace && !rules_.is_namespace(packet.name_space)) {
    return RefuseConnect(packet.name_space, "Invalid namespace");
  }
  if (sockets_.size() >= kNamespacesPerClientMax) {
    return RefuseConnect(packet.name_space, "Too many namespaces");
  }
  if (packet.data.size() > kAuthBytesMax) {
    return RefuseConnect(packet.name_space, "Auth payload too large");
  }
  sockets_.push_back(std::make_unique<NamespaceSocket>(
      *this, ids_.Next(), packet.name_space, packet.data));
  handler_.OnConnect(*sockets_.back());
}

void ClientConnection::RefuseConnect(absl::string_view name_space,
                                     absl::string_view message,
                                     absl::string_view data) {
  std::string json = absl::StrCat(R"({"message":)", Quote(message));
  if (!data.empty()) absl::StrAppend(&json, R"(,"data":)", data);
  json.push_back('}');
  session_.Send(MakeFrame(EncodePacket({.type = PacketType::kConnectError,
                                        .name_space = name_space,
                                        .data = json})));
}

void ClientConnection::DisconnectAll() {
  for (const auto& socket : sockets_) socket->Disconnect();
  session_.Close("forced server close");
}

void ClientConnection::OnDrained() {
  for (const auto& socket : sockets_) {
    if (socket->is_connected()) handler_.OnDrained(*socket);
  }
}

void ClientConnection::OnAllHeard() {
  for (const auto& socket : sockets_) {
    if (socket->TakeAsked()) handler_.OnAllHeard(*socket);
  }
}

void ClientConnection::OnTurn() { BuryLeft(); }

void ClientConnection::OnClose(absl::string_view reason) {
  for (const auto& socket : sockets_) {
    if (socket->is_here()) socket->Leave(reason);
  }
  BuryLeft();
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

void ClientConnection::BuryLeft() {
  while (any_left_) {  // Telling one may disconnect another.
    any_left_ = false;
    std::vector<std::unique_ptr<NamespaceSocket>> left;
    for (auto& socket : sockets_) {
      if (!socket->is_here()) left.push_back(std::move(socket));
    }
    sockets_.erase(std::remove(sockets_.begin(), sockets_.end(), nullptr),
                   sockets_.end());
    for (const auto& socket : left) {
      if (socket->was_refused()) continue;
      handler_.OnDisconnect(*socket, socket->leave_reason());
    }
  }
}

}  // namespace roomlog
