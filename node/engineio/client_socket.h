// A client's TCP connection, plain or with TLS, that never waits.
#ifndef ROOMLOG_NODE_ENGINEIO_CLIENT_SOCKET_H_
#define ROOMLOG_NODE_ENGINEIO_CLIENT_SOCKET_H_

#include <boost/asio/post.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "node/engineio/engine_loop.h"
#include "node/engineio/tls_stream.h"

namespace roomlog {

// Reads and writes what the system takes at once; who gets kAgain waits and
// tries again. Belongs to one loop until it is released.
class ClientSocket {
 public:
  struct Outcome {
    enum class Kind {
      kSome,   // `bytes` of them.
      kAgain,  // Wait first.
      kEnd,    // The client has closed its side.
      kFailed,
    };
    Kind kind = Kind::kFailed;
    size_t bytes = 0;
  };

  // What is left of a socket between two loops.
  struct Released {
    Released() = default;
    Released(Released&& other)
        : descriptor(std::exchange(other.descriptor, -1)),
          is_version_6(other.is_version_6),
          tls(std::move(other.tls)) {}
    ~Released();  // Closes it.

    int descriptor = -1;
    bool is_version_6 = false;
    std::unique_ptr<TlsStream> tls;
  };

  // `tls` is null for a plain connection.
  ClientSocket(TcpSocket socket, std::unique_ptr<TlsStream> tls)
      : tls_(std::move(tls)), socket_(std::move(socket)) {}
  ClientSocket(boost::asio::io_context& io, Released released);
  ClientSocket(ClientSocket&&) = default;

  Outcome Read(absl::Span<char> into);

  // Takes bytes from the front of the pieces, up to kFramesPerWriteMax of them.
  // With TLS, what is taken may still have to be written: see has_unsent().
  Outcome Write(absl::Span<const absl::string_view> pieces);
  bool has_unsent() const { return tls_ != nullptr && tls_->has_unsent(); }

  // Call `handler(error)` when it is worth trying again.
  template <typename Handler>
  void WaitReadable(Handler handler) {
    if (tls_ != nullptr && tls_->has_unread()) {
      boost::asio::post(socket_.get_executor(),
                        [handler] { handler(boost::system::error_code()); });
      return;
    }
    socket_.async_wait(TcpSocket::wait_read, std::move(handler));
  }
  template <typename Handler>
  void WaitWritable(Handler handler) {
    socket_.async_wait(TcpSocket::wait_write, std::move(handler));
  }

  // No more will be written.
  void ShutdownSend();
  void Close();
  bool is_open() const { return socket_.is_open(); }

  bool is_secure() const { return tls_ != nullptr; }
  // The client's address without the port; empty if it has gone.
  std::string RemoteAddress() const;

  // Takes the socket from its loop, for another. Waits that are under way end
  // with an error.
  Released Release();

 private:
  std::unique_ptr<TlsStream> tls_;
  TcpSocket socket_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_CLIENT_SOCKET_H_
