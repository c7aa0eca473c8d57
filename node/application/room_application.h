// The ready-made room application: join, leave, publish and history for
// Socket.IO clients, on any node alike. A program on the library, like any
// other.
#ifndef ROOMLOG_NODE_APPLICATION_ROOM_APPLICATION_H_
#define ROOMLOG_NODE_APPLICATION_ROOM_APPLICATION_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "node/application/access.h"
#include "node/application/answer.h"
#include "node/application/request.h"
#include "node/server/namespace.h"
#include "node/server/socket.h"

namespace roomlog {

// docs/client-api.md says what clients may ask, and what they may rely on. Has
// no state but what each socket's handlers keep, so any number of loops may
// call it at once.
class RoomApplication {
 public:
  // `node_name` is what `node` answers. `access`, which must outlive this, says
  // what clients may do; null: everything.
  explicit RoomApplication(std::string node_name,
                           AccessRules* access = nullptr);

  // Serves the clients of a namespace, or of all that a pattern takes. Must
  // outlive the server.
  void Serve(Namespace name_space);

 private:
  struct Client;
  using ClientPtr = std::shared_ptr<Client>;

  void Watch(const ClientPtr& client, const Ack& ack,
             ClientPresence presence) const;
  void TellPresence(const ClientPtr& client, const Namespace& name_space,
                    const Ack& ack, ClientPresence presence) const;

  void ChangeUserState(const ClientPtr& client, const User& user,
                       const Ack& ack, ClientUserState state) const;
  void TellUserState(const ClientPtr& client, const User& user,
                     const Ack& ack) const;

  void On(const ClientPtr& client, const Ack& ack, ClientJoin join) const;
  void On(const ClientPtr& client, const Ack& ack, ClientLeave leave) const;
  void On(const ClientPtr& client, const Ack& ack, ClientPublish publish) const;
  void On(const ClientPtr& client, const Ack& ack, ClientHistory history) const;
  void On(const ClientPtr& client, const Ack& ack,
          ClientPresence presence) const;
  void On(const ClientPtr& client, const Ack& ack, ClientUserState state) const;
  void On(const ClientPtr& client, const Ack& ack, ClientNode node) const;
  void On(const ClientPtr& client, const Ack& ack, Refusal refusal) const;

  const std::string node_name_;
  AccessRules* const access_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_APPLICATION_ROOM_APPLICATION_H_
