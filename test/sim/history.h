// What happened in a simulation, in order.
#ifndef ROOMLOG_TEST_SIM_HISTORY_H_
#define ROOMLOG_TEST_SIM_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/strings/string_view.h"
#include "test/fakes/fake_clock.h"

namespace roomlog {

// Keeps the latest lines, and one number that stands for all there ever was:
// two runs of one seed must come to the same.
class History {
 public:
  explicit History(const FakeClock& clock) : clock_(clock) {}

  void Note(absl::string_view line);
  // Counts for the number alone.
  void Mix(absl::string_view bytes);

  uint64_t hash() const { return hash_; }
  // The latest lines, each with its time.
  const std::deque<std::string>& tail() const { return tail_; }

 private:
  const FakeClock& clock_;
  uint64_t hash_ = 14695981039346656037u;
  std::deque<std::string> tail_;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_HISTORY_H_
