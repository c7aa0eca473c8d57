// Each defect that is put in on purpose is found, as docs/guarantees.md says.
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/sim/simulated_run.h"

namespace roomlog {
namespace {

using ::testing::Contains;
using ::testing::Field;

struct Case {
  Defect defect;
  const char* promise;
  uint64_t seed;  // The first that finds it.
};

constexpr Case kCases[] = {
    {Defect::kDeliverBeforeSync, "P2", 1}, {Defect::kReuseOffsets, "P6", 5},
    {Defect::kForgetProducers, "P3", 3},   {Defect::kForgetIds, "P3", 1},
    {Defect::kServeDamage, "P5", 4},       {Defect::kForgetTrimming, "P5", 1},
    {Defect::kForgetMiddle, "P5", 1},      {Defect::kSkipSeam, "P5", 1},
    {Defect::kOverlapSeam, "P4", 1},       {Defect::kKeepGapsToItself, "P5", 1},
    {Defect::kAcknowledgeEarly, "P2", 1},  {Defect::kOwnEventsFirst, "P1", 1},
    {Defect::kHeadTooLate, "P5", 1},       {Defect::kUnboundedQueue, "P7", 36},
};
static_assert(std::size(kCases) == kDefectCount - 1);

class DefectsTest : public ::testing::TestWithParam<Case> {};

TEST_P(DefectsTest, AreFound) {
  SimulationOptions options;
  options.defect = GetParam().defect;
  options.seed = GetParam().seed;
  SimulatedRun run(options);
  run.Run();
  EXPECT_THAT(run.oracle().findings(),
              Contains(Field(&Finding::promise, GetParam().promise)));
}

INSTANTIATE_TEST_SUITE_P(Defects, DefectsTest, ::testing::ValuesIn(kCases),
                         [](const ::testing::TestParamInfo<Case>& info) {
                           std::string name(DefectName(info.param.defect));
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace roomlog
