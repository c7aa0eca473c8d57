// A row of events: some of one room that follow one another.
#ifndef ROOMLOG_STORAGE_EVENT_PACK_H_
#define ROOMLOG_STORAGE_EVENT_PACK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/ids.h"
#include "proto/event_columns.h"
#include "proto/log.pb.h"
#include "storage/log_keys.h"

namespace roomlog {

// Makes the packs of one room after another. The value of a pack is a head, and
// behind it the packets in the order in which their events were added.
class EventPackWriter {
 public:
  // Begins the first pack of a room, which stood at `previous`, after so many
  // events and bytes in its life.
  void Begin(RoomId room, Offset previous, uint64_t events_ever,
             uint64_t bytes_ever);
  // Begins the next pack of the same room.
  void BeginNext();
  // Borrows `event.packet` until the pack is finished.
  void Add(const EventView& event);
  // Whether the pack should take no more: kPackEventsMax, kPackBytesMax.
  bool full() const;

  // Ends the pack, which has events: its key, and what its value is made of, in
  // order. Borrowed until the next pack is begun.
  NumberPairKey key() const { return PackKey(room_, first_); }
  absl::Span<const absl::string_view> Finish();

  size_t packet_bytes() const { return packet_bytes_; }
  uint64_t events_ever() const { return events_ever_; }
  uint64_t bytes_ever() const { return bytes_ever_; }

 private:
  // Kept from pack to pack, so that its lists need no new memory.
  proto::EventPack pack_;
  RoomId room_;
  Offset first_;
  Offset last_;
  size_t packet_bytes_ = 0;
  uint64_t events_ever_ = 0;
  uint64_t bytes_ever_ = 0;
  std::optional<EventColumnsWriter> columns_;
  std::string head_;
  std::vector<absl::string_view> parts_;  // The first is the head.
};

// Reads one pack after another.
class EventPackReader {
 public:
  // DATA_LOSS: key and value are not what EventPackWriter made. What is read
  // borrows from `value` and from this object, until the next Read().
  absl::Status Read(absl::string_view key, absl::string_view value);

  RoomId room() const { return room_; }
  // At least one, in the order of their offsets, each with its previous one.
  const std::vector<EventView>& events() const { return events_; }
  Offset first() const { return events_.front().offset; }
  Offset last() const { return events_.back().offset; }
  // What the room has held in its life, up to and with this pack.
  uint64_t events_ever() const { return pack_.events_ever(); }
  uint64_t bytes_ever() const { return pack_.bytes_ever(); }

 private:
  absl::Status ReadValue(absl::string_view value);

  proto::EventPack pack_;
  RoomId room_;
  std::vector<EventView> events_;
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_EVENT_PACK_H_
