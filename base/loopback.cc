#include "base/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string>

#include "absl/strings/strip.h"

namespace roomlog {

bool IsLoopbackAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == address.npos) return false;
  absl::string_view host = address.substr(0, colon);
  if (host == "localhost") return true;
  in6_addr six = {};
  if (absl::ConsumePrefix(&host, "[")) {
    return absl::ConsumeSuffix(&host, "]") &&
           inet_pton(AF_INET6, std::string(host).c_str(), &six) == 1 &&
           IN6_IS_ADDR_LOOPBACK(&six);
  }
  in_addr four = {};
  return inet_pton(AF_INET, std::string(host).c_str(), &four) == 1 &&
         ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
}

}  // namespace roomlog
