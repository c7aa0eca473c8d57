// The HTTP API: what backends in any language may do to rooms.
#ifndef ROOMLOG_NODE_API_HTTP_API_H_
#define ROOMLOG_NODE_API_HTTP_API_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "node/api/api_keys.h"
#include "node/api/api_request.h"
#include "node/engineio/http_exchange.h"
#include "node/server/server.h"

namespace roomlog {

// docs/http-api.md says what may be asked. A program on the library, like any
// other. Must outlive the server.
class HttpApi {
 public:
  using Keys = std::function<std::shared_ptr<const ApiKeys>()>;

  // `keys`, called on any loop, gives those that count now; null, or if it
  // gives none: the API is off, and says so.
  explicit HttpApi(Keys keys) : keys_(std::move(keys)) {}

  // To be given to the server: its requests below kApiPrefix come here.
  HttpRoute Route();
  // Before the server starts.
  void Serve(Server& server) { server_ = &server; }

 private:
  class Call;
  using CallPtr = std::shared_ptr<Call>;

  void Handle(std::shared_ptr<HttpExchange> exchange);
  std::shared_ptr<const ApiAccess> AccessOf(const HttpRequest& request) const;

  void Do(const CallPtr& call, ApiRequest request);
  void On(const CallPtr& call, ClientPublish publish);
  void On(const CallPtr& call, ApiBatch batch);
  void On(const CallPtr& call, ClientHistory history);
  void On(const CallPtr& call, ClientPresence presence);
  void On(const CallPtr& call, ApiRooms rooms);
  void On(const CallPtr& call, ApiUserState request);
  void On(const CallPtr& call, ApiDismissal dismissal);
  void On(const CallPtr& call, ApiDescription);
  void On(const CallPtr& call, ApiError error);

  const Keys keys_;
  Server* server_ = nullptr;
  std::atomic<size_t> unanswered_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_API_HTTP_API_H_
