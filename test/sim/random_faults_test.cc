// Whole clusters with their clients under every fault, from fixed seeds.
// ./dev sim runs more of them.
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/sim/simulated_run.h"

namespace roomlog {
namespace {

// Enough for a run to show something.
constexpr size_t kEventsEnough = 300;

std::string InWords(const SimulatedRun& run) {
  std::string words = run.Description();
  for (const Finding& finding : run.oracle().findings()) {
    words += "\n" + finding.promise + ": " + finding.facts;
  }
  return words;
}

// One test for each share of the seeds, so that Bazel can run them at a time.
class RandomFaultsTest : public ::testing::TestWithParam<int> {};

constexpr int kShares = 10;
constexpr uint64_t kSeedsOfAShare = 20;

TEST_P(RandomFaultsTest, NoPromiseIsBroken) {
  for (uint64_t i = 0; i < kSeedsOfAShare; ++i) {
    SimulationOptions options;
    options.seed = 1 + GetParam() + i * kShares;
    // Half of them with clients that come back to their sessions.
    options.recovers = i % 2 == 0;
    SimulatedRun run(options);
    run.Run();
    ASSERT_THAT(run.oracle().findings(), ::testing::IsEmpty())
        << InWords(run)
        << "\nTo see more: ./dev sim --seeds=1 --first=" << options.seed
        << (options.recovers ? " --recovery" : "");
    EXPECT_GE(run.oracle().events_written(), kEventsEnough) << InWords(run);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomFaultsTest, ::testing::Range(0, kShares));

// A fault that is alone is not hidden by others, nor helped.
class OneFaultTest : public ::testing::TestWithParam<int> {};

TEST_P(OneFaultTest, BreaksNoPromise) {
  const auto fault = static_cast<Fault>(GetParam());
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SimulationOptions options;
    options.seed = seed;
    options.faults = ParseFaults(FaultName(fault)).value();
    // There is room for more of it.
    options.faults[fault].rate = 0.1;
    SimulatedRun run(options);
    run.Run();
    ASSERT_THAT(run.oracle().findings(), ::testing::IsEmpty())
        << FaultName(fault) << " " << InWords(run);
    EXPECT_GE(run.oracle().events_written(), kEventsEnough) << InWords(run);
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, OneFaultTest,
                         ::testing::Range(0, static_cast<int>(kFaultCount)),
                         [](const ::testing::TestParamInfo<int>& info) {
                           std::string name(
                               FaultName(static_cast<Fault>(info.param)));
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace roomlog
