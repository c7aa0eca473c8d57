// An HTTP exchange whose client is the test.
#ifndef ROOMLOG_NODE_ENGINEIO_FAKE_EXCHANGE_H_
#define ROOMLOG_NODE_ENGINEIO_FAKE_EXCHANGE_H_

#include <optional>
#include <string>
#include <utility>

#include "node/engineio/http_exchange.h"

namespace roomlog {

class FakeExchange final : public HttpExchange {
 public:
  const HttpRequest& request() const override { return request_; }
  void SetOwner(ExchangeOwner* owner) override { owner_ = owner; }
  void ReadBody(size_t bytes_max) override { bytes_max_ = bytes_max; }
  void Answer(HttpAnswer answer) override {
    answer_ = std::move(answer);
    owner_ = nullptr;
  }

  // Both must outlive this.
  void set_request(absl::string_view method, absl::string_view target) {
    request_.method = method;
    request_.target = target;
  }
  void AddHeader(absl::string_view name, absl::string_view value) {
    request_.headers.Add(name, value);
  }
  // The client sends the body that was asked for, or leaves.
  void Body(absl::string_view body) {
    if (body.size() > *bytes_max_) {
      owner_->OnBodyTooLarge(*this);
    } else {
      owner_->OnBody(*this, body);
    }
  }
  void Abort() { std::exchange(owner_, nullptr)->OnAborted(*this); }

  bool is_answered() const { return answer_.has_value(); }
  bool asks_body() const { return bytes_max_.has_value(); }
  const HttpAnswer& answer() const { return *answer_; }
  // "200 body", or "pending".
  std::string Told() const {
    if (!is_answered()) return "pending";
    return std::to_string(answer_->status) + " " + answer_->body;
  }

 private:
  HttpRequest request_;
  ExchangeOwner* owner_ = nullptr;
  std::optional<size_t> bytes_max_;
  std::optional<HttpAnswer> answer_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_FAKE_EXCHANGE_H_
