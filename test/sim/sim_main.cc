// Runs the simulation for many seeds: ./dev sim.
#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "test/sim/simulated_run.h"

ABSL_FLAG(uint64_t, seeds, 100, "how many seeds to run");
ABSL_FLAG(uint64_t, first, 1, "the first of them");
ABSL_FLAG(double, minutes, 0, "go on for so long instead");
ABSL_FLAG(std::string, faults, "all",
          "which faults there are, as delay,loss; or none");
ABSL_FLAG(std::string, defect, "none", "what is done wrong on purpose");
ABSL_FLAG(int, steps, 300, "how long a run is");
ABSL_FLAG(int, nodes, 3, "how many nodes there are");
ABSL_FLAG(int, clients, 8, "how many clients there are");
ABSL_FLAG(int, lines, 60, "how much of the history of a failed run is shown");
ABSL_FLAG(bool, twice, true,
          "run every 50th seed twice: it must come to the same");
ABSL_FLAG(bool, recovery, false, "whether lost clients may come back");
ABSL_FLAG(bool, verbose, false, "describe each run");

namespace roomlog {
namespace {

void Tell(const SimulatedRun& run, const SimulationOptions& options) {
  std::printf("\nSEED %llu FAILED\n",
              static_cast<unsigned long long>(options.seed));
  const auto& tail = run.history().tail();
  const size_t lines = static_cast<size_t>(absl::GetFlag(FLAGS_lines));
  for (size_t i = tail.size() > lines ? tail.size() - lines : 0;
       i < tail.size(); ++i) {
    std::printf("  %s\n", tail[i].c_str());
  }
  for (const Finding& finding : run.oracle().findings()) {
    std::printf("%s: %s\n", finding.promise.c_str(), finding.facts.c_str());
  }
  std::printf("%s\n", run.Description().c_str());
  std::printf(
      "\nTo run it again:\n  ./dev sim --first=%llu --seeds=1 --faults=%s "
      "--defect=%s --steps=%d --nodes=%d --clients=%d%s\n",
      static_cast<unsigned long long>(options.seed),
      absl::GetFlag(FLAGS_faults).c_str(), absl::GetFlag(FLAGS_defect).c_str(),
      options.steps, options.node_count, options.client_count,
      options.recovers ? " --recovery" : "");
}

int Main() {
  SimulationOptions options;
  const auto faults = ParseFaults(absl::GetFlag(FLAGS_faults));
  const auto defect = ParseDefect(absl::GetFlag(FLAGS_defect));
  for (const absl::Status& status : {faults.status(), defect.status()}) {
    if (status.ok()) continue;
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    return 2;
  }
  options.faults = *faults;
  options.defect = *defect;
  options.steps = absl::GetFlag(FLAGS_steps);
  options.recovers = absl::GetFlag(FLAGS_recovery);
  options.node_count = absl::GetFlag(FLAGS_nodes);
  options.client_count = absl::GetFlag(FLAGS_clients);

  const absl::Time begin = absl::Now();
  const absl::Duration span = absl::Minutes(absl::GetFlag(FLAGS_minutes));
  const uint64_t first = absl::GetFlag(FLAGS_first);
  const uint64_t seeds = absl::GetFlag(FLAGS_seeds);
  size_t events = 0;
  absl::Time told = begin;
  uint64_t count = 0;
  for (;; ++count) {
    if (span > absl::ZeroDuration() ? absl::Now() - begin > span
                                    : count >= seeds) {
      break;
    }
    options.seed = first + count;
    SimulatedRun run(options);
    run.Run();
    events += run.oracle().events_heard();
    if (!run.oracle().findings().empty()) {
      Tell(run, options);
      return 1;
    }
    if (absl::GetFlag(FLAGS_verbose)) {
      std::printf("%s\n", run.Description().c_str());
    }
    if (absl::GetFlag(FLAGS_twice) && count % 50 == 0) {
      SimulatedRun again(options);
      again.Run();
      if (again.history().hash() != run.history().hash()) {
        std::printf("seed %llu did not come to the same when it ran again\n",
                    static_cast<unsigned long long>(options.seed));
        return 1;
      }
    }
    if (absl::Now() - told > absl::Seconds(10)) {
      told = absl::Now();
      std::printf("%llu seeds, %.0f s\n",
                  static_cast<unsigned long long>(count + 1),
                  absl::ToDoubleSeconds(told - begin));
      std::fflush(stdout);
    }
  }
  std::printf(
      "%llu seeds from %llu on, %.0f s: %zu events heard, no promise "
      "broken\n",
      static_cast<unsigned long long>(count),
      static_cast<unsigned long long>(first),
      absl::ToDoubleSeconds(absl::Now() - begin), events);
  return 0;
}

}  // namespace
}  // namespace roomlog

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Runs whole clusters, with their clients and every kind of fault, each "
      "from one seed.");
  absl::ParseCommandLine(argc, argv);
  return roomlog::Main();
}
