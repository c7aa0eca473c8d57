// A page of a room's history as clients ask for it and get it.
#ifndef ROOMLOG_NODE_ROOMS_HISTORY_PAGE_H_
#define ROOMLOG_NODE_ROOMS_HISTORY_PAGE_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/position.h"
#include "base/room_key.h"
#include "node/link/backplane.h"
#include "node/rooms/gap.h"

namespace roomlog {

struct HistoryQuery {
  RoomKey room;
  // At most one is set; neither means the newest.
  std::optional<Position> before;
  std::optional<Position> after;
  size_t limit = 0;  // 1 to kHistoryPageEventsMax.
};

// Newest first, or with `after` oldest first.
struct HistoryAnswer {
  // The inside of a JSON array, one object for each event: event, data, meta
  // (room, id, time) and offset, as docs/client-api.md has it.
  std::string events_json;
  bool more = false;  // There is more in this direction.
  // Of what was asked for this is no longer kept.
  std::optional<Gap> gap;
  size_t left_out = 0;  // Events that cannot be told as text.
};
using HistoryDone = absl::AnyInvocable<void(absl::StatusOr<HistoryAnswer>) &&>;

// What to read for a query.
HistoryRequest RequestFor(const HistoryQuery& query);

// What a query gets for the page that was read. About kHistoryAnswerBytesMax at
// most, but always an event if there is one. OUT_OF_RANGE: the query's offset
// is of an earlier life of the log.
absl::StatusOr<HistoryAnswer> AnswerFor(const HistoryQuery& query,
                                        const HistoryPage& page);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_HISTORY_PAGE_H_
