// What the clients of all systems have in common: flags, roles and the report.
#ifndef ROOMLOG_BENCH_CLIENT_H_
#define ROOMLOG_BENCH_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "bench/delivery_check.h"
#include "bench/publish_run.h"
#include "bench/server_address.h"

namespace roomlog::bench {

// One system, as a publishing and a receiving node use it. A process takes one
// of the two parts.
class Client {
 public:
  virtual ~Client() = default;

  // Publishes all of `run`, as many at a time as its window allows, and returns
  // when all is acknowledged as durable. `rooms` are the names by number.
  virtual absl::Status Publish(const std::vector<std::string>& rooms,
                               PublishRun* run) = 0;

  // Receives every event of `rooms`. Calls `ready` once nothing that is
  // published from then on can be missed; returns when `check` is complete or
  // refuses, not earlier. The runner ends it if it takes too long.
  virtual absl::Status Subscribe(const std::vector<std::string>& rooms,
                                 DeliveryCheck* check,
                                 absl::FunctionRef<void()> ready) = 0;
};

// Asks the flags which part to take, plays it, and prints to the standard
// output, as a line of JSON each: {"ready": true} by the subscriber, and at the
// end the figures. Returns what main() shall: 0, or 1 with the reason on the
// standard error output.
int RunClient(
    int argc, char** argv,
    absl::FunctionRef<std::unique_ptr<Client>(const ServerAddress&)> make);

}  // namespace roomlog::bench

#endif  // ROOMLOG_BENCH_CLIENT_H_
