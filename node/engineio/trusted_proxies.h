// Whose word is taken for where a request came from.
#ifndef ROOMLOG_NODE_ENGINEIO_TRUSTED_PROXIES_H_
#define ROOMLOG_NODE_ENGINEIO_TRUSTED_PROXIES_H_

#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "node/engineio/handshake_info.h"

namespace roomlog {

// Balancers and proxies, by address. None is trusted unless it is named. Does
// not change once made; any thread.
class TrustedProxies {
 public:
  TrustedProxies() = default;

  // Addresses and networks: "10.0.0.0/8", "::1". INVALID_ARGUMENT: one is none.
  static absl::StatusOr<TrustedProxies> Parse(
      const std::vector<std::string>& texts);

  // The client of a request that came from `remote`: what X-Forwarded-For says,
  // as far as each address from the right was added by a trusted proxy. What is
  // no address is the last that can be believed.
  std::string ClientOf(absl::string_view remote,
                       const HeaderList& headers) const;

  // Whether a request from `remote` came to a trusted proxy over TLS, by what
  // that says in X-Forwarded-Proto.
  bool IsSecure(absl::string_view remote, const HeaderList& headers) const;

 private:
  bool IsTrusted(absl::string_view address) const;

  std::vector<boost::asio::ip::network_v4> four_;
  std::vector<boost::asio::ip::network_v6> six_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_TRUSTED_PROXIES_H_
