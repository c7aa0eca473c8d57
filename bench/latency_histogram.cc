#include "bench/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace roomlog::bench {
namespace {

constexpr int64_t kNanosMax = int64_t{600} * 1'000'000'000;

}  // namespace

void LatencyHistogram::Add(int64_t nanos) {
  ++classes_[ClassOf(
      static_cast<uint64_t>(std::clamp(nanos, int64_t{0}, kNanosMax)))];
  ++count_;
}

int64_t LatencyHistogram::Percentile(double percent) const {
  if (count_ == 0) return 0;
  const uint64_t rank = std::max<uint64_t>(
      1, static_cast<uint64_t>(std::ceil(percent / 100 * count_)));
  uint64_t seen = 0;
  for (size_t index = 0; index < classes_.size(); ++index) {
    seen += classes_[index];
    if (seen >= rank) return static_cast<int64_t>(EndOf(index));
  }
  return kNanosMax;
}

// The first octave holds 0 to 63 ns, a class each; every later one holds the
// next power of two in 64 equal classes.
size_t LatencyHistogram::ClassOf(uint64_t nanos) {
  if (nanos < kClassesPerOctave) return nanos;
  const int octave =
      static_cast<int>(std::bit_width(nanos)) - 6;  // 1 for 64 to 127.
  const uint64_t within = (nanos >> (octave - 1)) - kClassesPerOctave;
  return static_cast<size_t>(octave) * kClassesPerOctave + within;
}

uint64_t LatencyHistogram::EndOf(size_t index) {
  const size_t octave = index / kClassesPerOctave;
  const uint64_t within = index % kClassesPerOctave;
  if (octave == 0) return within;
  return ((kClassesPerOctave + within + 1) << (octave - 1)) - 1;
}

}  // namespace roomlog::bench
