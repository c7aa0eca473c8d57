// Where the JSON of an event's packet begins.
#ifndef ROOMLOG_BASE_EVENT_ARRAY_H_
#define ROOMLOG_BASE_EVENT_ARRAY_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace roomlog {

// The array of `2["name",...]` or `2/namespace,["name",...]`; empty if it is
// neither. A namespace may hold brackets, and no comma: that ends its name
// (github.com/socketio/socket.io-protocol, "Packet encoding").
inline absl::string_view EventArray(absl::string_view packet) {
  size_t begin = 1;
  if (packet.size() > 1 && packet[1] == '/') {
    const size_t comma = packet.find(',');
    if (comma == absl::string_view::npos) return {};
    begin = comma + 1;
  }
  if (begin >= packet.size() || packet[begin] != '[') return {};
  return packet.substr(begin);
}

}  // namespace roomlog

#endif  // ROOMLOG_BASE_EVENT_ARRAY_H_
