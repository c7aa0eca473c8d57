// Which fault comes next, drawn from a seed.
#ifndef ROOMLOG_TEST_SIM_FAULT_PLAN_H_
#define ROOMLOG_TEST_SIM_FAULT_PLAN_H_

#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "absl/time/time.h"
#include "test/sim/fault_options.h"

namespace roomlog {

struct PlannedFault {
  Fault fault;
  uint64_t target;       // Whatever it hits, modulo how many there are.
  absl::Duration lasts;  // 0 if it is over at once.
  absl::Duration size;   // Either way for a clock's jump.
  double rate;           // Of the messages that it hits.
  uint64_t detail;       // What else it must choose.
};

std::string Describe(const PlannedFault& fault);

class FaultPlan {
 public:
  FaultPlan(uint64_t seed, const FaultOptions& options)
      : random_(seed), options_(options) {}

  // The fault of the next step, if it has one.
  std::optional<PlannedFault> Next();

 private:
  absl::Duration Draw(absl::Duration max) {
    return max * std::uniform_real_distribution<>()(random_);
  }

  std::mt19937_64 random_;
  const FaultOptions options_;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_FAULT_PLAN_H_
