#include "test/fakes/fake_socket.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace roomlog {

void FakeSocket::Read(SocketWireHandler& handler) {
  reads_ = true;
  const bool held_back = queued_bytes_ > 0;
  queued_bytes_ = 0;
  if (held_back) handler.OnDrained(*this);
}

void FakeSocket::Accept(absl::string_view private_id) {
  accepted_ = true;
  private_id_ = std::string(private_id);
  before_connect_ = sent_;
}

void FakeSocket::Send(SharedFramePtr frame) {
  if (disconnected_) return;  // As on the wire.
  if (!reads_) queued_bytes_ += frame->wire().size();
  // Without Engine.IO's packet type.
  sent_.emplace_back(frame->payload().substr(frame->is_binary() ? 0 : 1));
  frames_.push_back(std::move(frame));
}

void FakeSocket::Acknowledge(uint64_t ack_id, absl::string_view arguments) {
  if (!reads_) queued_bytes_ += arguments.size();
  sent_.push_back(absl::StrCat(ack_id, arguments));
}

}  // namespace roomlog
