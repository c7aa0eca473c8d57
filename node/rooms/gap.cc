#include "node/rooms/gap.h"

#include "absl/strings/str_cat.h"
#include "node/rooms/room_packet.h"
#include "base/json.h"

namespace roomlog {
namespace {

absl::string_view ReasonName(GapReason reason) {
  switch (reason) {
    case GapReason::kRetention:
      return "retention";
    case GapReason::kEpoch:
      return "epoch";
    case GapReason::kLimit:
      return "limit";
    case GapReason::kDamage:
      return "damage";
  }
  return "unknown";
}

}  // namespace

void AppendGapMembers(const Gap& gap, std::string* json) {
  absl::StrAppend(json, "\"reason\":\"", ReasonName(gap.reason),
                  "\",\"from\":\"", FormatPosition(gap.from), "\",\"to\":\"",
                  FormatPosition(gap.to), "\"");
}

std::string GapPacket(absl::string_view name_space, absl::string_view room,
                      const Gap& gap) {
  std::string packet =
      absl::StrCat(EventPacketPrefix(name_space),
                   "\"roomlog:gap\",{\"room\":", Quote(room), ",");
  AppendGapMembers(gap, &packet);
  packet.append("}]");
  return packet;
}

}  // namespace roomlog
