// One client of a measured server: a WebSocket that sends and counts, with no
// more than that takes.
#ifndef ROOMLOG_BENCH_EDGE_LOAD_SOCKET_H_
#define ROOMLOG_BENCH_EDGE_LOAD_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace roomlog {

// What is spoken on top of WebSocket.
enum class LoadProtocol {
  kRaw,       // Nothing.
  kEngineIo,  // A message is a packet of type 4.
  kSocketIo,  // A message is an event, or its acknowledgement.
};

// Ends the program if the server does what it must not: a figure would say
// nothing.
class LoadSocket {
 public:
  // Connects and sends the handshake.
  LoadSocket(uint16_t port, LoadProtocol protocol);
  ~LoadSocket();
  LoadSocket(const LoadSocket&) = delete;

  int descriptor() const { return descriptor_; }
  // The server has said all that it says of itself, so messages may be sent.
  bool is_ready() const { return is_ready_; }
  // Messages that came since the last call; reads what there is, without
  // waiting.
  size_t Read();
  // Sends bytes that are frames already.
  void Send(absl::string_view wire);

  // A client's frame, masked with zeros, of a message with that text.
  static std::string Frame(absl::string_view text);

 private:
  void TakeHead();
  size_t TakeFrames();
  size_t TakeMessage(absl::string_view text);

  const LoadProtocol protocol_;
  int descriptor_ = -1;
  bool is_upgraded_ = false;
  bool is_ready_ = false;
  std::string pending_;
};

[[noreturn]] void Die(absl::string_view why);

}  // namespace roomlog

#endif  // ROOMLOG_BENCH_EDGE_LOAD_SOCKET_H_
