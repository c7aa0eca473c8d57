// Reads pages of rooms from an open database.
#ifndef ROOMLOG_STORAGE_LOG_READER_H_
#define ROOMLOG_STORAGE_LOG_READER_H_

#include <optional>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "storage/event.h"
#include "storage/log_database.h"
#include "storage/retention.h"

namespace roomlog {

// As RoomLog::Read(). Any thread.
//
// Expired is what is older than the room's age, and whatever lies before that
// in the room: where the clock went back an event may be dropped a little
// early, but never one out of the middle. Where the clock went forward and back
// again, the events in between are kept until their time.
absl::StatusOr<ReadPage> ReadRoomPage(const LogDatabase& database,
                                      const Retention& retention,
                                      const ReadQuery& query);

// Where a room stands by its last pack; all 0 if it has none.
struct RoomTail {
  Offset head;
  uint64_t events_ever = 0;
  uint64_t bytes_ever = 0;
};
absl::StatusOr<RoomTail> ReadRoomTail(const LogDatabase& database, RoomId room);
// The same without what lies in rows of commits still.
absl::StatusOr<RoomTail> ReadSettledTail(const LogDatabase& database,
                                         RoomId room);

// Whether the room has an event at `offset` with this publish id.
absl::StatusOr<bool> HasEventWithId(const LogDatabase& database, RoomId room,
                                    Offset offset, absl::string_view id);

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_LOG_READER_H_
