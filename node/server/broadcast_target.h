// Whom a broadcast is for.
#ifndef ROOMLOG_NODE_SERVER_BROADCAST_TARGET_H_
#define ROOMLOG_NODE_SERVER_BROADCAST_TARGET_H_

#include <string>
#include <vector>

#include "proto/node_messages.pb.h"

namespace roomlog {

struct BroadcastTarget {
  std::string name_space;
  std::vector<std::string> rooms;  // Or ids of sockets. None: all sockets.
  std::vector<std::string> except;
  bool is_volatile = false;
  bool is_local = false;  // Only the sockets of this server.

  proto::Envelope ToEnvelope() const {
    proto::Envelope envelope;
    envelope.mutable_rooms()->Assign(rooms.begin(), rooms.end());
    envelope.mutable_except()->Assign(except.begin(), except.end());
    envelope.set_volatile_(is_volatile);
    return envelope;
  }
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_BROADCAST_TARGET_H_
