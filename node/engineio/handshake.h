// Whether a request may begin an Engine.IO session, and what it gets if not.
#ifndef ROOMLOG_NODE_ENGINEIO_HANDSHAKE_H_
#define ROOMLOG_NODE_ENGINEIO_HANDSHAKE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "node/engineio/http_message.h"

namespace roomlog {

struct HandshakeRules {
  // Origins that may connect, as "https://example.org". Empty: any. A request
  // without an origin does not come from a web page and is let in.
  std::vector<std::string> allowed_origins;
  std::function<bool(absl::string_view id)> is_session;
};

// Answers a request to the Engine.IO path: 101 if it may go on as a WebSocket,
// else the error that the official server gives, found in the same order.
HttpAnswer AnswerHandshake(const HttpRequest& request,
                           const HandshakeRules& rules);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_HANDSHAKE_H_
