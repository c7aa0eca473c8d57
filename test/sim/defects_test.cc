// Each defect that is put in on purpose is found, as docs/guarantees.md says.
#include <cstdint>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "test/sim/simulated_run.h"

namespace roomlog {
namespace {

// Which seed meets a defect changes with whatever the code asks its clock and
// its dice; that one of so many does must not.
constexpr uint64_t kSeeds = 60;

struct Case {
  Defect defect;
  const char* promise;
};

constexpr Case kCases[] = {
    {Defect::kDeliverBeforeSync, "P2"}, {Defect::kReuseOffsets, "P6"},
    {Defect::kForgetProducers, "P3"},   {Defect::kForgetIds, "P3"},
    {Defect::kServeDamage, "P5"},       {Defect::kForgetTrimming, "P5"},
    {Defect::kForgetMiddle, "P5"},      {Defect::kSkipSeam, "P5"},
    {Defect::kOverlapSeam, "P4"},       {Defect::kKeepGapsToItself, "P5"},
    {Defect::kAcknowledgeEarly, "P2"},  {Defect::kOwnEventsFirst, "P1"},
    {Defect::kHeadTooLate, "P5"},       {Defect::kUnboundedQueue, "P7"},
};
static_assert(std::size(kCases) == kDefectCount - 1);

// The first seed whose run breaks the promise, if one does.
std::optional<uint64_t> FirstSeedThatFinds(const Case& wanted) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SimulationOptions options;
    options.defect = wanted.defect;
    options.seed = seed;
    SimulatedRun run(options);
    run.Run();
    for (const Finding& finding : run.oracle().findings()) {
      if (finding.promise == wanted.promise) return seed;
    }
  }
  return std::nullopt;
}

class DefectsTest : public ::testing::TestWithParam<Case> {};

TEST_P(DefectsTest, AreFound) {
  const std::optional<uint64_t> seed = FirstSeedThatFinds(GetParam());
  ASSERT_TRUE(seed.has_value());
  RecordProperty("seed", static_cast<int64_t>(*seed));
}

INSTANTIATE_TEST_SUITE_P(Defects, DefectsTest, ::testing::ValuesIn(kCases),
                         [](const ::testing::TestParamInfo<Case>& info) {
                           std::string name(DefectName(info.param.defect));
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace roomlog
