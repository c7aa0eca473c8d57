// A Socket.IO client as its application sees it, which keeps all it was told.
#ifndef ROOMLOG_TEST_FAKES_FAKE_SOCKET_H_
#define ROOMLOG_TEST_FAKES_FAKE_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "node/socketio/socket.h"

namespace roomlog {

class FakeSocket final : public Socket {
 public:
  explicit FakeSocket(std::string id, std::string name_space = "/")
      : id_(std::move(id)), name_space_(std::move(name_space)) {}

  // Everything since the last call, in order: packets as they are, and
  // acknowledgements as `<ack id><arguments>`, such as `7[{"ok":true}]`.
  std::vector<std::string> TakeSent() { return std::exchange(sent_, {}); }
  // The frames of TakeSent() that were packets.
  const std::vector<SharedFramePtr>& frames() const { return frames_; }

  // While the client does not read, what it is sent queues up.
  void StopReading() { reads_ = false; }
  // Reads all there is, and on.
  void Read(SocketHandler& handler);
  void QueueBytes(size_t bytes) { queued_bytes_ += bytes; }

  bool disconnected() const { return disconnected_; }

  const std::string& id() const override { return id_; }
  const std::string& name_space() const override { return name_space_; }
  absl::string_view auth() const override { return "{}"; }
  void Send(SharedFramePtr frame) override;
  void Acknowledge(uint64_t ack_id, absl::string_view arguments) override;
  size_t queued_bytes() const override { return queued_bytes_; }
  void Disconnect() override { disconnected_ = true; }

 private:
  const std::string id_;
  const std::string name_space_;
  std::vector<std::string> sent_;
  std::vector<SharedFramePtr> frames_;
  bool reads_ = true;
  size_t queued_bytes_ = 0;
  bool disconnected_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_FAKES_FAKE_SOCKET_H_
