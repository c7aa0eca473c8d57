#include "bench/latency_histogram.h"

#include "gtest/gtest.h"

namespace roomlog::bench {
namespace {

TEST(LatencyHistogramTest, IsRightToOneSixtyFourth) {
  for (int64_t nanos : {0, 1, 63, 64, 65, 127, 128, 1000, 123456, 987654321}) {
    LatencyHistogram histogram;
    histogram.Add(nanos);
    EXPECT_GE(histogram.Percentile(50), nanos);
    EXPECT_LE(histogram.Percentile(50), nanos + nanos / 64);
  }
}

TEST(LatencyHistogramTest, FindsPercentiles) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.Percentile(99), 0);
  for (int64_t i = 1; i <= 1000; ++i) histogram.Add(i * 1000);
  EXPECT_NEAR(histogram.Percentile(50), 500'000, 500'000 / 64);
  EXPECT_NEAR(histogram.Percentile(99), 990'000, 990'000 / 64);
  EXPECT_NEAR(histogram.Percentile(100), 1'000'000, 1'000'000 / 64);
}

TEST(LatencyHistogramTest, CountsWhatIsOutOfRangeAtTheEnds) {
  LatencyHistogram histogram;
  histogram.Add(-1);
  EXPECT_EQ(histogram.Percentile(100), 0);
  histogram.Add(INT64_MAX);
  EXPECT_GE(histogram.Percentile(100), int64_t{600} * 1'000'000'000);
}

}  // namespace
}  // namespace roomlog::bench
