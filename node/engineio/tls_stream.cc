#include "node/engineio/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "node/engineio/engine_limits.h"

namespace roomlog {

TlsStream::TlsStream(SSL_CTX* context, int descriptor)
    : ssl_(SSL_new(context)) {
  is_broken_ = ssl_ == nullptr || SSL_set_fd(ssl_, descriptor) != 1;
  if (!is_broken_) SSL_set_accept_state(ssl_);
}

TlsStream::~TlsStream() { SSL_free(ssl_); }

TlsStream::Outcome TlsStream::OutcomeOf(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_NONE:
      return {Outcome::Kind::kSome, static_cast<size_t>(result)};
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return {Outcome::Kind::kAgain};
    case SSL_ERROR_ZERO_RETURN:
      return {Outcome::Kind::kEnd};
    default:
      is_broken_ = true;
      return {Outcome::Kind::kFailed};
  }
}

TlsStream::Outcome TlsStream::Read(absl::Span<char> into) {
  if (is_broken_) return {};
  ERR_clear_error();  // SSL_get_error() looks at what others left there, too.
  return OutcomeOf(SSL_read(ssl_, into.data(), static_cast<int>(into.size())));
}

TlsStream::Outcome TlsStream::Write(
    absl::Span<const absl::string_view> pieces) {
  if (is_broken_) return {};
  size_t taken = 0;
  if (unsent_.empty()) {
    for (const absl::string_view piece : pieces) {
      const size_t bytes =
          std::min(piece.size(), kTlsRecordBytesMax - unsent_.size());
      unsent_.append(piece.data(), bytes);
      taken += bytes;
      if (unsent_.size() == kTlsRecordBytesMax) break;
    }
    if (unsent_.empty()) return {Outcome::Kind::kSome, 0};
  }
  ERR_clear_error();
  const Outcome outcome = OutcomeOf(
      SSL_write(ssl_, unsent_.data(), static_cast<int>(unsent_.size())));
  if (outcome.kind == Outcome::Kind::kSome) {
    std::string().swap(unsent_);  // An idle client keeps no buffer.
    return {Outcome::Kind::kSome, taken};
  }
  if (outcome.kind == Outcome::Kind::kAgain && taken > 0) {
    return {Outcome::Kind::kSome, taken};
  }
  return outcome;
}

bool TlsStream::has_unread() const {
  return !is_broken_ && SSL_pending(ssl_) > 0;
}

void TlsStream::Shutdown() {
  if (is_broken_ || !unsent_.empty() || SSL_in_init(ssl_)) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

}  // namespace roomlog
