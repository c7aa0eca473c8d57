// The shapes that a program's handlers may have.
#ifndef ROOMLOG_NODE_SERVER_HANDLERS_H_
#define ROOMLOG_NODE_SERVER_HANDLERS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"
#include "node/server/ack.h"
#include "node/socketio/args.h"

namespace roomlog {

class Socket;
struct ExpiredSession;

using EventHandler = std::function<void(const Args& args, const Ack& ack)>;
using AnyHandler = std::function<void(absl::string_view event, const Args& args,
                                      const Ack& ack)>;
using ConnectionHandler = std::function<void(Socket& socket)>;
using SessionExpiredHandler =
    std::function<void(const ExpiredSession& session)>;
using DisconnectHandler = std::function<void(absl::string_view reason)>;

// Takes handlers of (args, ack), of (args), and of nothing.
template <typename F>
EventHandler MakeEventHandler(F handler) {
  if constexpr (std::is_invocable_v<F&, const Args&, const Ack&>) {
    return handler;
  } else if constexpr (std::is_invocable_v<F&, const Args&>) {
    return [handler = std::move(handler)](
               const Args& args, const Ack&) mutable { handler(args); };
  } else {
    return [handler = std::move(handler)](const Args&, const Ack&) mutable {
      handler();
    };
  }
}

// Takes handlers of (event, args, ack), and of (event, args).
template <typename F>
AnyHandler MakeAnyHandler(F handler) {
  if constexpr (std::is_invocable_v<F&, absl::string_view, const Args&,
                                    const Ack&>) {
    return handler;
  } else {
    return [handler = std::move(handler)](
               absl::string_view event, const Args& args, const Ack&) mutable {
      handler(event, args);
    };
  }
}

// What a middleware calls when it is done with a client: now or later, once,
// from any thread.
class Next {
 public:
  struct Refusal {
    std::string message;
    std::optional<Value> data;
  };
  using Go = std::function<void(std::optional<Refusal>)>;

  explicit Next(Go go) : go_(std::make_shared<Go>(std::move(go))) {}

  // On to the next middleware, or into the namespace.
  void operator()() const { (*go_)(std::nullopt); }
  // Refuses the client, which hears `connect_error` with this message.
  void operator()(std::string message) const {
    (*go_)(Refusal{std::move(message), std::nullopt});
  }
  void operator()(std::string message, Value data) const {
    (*go_)(Refusal{std::move(message), std::move(data)});
  }

 private:
  std::shared_ptr<Go> go_;
};

using Middleware = std::function<void(Socket& socket, const Next& next)>;

// Who finds out whose client it is, and whether it may come in at all. On any
// loop's thread.
struct Gatekeeper {
  // The user by what came with the client's CONNECT; empty: nobody knows. Asked
  // before a client gets back a session, which it does as its user only.
  std::function<std::string(const Value& auth)> user_of;
  // A middleware that comes before all others, for clients that come back too.
  // It sets the socket's user.
  Middleware admit;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_HANDLERS_H_
