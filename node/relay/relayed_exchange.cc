#include "node/relay/relayed_exchange.h"

#include <utility>

#include "node/relay/relayed_headers.h"

namespace roomlog {

RelayedExchange::RelayedExchange(proto::RelayedRequest request,
                                 std::string body, OnAnswer on_answer)
    : relayed_(std::move(request)),
      body_(std::move(body)),
      on_answer_(std::move(on_answer)) {
  request_.method = relayed_.method();
  request_.target = relayed_.target();
  request_.remote_address = relayed_.remote_address();
  request_.is_secure = relayed_.secure();
  for (const std::string& line : relayed_.headers()) {
    const auto [name, value] = HeaderOf(line);
    request_.headers.Add(name, value);
  }
}

void RelayedExchange::Abort() {
  on_answer_ = nullptr;
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->OnAborted(*this);
}

void RelayedExchange::ReadBody(size_t bytes_max) {
  if (body_.size() > bytes_max) return owner_->OnBodyTooLarge(*this);
  owner_->OnBody(*this, body_);
}

void RelayedExchange::Answer(HttpAnswer answer) {
  owner_ = nullptr;
  if (on_answer_) std::exchange(on_answer_, nullptr)(std::move(answer));
}

}  // namespace roomlog
