#include "node/engineio/client_socket.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/limits.h"

namespace roomlog {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

ClientSocket::Outcome OutcomeOfError() {
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    return {ClientSocket::Outcome::Kind::kAgain};
  }
  return {ClientSocket::Outcome::Kind::kFailed};
}

ClientSocket::Outcome OutcomeOfTls(const TlsStream::Outcome& outcome) {
  switch (outcome.kind) {
    case TlsStream::Outcome::Kind::kSome:
      return {ClientSocket::Outcome::Kind::kSome, outcome.bytes};
    case TlsStream::Outcome::Kind::kAgain:
      return {ClientSocket::Outcome::Kind::kAgain};
    case TlsStream::Outcome::Kind::kEnd:
      return {ClientSocket::Outcome::Kind::kEnd};
    case TlsStream::Outcome::Kind::kFailed:
      break;
  }
  return {ClientSocket::Outcome::Kind::kFailed};
}

}  // namespace

ClientSocket::Released::~Released() {
  if (descriptor >= 0) close(descriptor);
}

ClientSocket::ClientSocket(boost::asio::io_context& io, Released released)
    : tls_(std::move(released.tls)), socket_(io) {
  error_code error;
  socket_.assign(released.is_version_6 ? tcp::v6() : tcp::v4(),
                 released.descriptor, error);
  // If not, it stays closed, which the first use tells.
  if (!error) released.descriptor = -1;
}

ClientSocket::Outcome ClientSocket::Read(absl::Span<char> into) {
  if (tls_ != nullptr) return OutcomeOfTls(tls_->Read(into));
  // Asio's own calls ask the socket for its mode first; these say it.
  const ssize_t bytes =
      recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  if (bytes > 0) return {Outcome::Kind::kSome, static_cast<size_t>(bytes)};
  if (bytes == 0) return {Outcome::Kind::kEnd};
  return OutcomeOfError();
}

ClientSocket::Outcome ClientSocket::Write(
    absl::Span<const absl::string_view> pieces) {
  if (tls_ != nullptr) return OutcomeOfTls(tls_->Write(pieces));
  const int descriptor = socket_.native_handle();
  ssize_t bytes = 0;
  if (pieces.size() == 1) {
    bytes = send(descriptor, pieces[0].data(), pieces[0].size(),
                 MSG_DONTWAIT | MSG_NOSIGNAL);
  } else {
    std::array<iovec, kFramesPerWriteMax> vector;
    const size_t count = std::min(pieces.size(), vector.size());
    for (size_t i = 0; i < count; ++i) {
      vector[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
    }
    msghdr message = {};
    message.msg_iov = vector.data();
    message.msg_iovlen = count;
    bytes = sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (bytes >= 0) return {Outcome::Kind::kSome, static_cast<size_t>(bytes)};
  return OutcomeOfError();
}

void ClientSocket::ShutdownSend() {
  if (tls_ != nullptr) tls_->Shutdown();
  error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_send, ignored);
}

void ClientSocket::Close() {
  if (!socket_.is_open()) return;
  if (tls_ != nullptr) tls_->Shutdown();
  error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_both, ignored);
  socket_.close(ignored);
}

std::string ClientSocket::RemoteAddress() const {
  error_code error;
  const tcp::endpoint endpoint = socket_.remote_endpoint(error);
  return error ? std::string() : endpoint.address().to_string();
}

ClientSocket::Released ClientSocket::Release() {
  error_code error;
  Released released;
  released.is_version_6 = socket_.local_endpoint(error).protocol() == tcp::v6();
  released.descriptor = socket_.release(error);
  if (error) released.descriptor = -1;
  released.tls = std::move(tls_);
  return released;
}

}  // namespace roomlog
