#include "storage/log_marker.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

constexpr uint64_t kHighest = std::numeric_limits<uint64_t>::max();

TEST(LogMarkerTest, ComesBackAsItWas) {
  LogMarker empty;
  LogMarker one;
  one.epoch = Epoch(1'790'000'000'000);
  one.reserved_through = Offset(1 << 20);
  one.void_ranges = {{Offset(1), Offset(2)}};
  LogMarker largest;
  largest.epoch = Epoch(kHighest);
  largest.reserved_through = Offset(kHighest);
  largest.void_ranges.assign(LogMarker::kVoidRangesMax,
                             {Offset(kHighest), Offset(kHighest)});
  largest.unsynced_may_be_lost = true;
  for (const LogMarker& marker : {empty, one, largest}) {
    const std::string text = marker.Format();
    EXPECT_EQ(text.size(), LogMarker::kBytes);
    EXPECT_THAT(LogMarker::Parse(text), IsOkAndHolds(marker)) << text;
  }
}

TEST(LogMarkerTest, RefusesWhatIsDamaged) {
  LogMarker marker;
  marker.epoch = Epoch(17);
  marker.void_ranges = {{Offset(1), Offset(2)}};
  const std::string good = marker.Format();
  for (const std::string& bad :
       {std::string(), std::string(LogMarker::kBytes, '\n'),
        std::string(LogMarker::kBytes, '\0'), good.substr(1), good + "\n"}) {
    EXPECT_THAT(LogMarker::Parse(bad), StatusIs(absl::StatusCode::kDataLoss))
        << bad;
  }
  const size_t meaning = good.find("\n\n");
  for (size_t i = 0; i < meaning; ++i) {
    std::string bad = good;
    bad[i] ^= 1;
    EXPECT_THAT(LogMarker::Parse(bad), StatusIs(absl::StatusCode::kDataLoss))
        << bad;
  }
}

}  // namespace
}  // namespace roomlog
