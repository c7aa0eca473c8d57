// A request that waits for its answer.
#ifndef ROOMLOG_NODE_ENGINEIO_HTTP_EXCHANGE_H_
#define ROOMLOG_NODE_ENGINEIO_HTTP_EXCHANGE_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "node/engineio/http_message.h"

namespace roomlog {

class HttpExchange;

// Who keeps an exchange unanswered hears what becomes of it. Each call is the
// last one, unless the owner asks for more.
class ExchangeOwner {
 public:
  virtual ~ExchangeOwner() = default;

  // The body that ReadBody() asked for. The view lasts as long as the call.
  virtual void OnBody(HttpExchange& exchange, absl::string_view body) = 0;
  // It is larger than was asked for. The exchange must still be answered.
  virtual void OnBodyTooLarge(HttpExchange& exchange) = 0;
  // The client has left; there is nobody to answer.
  virtual void OnAborted(HttpExchange& exchange) = 0;
};

// Lives as long as its owner holds it or the client is there. Belongs to one
// loop.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  virtual const HttpRequest& request() const = 0;
  // Whoever keeps the exchange beyond the call that handed it over. Null: no
  // one any more.
  virtual void SetOwner(ExchangeOwner* owner) = 0;
  // Reads the body and gives it to the owner, now or later.
  virtual void ReadBody(size_t bytes_max) = 0;
  // Once, and the last call. The owner hears no more.
  virtual void Answer(HttpAnswer answer) = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_HTTP_EXCHANGE_H_
