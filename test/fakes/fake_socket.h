// A Socket.IO client as its application sees it, which keeps all it was told.
#ifndef ROOMLOG_TEST_FAKES_FAKE_SOCKET_H_
#define ROOMLOG_TEST_FAKES_FAKE_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "node/socketio/socket_wire.h"

namespace roomlog {

class FakeSocket final : public SocketWire {
 public:
  explicit FakeSocket(std::string id, std::string name_space = "/")
      : id_(std::move(id)), name_space_(std::move(name_space)) {}

  // What came with its CONNECT: a JSON object.
  void set_auth(std::string json) { auth_ = std::move(json); }
  void set_breakable(bool is_breakable) { is_breakable_ = is_breakable; }

  // Everything since the last call, in order: packets as they are, bytes
  // as such, and acknowledgements as `<ack id><arguments>`, such as
  // `7[{"ok":true}]`.
  std::vector<std::string> TakeSent() { return std::exchange(sent_, {}); }
  // The frames of TakeSent() that were packets.
  const std::vector<SharedFramePtr>& frames() const { return frames_; }

  // While the client does not read, what it is sent queues up.
  void StopReading() { reads_ = false; }
  // Reads all there is, and on.
  void Read(SocketWireHandler& handler);
  void QueueBytes(size_t bytes) { queued_bytes_ += bytes; }

  bool disconnected() const { return disconnected_; }
  bool accepted() const { return accepted_; }
  bool is_cut_off() const { return is_cut_off_; }
  bool asks_if_heard() const { return asks_if_heard_; }
  // Of its CONNECT; empty if it was given none.
  const std::string& private_id() const { return private_id_; }
  // The events that came before the answer to CONNECT.
  const std::vector<std::string>& before_connect() const {
    return before_connect_;
  }
  // The message it was refused with, and the data.
  const std::string& refusal() const { return refusal_; }

  const std::string& id() const override { return id_; }
  const std::string& name_space() const override { return name_space_; }
  absl::string_view auth() const override { return auth_; }
  void Send(SharedFramePtr frame) override;
  void Acknowledge(uint64_t ack_id, absl::string_view arguments) override;
  size_t queued_bytes() const override { return queued_bytes_; }
  const HandshakeInfo& handshake() const override { return handshake_; }
  bool is_breakable() const override { return is_breakable_; }
  void TakeId(std::string id) override { id_ = std::move(id); }
  void Accept(absl::string_view private_id) override;
  void Refuse(absl::string_view message, absl::string_view data) override {
    refusal_ = std::string(message) + std::string(data);
  }
  void Disconnect() override { disconnected_ = true; }
  void DisconnectClient() override { disconnected_ = true; }
  void AskIfHeard() override { asks_if_heard_ = true; }
  void CutOff() override { is_cut_off_ = true; }

 private:
  std::string id_;
  const std::string name_space_;
  std::vector<std::string> sent_;
  std::vector<SharedFramePtr> frames_;
  bool reads_ = true;
  size_t queued_bytes_ = 0;
  bool disconnected_ = false;
  bool accepted_ = false;
  bool is_cut_off_ = false;
  bool asks_if_heard_ = false;
  bool is_breakable_ = true;
  std::string auth_ = "{}";
  std::string private_id_;
  std::vector<std::string> before_connect_;
  std::string refusal_;
  HandshakeInfo handshake_;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_FAKES_FAKE_SOCKET_H_
