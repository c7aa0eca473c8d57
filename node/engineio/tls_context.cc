#include "node/engineio/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <csignal>

#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

absl::Status Unusable(const std::string& file) {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return absl::InvalidArgumentError(
      absl::StrCat(file, ": ", reason == nullptr ? "cannot be used" : reason));
}

}  // namespace

absl::Status TlsContext::Load() {
  // OpenSSL writes without saying that it wants no signal of a closed pipe.
  std::signal(SIGPIPE, SIG_IGN);
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()),
                                         SSL_CTX_free);
  if (context == nullptr) return absl::ResourceExhaustedError("no TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_NO_COMPRESSION |
                                         SSL_OP_IGNORE_UNEXPECTED_EOF);
  // An idle connection gives its buffers back.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(
          context.get(), options_.certificate_file.c_str()) != 1) {
    return Unusable(options_.certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), options_.key_file.c_str(),
                                  SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return Unusable(options_.key_file);
  }
  const std::lock_guard lock(mutex_);
  context_ = context;
  return absl::OkStatus();
}

std::unique_ptr<TlsStream> TlsContext::NewStream(int descriptor) const {
  std::shared_ptr<SSL_CTX> context;
  {
    const std::lock_guard lock(mutex_);
    context = context_;
  }
  return std::make_unique<TlsStream>(context.get(), descriptor);
}

}  // namespace roomlog
