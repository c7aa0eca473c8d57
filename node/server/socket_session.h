// What a socket has besides if its client may come back.
#ifndef ROOMLOG_NODE_SERVER_SOCKET_SESSION_H_
#define ROOMLOG_NODE_SERVER_SOCKET_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/room_key.h"
#include "node/rooms/client_offset.h"
#include "node/server/session_keeper.h"
#include "node/socketio/encoded_packet.h"

namespace roomlog {

// What the program says to one socket goes by the log, in a room that the
// socket joins when there is something to say: see node/rooms/direct_room.h.
struct SocketSession {
  struct Emit {
    EncodedPacket packet;
    std::optional<uint64_t> ack_id;  // Which the packet has in it.
    bool is_volatile = false;
  };
  enum class Direct {
    kOut,
    kJoining,  // What is said meanwhile waits, so as to keep its order.
    kIn,
    kPastTheLog,  // It could not join.
  };

  std::string private_id;
  // When it came back, if it did, it had missed nothing.
  bool resent_nothing = true;

  // As the broker was told last.
  std::string kept_data;
  // The program had it in its hands since.
  bool data_is_touched = false;

  RoomKey direct_room;
  Direct direct = Direct::kOut;
  std::list<Emit> waiting;
  size_t waiting_bytes = 0;

  // Of a client that has come back, until it is let in.
  std::unique_ptr<SessionKeeper::Restored> restored;
  std::optional<ClientOffset> has;
  std::string id_anew;  // Should it have to begin anew.
  // Rooms of `restored` that it is not to be in again; no longer in there.
  std::vector<std::string> given_up;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_SOCKET_SESSION_H_
