// TLS on a client's connection: a server's side, over a descriptor that never
// waits.
#ifndef ROOMLOG_NODE_ENGINEIO_TLS_STREAM_H_
#define ROOMLOG_NODE_ENGINEIO_TLS_STREAM_H_

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace roomlog {

// The first Read() or Write() begins the handshake. Lives on one loop at a
// time.
class TlsStream {
 public:
  struct Outcome {
    enum class Kind { kSome, kAgain, kEnd, kFailed };
    Kind kind = Kind::kFailed;
    size_t bytes = 0;
  };

  // Borrows the descriptor, which must outlive this object.
  TlsStream(SSL_CTX* context, int descriptor);
  ~TlsStream();

  Outcome Read(absl::Span<char> into);
  // Takes bytes from the front of the pieces. They are written as one record,
  // now or, while has_unsent(), by the next call, which may be with nothing.
  Outcome Write(absl::Span<const absl::string_view> pieces);
  bool has_unsent() const { return !unsent_.empty(); }
  // Bytes came that the system no longer tells of.
  bool has_unread() const;
  // Says goodbye, if the system takes it.
  void Shutdown();

 private:
  Outcome OutcomeOf(int result);

  SSL* const ssl_;
  // A record that OpenSSL has begun to write: it must be given the same again.
  std::string unsent_;
  bool is_broken_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_TLS_STREAM_H_
