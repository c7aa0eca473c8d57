#include "bench/edge/load_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace roomlog {

void Die(absl::string_view why) {
  std::fprintf(stderr, "%.*s (%s)\n", static_cast<int>(why.size()), why.data(),
               std::strerror(errno));
  std::exit(1);
}

LoadSocket::LoadSocket(uint16_t port, LoadProtocol protocol)
    : protocol_(protocol) {
  descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (descriptor_ < 0 ||
      connect(descriptor_, reinterpret_cast<sockaddr*>(&address),
              sizeof(address)) != 0) {
    Die("cannot connect");
  }
  const int on = 1;
  setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const absl::string_view path = protocol == LoadProtocol::kRaw ? "/"
                                 : protocol == LoadProtocol::kEngineIo
                                     ? "/engine.io/?EIO=4&transport=websocket"
                                     : "/socket.io/?EIO=4&transport=websocket";
  Send(absl::StrCat("GET ", path,
                    " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
}

LoadSocket::~LoadSocket() {
  // Without a wait for what the other side still has to say.
  const linger now = {1, 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(descriptor_);
}

std::string LoadSocket::Frame(absl::string_view text) {
  std::string frame = "\x81";
  if (text.size() < 126) {
    frame.push_back(static_cast<char>(0x80 | text.size()));
  } else {
    frame.push_back(static_cast<char>(0x80 | 126));
    frame.push_back(static_cast<char>(text.size() >> 8));
    frame.push_back(static_cast<char>(text.size()));
  }
  frame.append(4, '\0');
  return absl::StrCat(frame, text);
}

void LoadSocket::Send(absl::string_view wire) {
  while (!wire.empty()) {
    const ssize_t sent =
        send(descriptor_, wire.data(), wire.size(), MSG_NOSIGNAL);
    if (sent < 0) Die("cannot send");
    wire.remove_prefix(static_cast<size_t>(sent));
  }
}

size_t LoadSocket::Read() {
  static char buffer[size_t{256} << 10];
  const ssize_t bytes = recv(descriptor_, buffer, sizeof(buffer), MSG_DONTWAIT);
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (bytes <= 0) Die("the server has closed a connection");
  pending_.append(buffer, static_cast<size_t>(bytes));
  if (!is_upgraded_) TakeHead();
  return is_upgraded_ ? TakeFrames() : 0;
}

void LoadSocket::TakeHead() {
  const size_t end = pending_.find("\r\n\r\n");
  if (end == pending_.npos) return;
  if (!absl::StartsWith(pending_, "HTTP/1.1 101")) {
    Die(absl::StrCat("no WebSocket: ", pending_.substr(0, 100)));
  }
  pending_.erase(0, end + 4);
  is_upgraded_ = true;
  is_ready_ = protocol_ == LoadProtocol::kRaw;
}

size_t LoadSocket::TakeFrames() {
  size_t messages = 0;
  size_t begin = 0;
  while (pending_.size() - begin >= 2) {
    const auto* head =
        reinterpret_cast<const unsigned char*>(pending_.data() + begin);
    size_t head_bytes = 2;
    size_t payload = head[1];
    if (payload == 126) {
      head_bytes = 4;
      if (pending_.size() - begin < head_bytes) break;
      payload = static_cast<size_t>(head[2]) << 8 | head[3];
    } else if (payload == 127) {
      Die("a frame larger than any that was asked for");
    }
    if (pending_.size() - begin < head_bytes + payload) break;
    const absl::string_view text(pending_.data() + begin + head_bytes, payload);
    if ((head[0] & 0x0f) == 8) Die("the server closes");
    if ((head[0] & 0x0f) <= 2) messages += TakeMessage(text);
    begin += head_bytes + payload;
  }
  pending_.erase(0, begin);
  if (pending_.empty() && pending_.capacity() > 4096) {
    std::string().swap(pending_);
  }
  return messages;
}

size_t LoadSocket::TakeMessage(absl::string_view text) {
  switch (protocol_) {
    case LoadProtocol::kRaw:
      return 1;
    case LoadProtocol::kEngineIo:
      if (text[0] == '0') is_ready_ = true;
      break;
    case LoadProtocol::kSocketIo:
      if (text[0] == '0') Send(Frame("40"));
      if (absl::StartsWith(text, "40")) {
        is_ready_ = true;
        return 0;
      }
      break;
  }
  if (text[0] == '2') Send(Frame("3"));
  return text[0] == '4' ? 1 : 0;
}

}  // namespace roomlog
