#include "test/sim/defect.h"

#include "absl/strings/str_cat.h"
#include "test/sim/backplane_defects.h"
#include "test/sim/log_defects.h"

namespace roomlog {
namespace {

constexpr const char* kNames[] = {
    "none",
    "deliver-before-sync",
    "reuse-offsets",
    "forget-producers",
    "forget-ids",
    "serve-damage",
    "forget-trimming",
    "forget-middle",
    "skip-seam",
    "overlap-seam",
    "keep-gaps",
    "acknowledge-early",
    "own-events-first",
    "head-too-late",
    "unbounded-queue",
};
static_assert(sizeof(kNames) / sizeof(kNames[0]) == kDefectCount);

}  // namespace

absl::string_view DefectName(Defect defect) {
  return kNames[static_cast<size_t>(defect)];
}

absl::StatusOr<Defect> ParseDefect(absl::string_view name) {
  for (size_t i = 0; i < kDefectCount; ++i) {
    if (name == kNames[i]) return static_cast<Defect>(i);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no defect '", name, "'"));
}

std::unique_ptr<RoomLog> WrapLog(Defect defect, std::unique_ptr<RoomLog> log,
                                 MemoryDisk& disk) {
  switch (defect) {
    case Defect::kDeliverBeforeSync:
      return std::make_unique<DeliversBeforeSync>(std::move(log));
    case Defect::kReuseOffsets:
      return std::make_unique<ReusesOffsets>(std::move(log), disk);
    case Defect::kForgetProducers:
      return std::make_unique<ForgetsProducers>(std::move(log));
    case Defect::kForgetIds:
      return std::make_unique<ForgetsIds>(std::move(log));
    case Defect::kServeDamage:
      return std::make_unique<ServesDamage>(std::move(log), disk);
    case Defect::kForgetTrimming:
      return std::make_unique<ForgetsTrimming>(std::move(log));
    case Defect::kForgetMiddle:
      return std::make_unique<ForgetsMiddle>(std::move(log));
    default:
      return log;
  }
}

std::unique_ptr<BackplaneWrapper> MakeBackplaneDefect(Defect defect) {
  switch (defect) {
    case Defect::kSkipSeam:
      return std::make_unique<SkipsSeam>();
    case Defect::kOverlapSeam:
      return std::make_unique<OverlapsSeam>();
    case Defect::kKeepGapsToItself:
      return std::make_unique<KeepsGapsToItself>();
    case Defect::kAcknowledgeEarly:
      return std::make_unique<AcknowledgesEarly>();
    case Defect::kOwnEventsFirst:
      return std::make_unique<HearsOwnEventsFirst>();
    case Defect::kHeadTooLate:
      return std::make_unique<BeginsTooLate>();
    default:
      return nullptr;
  }
}

}  // namespace roomlog
