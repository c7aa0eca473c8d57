// Where the system under measurement listens.
#ifndef ROOMLOG_BENCH_SERVER_ADDRESS_H_
#define ROOMLOG_BENCH_SERVER_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roomlog::bench {

struct ServerAddress {
  std::string host;
  int port = 0;
};

// Of "host:port". INVALID_ARGUMENT: it is not that.
absl::StatusOr<ServerAddress> ParseServerAddress(absl::string_view text);

}  // namespace roomlog::bench

#endif  // ROOMLOG_BENCH_SERVER_ADDRESS_H_
