#include "test/sim/fault_plan.h"

#include "absl/strings/str_cat.h"

namespace roomlog {

std::string Describe(const PlannedFault& fault) {
  return absl::StrCat(FaultName(fault.fault), " of ", fault.target % 100,
                      " for ", absl::FormatDuration(fault.lasts), ", size ",
                      absl::FormatDuration(fault.size));
}

std::optional<PlannedFault> FaultPlan::Next() {
  double place = std::uniform_real_distribution<>()(random_);
  for (size_t i = 0; i < kFaultCount; ++i) {
    const FaultOptions::One& one = options_.all[i];
    place -= one.rate;
    if (place >= 0) continue;
    PlannedFault fault{static_cast<Fault>(i)};
    fault.target = random_();
    fault.lasts = Draw(one.lasts_max);
    fault.size = Draw(one.size_max);
    if (fault.fault == Fault::kClockJump && random_() % 2 == 0) {
      fault.size = -fault.size;
    }
    fault.rate = one.size;
    fault.detail = random_();
    return fault;
  }
  return std::nullopt;
}

}  // namespace roomlog
