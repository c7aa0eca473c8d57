// Compressed WebSocket messages (permessage-deflate, RFC 7692), each for
// itself: no message refers to one before it. So a connection keeps no
// dictionary, and a message is compressed once for all who get it.
#ifndef ROOMLOG_NODE_ENGINEIO_MESSAGE_DEFLATE_H_
#define ROOMLOG_NODE_ENGINEIO_MESSAGE_DEFLATE_H_

#include <zlib.h>

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace roomlog {

// What to answer to a client's Sec-WebSocket-Extensions. Empty: it offers
// nothing that we can take.
std::string AcceptDeflate(absl::string_view offers);

// Belongs to one thread.
class MessageDeflater {
 public:
  MessageDeflater();
  ~MessageDeflater();
  MessageDeflater(const MessageDeflater&) = delete;
  MessageDeflater& operator=(const MessageDeflater&) = delete;

  std::string Deflate(absl::string_view message);

 private:
  z_stream stream_ = {};
};

// Belongs to one thread.
class MessageInflater {
 public:
  enum class Result { kDone, kTooLarge, kMalformed };

  MessageInflater();
  ~MessageInflater();
  MessageInflater(const MessageInflater&) = delete;
  MessageInflater& operator=(const MessageInflater&) = delete;

  // Takes memory for `bytes_max` at most, however much the message would hold.
  Result Inflate(absl::string_view packed, size_t bytes_max);
  // Lasts until the next Inflate().
  absl::string_view message() const { return message_; }

 private:
  z_stream stream_ = {};
  std::string message_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_MESSAGE_DEFLATE_H_
