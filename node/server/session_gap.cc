#include "node/server/session_gap.h"

namespace roomlog {

SessionGap::Reason ReasonOf(GapReason reason) {
  switch (reason) {
    case GapReason::kRetention:
      return SessionGap::Reason::kRetention;
    case GapReason::kEpoch:
      return SessionGap::Reason::kEpoch;
    case GapReason::kLimit:
      return SessionGap::Reason::kLimit;
    case GapReason::kDamage:
      return SessionGap::Reason::kDamage;
  }
  return SessionGap::Reason::kDamage;
}

absl::string_view SessionGapReasonName(SessionGap::Reason reason) {
  switch (reason) {
    case SessionGap::Reason::kExpired:
      return "expired";
    case SessionGap::Reason::kUnavailable:
      return "unavailable";
    case SessionGap::Reason::kBadOffset:
      return "bad_offset";
    case SessionGap::Reason::kRetention:
      return "retention";
    case SessionGap::Reason::kEpoch:
      return "epoch";
    case SessionGap::Reason::kLimit:
      return "limit";
    case SessionGap::Reason::kDamage:
      return "damage";
  }
  return "damage";
}

}  // namespace roomlog
