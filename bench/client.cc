#include "bench/client.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "bench/event.h"

ABSL_FLAG(std::string, role, "", "publisher or subscriber");
ABSL_FLAG(std::string, server, "", "where the system listens: host:port");
ABSL_FLAG(uint32_t, rooms, 1000, "how many rooms");
ABSL_FLAG(uint64_t, in_flight, 1, "publishes not yet acknowledged, at most");
ABSL_FLAG(uint64_t, events, 0, "publish so many; 0: for --duration");
ABSL_FLAG(absl::Duration, duration, absl::Seconds(5), "publish for so long");
ABSL_FLAG(bool, even, false, "give every room the same number of events");

namespace roomlog::bench {
namespace {

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) /
             1e6;
}

void PrintFigures(uint64_t events, int64_t began_ns, int64_t ended_ns,
                  const LatencyHistogram& times) {
  absl::PrintF(
      "{\"events\": %d, \"began_ns\": %d, \"ended_ns\": %d, \"p50_us\": %.1f, "
      "\"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, "
      "\"cpu_seconds\": %.3f}\n",
      events, began_ns, ended_ns, times.Percentile(50) / 1e3,
      times.Percentile(99) / 1e3, times.Percentile(99.9) / 1e3,
      times.Percentile(100) / 1e3, CpuSeconds());
  std::fflush(stdout);
}

absl::Status Publish(Client* client) {
  PublishPlan plan;
  plan.rooms = std::max(1u, absl::GetFlag(FLAGS_rooms));
  plan.in_flight = std::max<uint64_t>(1, absl::GetFlag(FLAGS_in_flight));
  plan.spread = absl::GetFlag(FLAGS_even) ? Spread::kEven : Spread::kRandom;
  if (const uint64_t events = absl::GetFlag(FLAGS_events); events > 0) {
    plan.events_max = events;
  } else {
    plan.duration = absl::GetFlag(FLAGS_duration);
  }
  PublishRun run(plan);
  absl::Status status = client->Publish(RoomNames(plan.rooms), &run);
  if (!status.ok()) return status;
  if (!run.finished()) return absl::InternalError("unacknowledged publishes");
  PrintFigures(run.made(), run.began_ns(), run.ended_ns(),
               run.acknowledgement_times());
  return absl::OkStatus();
}

absl::Status Subscribe(Client* client) {
  const uint32_t rooms = std::max(1u, absl::GetFlag(FLAGS_rooms));
  DeliveryCheck check(rooms);
  absl::Status status = client->Subscribe(RoomNames(rooms), &check, [] {
    absl::PrintF("{\"ready\": true}\n");
    std::fflush(stdout);
  });
  if (!status.ok()) return status;
  if (!check.complete()) return absl::DataLossError("events are missing");
  PrintFigures(check.taken(), 0, check.last_ns(), check.delivery_times());
  return absl::OkStatus();
}

absl::Status Run(
    absl::FunctionRef<std::unique_ptr<Client>(const ServerAddress&)> make) {
  absl::StatusOr<ServerAddress> server =
      ParseServerAddress(absl::GetFlag(FLAGS_server));
  if (!server.ok()) return server.status();
  const std::unique_ptr<Client> client = make(*server);
  const std::string role = absl::GetFlag(FLAGS_role);
  if (role == "publisher") return Publish(client.get());
  if (role == "subscriber") return Subscribe(client.get());
  return absl::InvalidArgumentError("--role must be publisher or subscriber");
}

}  // namespace

int RunClient(
    int argc, char** argv,
    absl::FunctionRef<std::unique_ptr<Client>(const ServerAddress&)> make) {
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = Run(make);
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "%s\n", status.ToString());
  return 1;
}

}  // namespace roomlog::bench
