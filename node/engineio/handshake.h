// What a request to the Engine.IO path asks for, and what it gets if it may
// not.
#ifndef ROOMLOG_NODE_ENGINEIO_HANDSHAKE_H_
#define ROOMLOG_NODE_ENGINEIO_HANDSHAKE_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "node/engineio/http_message.h"

namespace roomlog {

struct HandshakeRules {
  bool allows_polling = true;
  bool allows_websocket = true;
  // Origins that may connect, as "https://example.org". Empty: any. A request
  // without an origin does not come from a web page and is let in.
  std::vector<std::string> allowed_origins;
  // Whether this may become a session: nothing, or the message with which it is
  // refused. Called on the loop of the connection, so on any loop's thread.
  std::function<std::optional<std::string>(const HttpRequest&)> allow_request;
};

// What carries the session of an id.
enum class CarriedBy { kNoSuchSession, kPolling, kWebSocket };

struct Verdict {
  enum class Kind {
    kRefused,
    kOpenPolling,
    kOpenWebSocket,
    kPoll,
    kPost,
    kUpgrade,    // A WebSocket for a session that there is.
    kMisfit,     // A WebSocket that is closed as soon as it is open.
    kBadMethod,  // Of a session's request.
  };
  Kind kind = Kind::kRefused;
  // The refusal, or the 101 of a WebSocket.
  HttpAnswer answer;
};

// The session that a request names. Empty: none.
std::string SessionIdOf(const HttpRequest& request);

// Checks in the official server's order, and refuses in its words.
Verdict JudgeRequest(const HttpRequest& request, const HandshakeRules& rules,
                     CarriedBy carried_by);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_HANDSHAKE_H_
