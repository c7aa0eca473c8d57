// Events in and out of their columns: the same on the wire and in the log.
#ifndef ROOMLOG_PROTO_EVENT_COLUMNS_H_
#define ROOMLOG_PROTO_EVENT_COLUMNS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "proto/events.pb.h"

namespace roomlog {

// One event, borrowed from wherever its bytes lie.
struct EventView {
  Offset offset;
  Offset previous;  // The one before it in the same room; 0 if there is none.
  int64_t time_ms = 0;
  uint32_t flags = 0;  // Bits of proto::EventFlag.
  uint32_t room = 0;   // What it means is the message's affair.
  absl::string_view id;
  absl::string_view packet;

  friend bool operator==(const EventView&, const EventView&) = default;
};

// Which of the columns a message has a use for.
struct ColumnChoice {
  bool rooms = false;
  bool offsets = false;   // Offsets and times.
  bool previous = false;  // Needs offsets.
};

// Adds events to columns, leaving out every column that says nothing.
class EventColumnsWriter {
 public:
  // `columns` must be empty and outlive the writer.
  EventColumnsWriter(ColumnChoice choice, proto::EventColumns* columns)
      : choice_(choice), columns_(columns) {}

  // The packet itself is the caller's to put into the blob. Offsets must not
  // fall from one event to the next.
  void Add(const EventView& event);

 private:
  const ColumnChoice choice_;
  proto::EventColumns* columns_;
  Offset last_offset_;
  int64_t last_time_ms_ = 0;
};

// Appends the events of `columns` to `events`; they borrow from both arguments.
// The bytes may be hostile: INVALID_ARGUMENT, and `events` as before, if lists
// are of unequal length, sizes do not add up to the blob, or numbers overflow.
absl::Status ReadEventColumns(const proto::EventColumns& columns,
                              absl::string_view blob,
                              std::vector<EventView>* events);

// Appends the names in `names`, borrowed from it. INVALID_ARGUMENT if the sizes
// do not add up. Does not look into the names.
absl::Status ReadRoomNames(const proto::RoomNames& names,
                           std::vector<absl::string_view>* out);

// Adds one name, "<namespace>\0<room>".
void AddRoomName(absl::string_view name, proto::RoomNames* names);

}  // namespace roomlog

#endif  // ROOMLOG_PROTO_EVENT_COLUMNS_H_
