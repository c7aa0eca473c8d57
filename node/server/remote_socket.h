// A socket of any node of the cluster, as FetchSockets() found it.
#ifndef ROOMLOG_NODE_SERVER_REMOTE_SOCKET_H_
#define ROOMLOG_NODE_SERVER_REMOTE_SOCKET_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "node/socketio/value.h"

namespace roomlog {

// How it was at that moment. To say something to it, use
// namespace.To(socket.id), which works wherever it is.
struct RemoteSocket {
  std::string id;
  std::vector<std::string> rooms;  // Its id among them.
  Value data;
  // Of its handshake.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string address;
  std::string url;
  absl::Time issued;
  bool secure = false;
  Value auth;
};

// DEADLINE_EXCEEDED if not all nodes answered in time; `sockets` are then those
// of the others.
using FetchDone = std::function<void(const absl::Status& status,
                                     const std::vector<RemoteSocket>& sockets)>;

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_REMOTE_SOCKET_H_
