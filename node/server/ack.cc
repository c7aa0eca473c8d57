#include "node/server/ack.h"

#include <atomic>

namespace roomlog {

struct Ack::State {
  std::atomic<bool> is_sent = false;
  Send send;
};

Ack::Ack(Send send) : state_(std::make_shared<State>()) {
  state_->send = std::move(send);
}

void Ack::SendValues(Values values) const {
  if (state_ == nullptr || state_->is_sent.exchange(true)) return;
  state_->send(std::move(values));
}

void Ack::SendJson(std::string array) const {
  if (state_ == nullptr || state_->is_sent.exchange(true)) return;
  state_->send(Json{std::move(array)});
}

bool Ack::is_wanted() const { return state_ != nullptr && !state_->is_sent; }

}  // namespace roomlog
