#include "bench/server_address.h"

#include "absl/strings/numbers.h"

namespace roomlog::bench {

absl::StatusOr<ServerAddress> ParseServerAddress(absl::string_view text) {
  const size_t colon = text.rfind(':');
  ServerAddress address;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(text.substr(colon + 1), &address.port)) {
    return absl::InvalidArgumentError("--server must be host:port");
  }
  address.host = std::string(text.substr(0, colon));
  return address;
}

}  // namespace roomlog::bench
