#include "test/sim/simulated_connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/limits.h"

namespace roomlog {
namespace {

constexpr absl::Duration kLatencyMax = absl::Milliseconds(20);
// How soon a client notices that the node's process is gone.
constexpr absl::Duration kResetMax = absl::Milliseconds(50);
// Events in a simulation are small and few. What waits counts so many times
// what it is, so that a slow client reaches its bounds.
constexpr size_t kWeight = 200;

}  // namespace

SimulatedConnection::SimulatedConnection(uint64_t serial, uint64_t seed,
                                         std::string id, std::string auth,
                                         Client& client, Edge& edge,
                                         FakeClock& clock, EventQueue& events,
                                         bool is_queue_ignored)
    : serial_(serial),
      random_(seed),
      id_(std::move(id)),
      auth_(std::move(auth)),
      client_(&client),
      edge_(&edge),
      clock_(clock),
      events_(events),
      is_queue_ignored_(is_queue_ignored),
      last_to_client_(clock.Steady()),
      last_to_edge_(clock.Steady()) {}

absl::Duration SimulatedConnection::Arrival(absl::Duration* last) {
  const absl::Duration arrival =
      clock_.Steady() +
      kLatencyMax * std::uniform_real_distribution<>()(random_);
  return *last = std::max(*last, arrival);
}

void SimulatedConnection::Later(absl::Duration when,
                                std::function<void()> what) {
  events_.At(when,
             [self = shared_from_this(), what = std::move(what)] { what(); });
}

void SimulatedConnection::Say(ClientPacket packet) {
  if (is_cut_) return;
  Later(Arrival(&last_to_edge_), [this, packet = std::move(packet)] {
    if (!is_cut_ && edge_ != nullptr) edge_->OnPacket(*this, packet);
  });
}

void SimulatedConnection::Write(std::string packet) {
  if (is_cut_ && reads_) return;
  if (reads_) {
    Carry(std::move(packet));
    return;
  }
  queued_bytes_ += (packet.size() + kQueuedFrameOverheadBytes) * kWeight;
  queue_.push_back(std::move(packet));
  if (queued_bytes_ <= kClientBufferBytesHardMax || is_queue_ignored_) return;
  if (!is_cut_) return Cut(absl::ZeroDuration(), kLatencyMax);
  // The node, which has not noticed that it is cut, closes it.
  Later(clock_.Steady(), [this] {
    if (edge_ != nullptr) edge_->OnCut(*this, "forced close");
  });
}

void SimulatedConnection::Carry(std::string packet) {
  Later(Arrival(&last_to_client_), [this, packet = std::move(packet)] {
    if (is_cut_ || client_ == nullptr) return;
    if (packet != kPing) return client_->OnPacket(packet);
    Later(Arrival(&last_to_edge_), [this] {
      if (!is_cut_ && edge_ != nullptr) edge_->OnAllHeard(*this);
    });
  });
}

void SimulatedConnection::Read() {
  reads_ = true;
  if (is_cut_) return;
  for (std::string& packet : std::exchange(queue_, {})) {
    Carry(std::move(packet));
  }
  const bool was_queued = queued_bytes_ > 0;
  queued_bytes_ = 0;
  if (!was_queued) return;
  Later(clock_.Steady(), [this] {
    if (!is_cut_ && edge_ != nullptr && queued_bytes_ == 0) {
      edge_->OnDrained(*this);
    }
  });
}

void SimulatedConnection::Cut(absl::Duration edge_notices,
                              absl::Duration client_notices) {
  if (is_cut_) return;
  is_cut_ = true;
  Later(clock_.Steady() + edge_notices, [this, edge_notices] {
    if (edge_ == nullptr) return;
    edge_->OnCut(*this, edge_notices > absl::Seconds(5) ? "ping timeout"
                                                        : "transport close");
  });
  Later(clock_.Steady() + client_notices, [this] {
    if (Client* const client = std::exchange(client_, nullptr)) {
      client->OnClosed();
    }
  });
}

void SimulatedConnection::LoseEdge() {
  edge_ = nullptr;
  Cut(absl::ZeroDuration(),
      kResetMax * std::uniform_real_distribution<>()(random_));
}

void SimulatedConnection::Accept(absl::string_view private_id) {
  std::string packet = absl::StrCat("0{\"sid\":\"", id_, "\"");
  if (!private_id.empty()) {
    absl::StrAppend(&packet, ",\"pid\":\"", private_id, "\"");
  }
  packet.push_back('}');
  Write(std::move(packet));
}

void SimulatedConnection::Refuse(absl::string_view message, absl::string_view) {
  Write(absl::StrCat("4{\"message\":\"", message, "\"}"));
  edge_ = nullptr;
}

void SimulatedConnection::Send(SharedFramePtr frame) {
  // Without Engine.IO's packet type.
  Write(std::string(frame->payload().substr(frame->is_binary() ? 0 : 1)));
}

void SimulatedConnection::Acknowledge(uint64_t ack_id,
                                      absl::string_view arguments) {
  Write(absl::StrCat("3", ack_id, arguments));
}

void SimulatedConnection::CutOff() {
  // After what was sent: it is on its way.
  Later(Arrival(&last_to_client_),
        [this] { Cut(absl::ZeroDuration(), kLatencyMax); });
}

void SimulatedConnection::Disconnect() {
  Cut(absl::ZeroDuration(), kLatencyMax);
}

}  // namespace roomlog
