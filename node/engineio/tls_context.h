// A server's certificate and key, which may be replaced while it runs.
#ifndef ROOMLOG_NODE_ENGINEIO_TLS_CONTEXT_H_
#define ROOMLOG_NODE_ENGINEIO_TLS_CONTEXT_H_

#include <openssl/types.h>

#include <memory>
#include <mutex>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "node/engineio/tls_stream.h"

namespace roomlog {

struct TlsOptions {
  // PEM: the server's certificate, then those between it and the root.
  std::string certificate_file;
  std::string key_file;
};

// Any thread may call.
class TlsContext {
 public:
  explicit TlsContext(TlsOptions options) : options_(std::move(options)) {}

  // Reads the files. INVALID_ARGUMENT: they are not a certificate and its key;
  // then what was loaded before stays. Connections that there are keep theirs.
  absl::Status Load();

  // For a new connection. After a Load() that went well.
  std::unique_ptr<TlsStream> NewStream(int descriptor) const;

 private:
  const TlsOptions options_;
  mutable std::mutex mutex_;  // Once for each connection, never for an event.
  std::shared_ptr<SSL_CTX> context_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_TLS_CONTEXT_H_
