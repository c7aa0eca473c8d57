#include "sessions/member_change.h"

#include <algorithm>
#include <iterator>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "base/reserved_room.h"

namespace roomlog {
namespace {

using Names = absl::InlinedVector<absl::string_view, 8>;

// In their order, each once. Borrows from the record.
Names RoomsOf(const proto::SessionRecord* record) {
  Names rooms;
  if (record == nullptr || record->is_absent()) return rooms;
  rooms.emplace_back("");
  for (const proto::SessionRoom& room : record->rooms()) {
    if (!room.name().empty() && !IsReservedRoom(room.name())) {
      rooms.emplace_back(room.name());
    }
  }
  std::sort(rooms.begin(), rooms.end());
  rooms.erase(std::unique(rooms.begin(), rooms.end()), rooms.end());
  return rooms;
}

// Those of `all` that are not in `others`.
std::vector<std::string> Without(const Names& all, const Names& others) {
  Names rest;
  std::set_difference(all.begin(), all.end(), others.begin(), others.end(),
                      std::back_inserter(rest));
  return {rest.begin(), rest.end()};
}

bool IsAway(const proto::SessionRecord& record) {
  return record.detached_ms() != 0;
}

}  // namespace

std::optional<MemberChange> MemberChangeBetween(
    const proto::SessionRecord* before, const proto::SessionRecord* after) {
  const Names had = RoomsOf(before);
  const Names has = RoomsOf(after);
  if (had.empty() && has.empty()) return std::nullopt;
  const proto::SessionRecord& shown = has.empty() ? *before : *after;
  MemberChange change;
  change.joined = Without(has, had);
  change.left = Without(had, has);
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
