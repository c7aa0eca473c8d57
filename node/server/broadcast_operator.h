// io.To("room").Except("other").Emit("event", 1, 2): many sockets at once.
#ifndef ROOMLOG_NODE_SERVER_BROADCAST_OPERATOR_H_
#define ROOMLOG_NODE_SERVER_BROADCAST_OPERATOR_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "node/server/broadcast_target.h"
#include "node/server/emit_arguments.h"
#include "node/server/remote_socket.h"
#include "node/server/server_core.h"

namespace roomlog {

// A choice of sockets of one namespace, in the whole cluster, and what may be
// done with them. Every method that narrows the choice returns a new one. Any
// thread may call.
//
// What is emitted goes by the log: every socket meant gets it once, and all of
// them in one order with whatever else is said in the namespace. So it comes
// back to this server's own sockets a moment later, and who has left the room
// by then does not get it. What cannot be said at all (a reserved event name,
// more than 10 attachments, text that is not UTF-8, more than kPacketBytesMax)
// is logged, and nothing is sent.
class BroadcastOperator {
 public:
  BroadcastOperator(std::shared_ptr<const ServerCore> core,
                    std::string name_space);

  // Sockets in any of the rooms. A socket's id is a room that it alone is in.
  BroadcastOperator To(absl::string_view room) const;
  BroadcastOperator To(const std::vector<std::string>& rooms) const;
  BroadcastOperator In(absl::string_view room) const { return To(room); }
  // Not those in any of these rooms.
  BroadcastOperator Except(absl::string_view room) const;
  BroadcastOperator Except(const std::vector<std::string>& rooms) const;
  // Not kept, and not queued for clients that do not keep up: may be lost.
  BroadcastOperator Volatile() const;
  // Only sockets of this server, and at once: not in one order with the rest.
  BroadcastOperator Local() const;
  // How long acknowledgements, and answers of other nodes, are waited for.
  // kClusterRequestTime if not given.
  BroadcastOperator Timeout(absl::Duration timeout) const;

  // Arguments are anything that a Value can be made of. If the last is a
  // function (see AcksDone), the clients are asked to acknowledge, and it is
  // called on a loop's thread once all have or the time is over. Such an event
  // is not kept in the log.
  template <typename... Arguments>
  void Emit(absl::string_view event, Arguments&&... arguments) const {
    EmitArguments<AcksDone> taken =
        TakeEmitArguments<AcksDone>(std::forward<Arguments>(arguments)...);
    EmitValues(event, std::move(taken.values), std::move(taken.done));
  }
  void EmitValues(absl::string_view event, Values values,
                  AcksDone done = nullptr) const;

  // Finds the sockets; `done` is called on a loop's thread.
  void FetchSockets(FetchDone done) const;

  // These are in one order with events: what is emitted to the room after
  // SocketsJoin() reaches those who were joined.
  void SocketsJoin(const std::vector<std::string>& rooms) const;
  void SocketsLeave(const std::vector<std::string>& rooms) const;
  // With `close`, their whole connections.
  void DisconnectSockets(bool close = false) const;

 private:
  void Control(proto::Envelope envelope) const;

  std::shared_ptr<const ServerCore> core_;
  BroadcastTarget target_;
  absl::Duration timeout_ = kClusterRequestTime;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_BROADCAST_OPERATOR_H_
