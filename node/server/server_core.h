// What all loops of a server share.
#ifndef ROOMLOG_NODE_SERVER_SERVER_CORE_H_
#define ROOMLOG_NODE_SERVER_SERVER_CORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "node/server/handlers.h"
#include "node/server/loop_port.h"
#include "node/server/presence_change.h"
#include "node/server/recovery_options.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {

class ServerLoop;

// Said to a client before it is disconnected: ({code, message}).
inline constexpr absl::string_view kClosedEvent = "roomlog:closed";

// Where nodes take the answers to what they asked. No client may join it.
inline constexpr absl::string_view kNodeNamespace = "/$node";

// What a program has said about one namespace, or about all those that a
// pattern takes. Does not change once the server runs.
struct NamespaceRules {
  std::optional<Gatekeeper> gatekeeper;
  std::vector<Middleware> middlewares;
  std::vector<ConnectionHandler> on_connection;
  std::vector<SessionExpiredHandler> on_session_expired;
  // By the room that they are about.
  std::vector<std::pair<std::string, PresenceHandler>> on_presence;
  // Of serverSideEmit.
  absl::flat_hash_map<std::string, std::vector<EventHandler>> on_server_event;
};

// Fixed once the first loop runs, so that any thread may read it.
struct ServerCore {
  using Pattern = std::function<bool(absl::string_view name_space)>;
  using Log = std::function<void(absl::string_view line)>;

  struct Loop {
    std::shared_ptr<LoopPort> port;
    ServerLoop* loop = nullptr;
  };

  // The rules of a namespace; null if no client may join it.
  std::shared_ptr<const NamespaceRules> Find(absl::string_view name) const;

  // Calls `task` with the loop that this thread is on, at once, or else soon
  // with the first. False if that cannot be: see LoopPort::Run().
  bool OnSomeLoop(absl::AnyInvocable<void(ServerLoop&) &&> task) const;
  // Calls `task` once with each loop, on its thread.
  void OnEachLoop(const std::function<void(ServerLoop&)>& task) const;

  // Runs a program's handler. What it throws is logged and goes no further; so
  // is a handler that takes longer than `slow_handler_time`. `what` names it.
  // Returns whether it threw nothing.
  bool Guard(absl::string_view what, absl::string_view name_space,
             const Clock& clock, absl::FunctionRef<void()> handler) const;

  std::map<std::string, std::shared_ptr<NamespaceRules>> namespaces;
  std::vector<std::pair<Pattern, std::shared_ptr<NamespaceRules>>> patterns;
  std::vector<Loop> loops;
  uint64_t server_id = 0;  // Drawn at random.
  // Whether events to whole namespaces, and to sockets by their id, are heard.
  bool follow_namespaces = true;
  // Whether sockets go that are dismissed (Namespace::User()), and it is known
  // whose tokens were revoked.
  bool hears_dismissals = false;
  // Unset: no client may come back to what it missed.
  std::optional<RecoveryOptions> recovery;
  absl::Duration slow_handler_time = kSlowHandlerTime;
  Log log;  // Any thread.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_SERVER_CORE_H_
