#include "node/engineio/http_listener.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/socket_base.hpp>
#include <cerrno>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/limits.h"
#include "node/engineio/engine_limits.h"
#include "node/engineio/engine_loop.h"

namespace roomlog {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

absl::StatusOr<tcp::endpoint> ParseEndpoint(const std::string& text) {
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (colon == text.npos ||
      !absl::SimpleAtoi(absl::string_view(text).substr(colon + 1), &port) ||
      port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("not an address with a port: ", text));
  }
  absl::string_view host = absl::string_view(text).substr(0, colon);
  if (absl::ConsumePrefix(&host, "[") && !absl::ConsumeSuffix(&host, "]")) {
    return absl::InvalidArgumentError(absl::StrCat("not an address: ", text));
  }
  error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("not an IP address: ", host, " in ", text));
  }
  return tcp::endpoint(address, static_cast<uint16_t>(port));
}

}  // namespace

class HttpListener::Acceptor
    : public std::enable_shared_from_this<HttpListener::Acceptor> {
 public:
  Acceptor(asio::io_context& io, OnConnection on_connection)
      : acceptor_(io), pause_(io), on_connection_(std::move(on_connection)) {}

  absl::StatusOr<uint16_t> Listen(const std::string& address) {
    const absl::StatusOr<tcp::endpoint> endpoint = ParseEndpoint(address);
    if (!endpoint.ok()) return endpoint.status();
    error_code error;
    acceptor_.open(endpoint->protocol(), error);
    if (!error) {
      acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    }
    // Those that are accepted inherit it.
    if (!error) acceptor_.set_option(tcp::no_delay(true), error);
    if (!error) acceptor_.non_blocking(true, error);
    if (!error) acceptor_.bind(*endpoint, error);
    if (!error) {
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
      Close();
      return absl::UnavailableError(
          absl::StrCat("cannot listen on ", address, ": ", error.message()));
    }
    is_version_6_ = endpoint->protocol() == tcp::v6();
    const uint16_t port = acceptor_.local_endpoint(error).port();
    Accept();
    return port;
  }

  void Close() {
    on_connection_ = nullptr;
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  }

 private:
  void Accept() {
    acceptor_.async_wait(asio::socket_base::wait_read,
                         [self = shared_from_this()](error_code error) {
                           if (self->on_connection_ == nullptr) return;
                           if (error) return self->Pause();
                           self->AcceptWaiting();
                         });
  }

  // Takes who is waiting now, up to a bound: one wait for many in a burst.
  // Not by Asio, which would tie each socket to this loop first.
  void AcceptWaiting() {
    for (int i = 0; i < kAcceptsPerTurnMax; ++i) {
      const int descriptor = accept4(acceptor_.native_handle(), nullptr,
                                     nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (descriptor >= 0) {
        ClientSocket::Released socket;
        socket.descriptor = descriptor;
        socket.is_version_6 = is_version_6_;
        on_connection_(std::move(socket));
        if (on_connection_ == nullptr) return;
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      if (errno == ECONNABORTED || errno == EINTR) continue;
      // Most likely a shortage of descriptors or memory, which would be there
      // again at once.
      return Pause();
    }
    Accept();
  }

  void Pause() {
    pause_.expires_after(absl::ToChronoNanoseconds(kAcceptPause));
    pause_.async_wait([self = shared_from_this()](error_code) {
      if (self->on_connection_ != nullptr) self->Accept();
    });
  }

  asio::basic_socket_acceptor<tcp, LoopExecutor> acceptor_;
  LoopTimer pause_;
  bool is_version_6_ = false;
  OnConnection on_connection_;  // Empty: closed.
};

HttpListener::HttpListener(asio::io_context& io, OnConnection on_connection)
    : acceptor_(std::make_shared<Acceptor>(io, std::move(on_connection))) {}

HttpListener::~HttpListener() { Close(); }

absl::StatusOr<uint16_t> HttpListener::Listen(const std::string& address) {
  return acceptor_->Listen(address);
}

void HttpListener::Close() { acceptor_->Close(); }

}  // namespace roomlog
