// What an Engine.IO server may be told.
#ifndef ROOMLOG_NODE_ENGINEIO_ENGINE_OPTIONS_H_
#define ROOMLOG_NODE_ENGINEIO_ENGINE_OPTIONS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/ids.h"
#include "base/limits.h"
#include "node/engineio/cors.h"
#include "node/engineio/engine_session.h"
#include "node/engineio/handshake.h"
#include "node/engineio/http_exchange.h"
#include "node/engineio/session_cookie.h"
#include "node/engineio/tls_context.h"
#include "node/engineio/trusted_proxies.h"

namespace roomlog {

struct Health {
  bool is_healthy = true;
  std::string json = R"({"ok":true})";
};

// Requests that are answered by others than Engine.IO.
struct HttpRoute {
  std::string prefix;  // Of their paths: "/api/".
  // Keeps the exchange, on its loop, until it is answered.
  std::function<void(std::shared_ptr<HttpExchange>, size_t loop_index)> handle;
};

// The other nodes of a cluster whose balancer is not sticky.
struct OtherNodes {
  NodeTag own;  // In the ids of this node's sessions.
  // Answers a request for a session of another node, in its loop of that index.
  std::function<void(size_t loop_index, NodeTag node, size_t its_loop,
                     std::shared_ptr<HttpExchange>)>
      hand_on;
};

// Functions are called on the loop of the connection concerned: with several
// loops, on several threads at once.
struct EngineOptions {
  EngineTimes times;
  std::string path = "/socket.io/";
  size_t message_bytes_max = kClientMessageBytesMax;
  // Event loops, each with its own thread but the first; kLoopsMax at most.
  size_t threads = 1;
  // One more client gets 503.
  size_t clients_max = kClientsMax;
  // As for HttpConnection.
  absl::Duration header_time = kHttpHeaderTime;

  // Who may say, by X-Forwarded-For and X-Forwarded-Proto, where a request came
  // from, and how.
  TrustedProxies trusted_proxies;

  // Who may connect, and how.
  HandshakeRules handshake;
  bool allows_upgrades = true;
  // Unset: nothing is said of origins, so browsers let only pages from here
  // read answers. WebSockets know no such rule: see HandshakeRules.
  std::optional<CorsOptions> cors;
  std::optional<CookieOptions> cookie;
  // Answers to polls are compressed for who takes it.
  bool compresses_polling = true;
  // Messages on WebSockets are compressed for who takes it (RFC 7692).
  bool compresses_websocket = false;
  std::optional<TlsOptions> tls;

  // Where socket.io.js and its kin lie; served below `path`. Empty: they are
  // not.
  std::string client_directory;
  // Served below "/". Empty: nothing is.
  std::string static_directory;
  // Unset: a session of another node is unknown.
  std::optional<OtherNodes> other_nodes;
  // Asked before `static_directory`.
  std::vector<HttpRoute> routes;
  // What `/healthz` says: 200, or 503 if it is not healthy.
  std::function<Health()> health;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_ENGINE_OPTIONS_H_
