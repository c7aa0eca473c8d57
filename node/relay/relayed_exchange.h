// A request that came to another node.
#ifndef ROOMLOG_NODE_RELAY_RELAYED_EXCHANGE_H_
#define ROOMLOG_NODE_RELAY_RELAYED_EXCHANGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "node/engineio/http_exchange.h"
#include "proto/node_messages.pb.h"

namespace roomlog {

// On the node that has the session: there it looks like any other exchange. Its
// body is here already. Belongs to one loop.
class RelayedExchange final : public HttpExchange {
 public:
  using OnAnswer = std::function<void(HttpAnswer answer)>;

  // `body`: all of it. `on_answer` is called once, at most.
  RelayedExchange(proto::RelayedRequest request, std::string body,
                  OnAnswer on_answer);

  // The client has left, or its node.
  void Abort();

  // HttpExchange
  const HttpRequest& request() const override { return request_; }
  void SetOwner(ExchangeOwner* owner) override { owner_ = owner; }
  void ReadBody(size_t bytes_max) override;
  void Answer(HttpAnswer answer) override;

 private:
  const proto::RelayedRequest relayed_;
  const std::string body_;
  OnAnswer on_answer_;  // Null: it is answered, or nobody waits.
  HttpRequest request_;
  ExchangeOwner* owner_ = nullptr;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_RELAY_RELAYED_EXCHANGE_H_
