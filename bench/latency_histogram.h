// How long things took.
#ifndef ROOMLOG_BENCH_LATENCY_HISTOGRAM_H_
#define ROOMLOG_BENCH_LATENCY_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace roomlog::bench {

// Counts times in classes of at most 1/64 of their length, so that millions
// cost no memory and a percentile is right to 1.6%.
class LatencyHistogram {
 public:
  // A time below 0 counts as 0, one beyond ten minutes as that.
  void Add(int64_t nanos);

  uint64_t count() const { return count_; }

  // The upper end of the class in which the `percent`th of all times lies; 0 if
  // there are none.
  int64_t Percentile(double percent) const;

 private:
  static constexpr int kClassesPerOctave = 64;
  static constexpr int kOctaves = 35;

  static size_t ClassOf(uint64_t nanos);
  static uint64_t EndOf(size_t index);

  std::array<uint64_t, size_t{kClassesPerOctave} * kOctaves> classes_{};
  uint64_t count_ = 0;
};

}  // namespace roomlog::bench

#endif  // ROOMLOG_BENCH_LATENCY_HISTOGRAM_H_
