#include "sessions/member_change.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/string_view.h"
#include "base/reserved_room.h"

namespace roomlog {
namespace {

// In their order, each once.
std::vector<std::string> RoomsOf(const proto::SessionRecord* record) {
  std::vector<std::string> rooms;
  if (record == nullptr || record->is_absent()) return rooms;
  rooms.emplace_back("");
  for (const proto::SessionRoom& room : record->rooms()) {
    if (!room.name().empty() && !IsReservedRoom(room.name())) {
      rooms.push_back(room.name());
    }
  }
  std::sort(rooms.begin(), rooms.end());
  rooms.erase(std::unique(rooms.begin(), rooms.end()), rooms.end());
  return rooms;
}

bool IsAway(const proto::SessionRecord& record) {
  return record.detached_ms() != 0;
}

}  // namespace

std::optional<MemberChange> MemberChangeBetween(
    const proto::SessionRecord* before, const proto::SessionRecord* after) {
  const std::vector<std::string> had = RoomsOf(before);
  const std::vector<std::string> has = RoomsOf(after);
  if (had.empty() && has.empty()) return std::nullopt;
  const proto::SessionRecord& shown = has.empty() ? *before : *after;
  MemberChange change;
  std::set_difference(has.begin(), has.end(), had.begin(), had.end(),
                      std::back_inserter(change.joined));
  std::set_difference(had.begin(), had.end(), has.begin(), has.end(),
                      std::back_inserter(change.left));
  if (change.joined.empty() && change.left.empty() &&
      IsAway(*before) == IsAway(*after) && before->owner() == after->owner()) {
    return std::nullopt;
  }
  change.name_space = shown.name_space();
  change.socket_id = shown.socket_id();
  change.user = shown.user();
  change.owner = ProducerId(shown.owner());
  change.is_away = IsAway(shown);
  change.is_gone = has.empty();
  return change;
}

}  // namespace roomlog
