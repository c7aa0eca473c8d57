// The value of a row of events: those of one room that were committed together.
#ifndef ROOMLOG_STORAGE_EVENT_PACK_H_
#define ROOMLOG_STORAGE_EVENT_PACK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "proto/event_columns.h"
#include "proto/log.pb.h"

namespace roomlog {

// Makes the value of one pack after another: a head, and behind it the packets
// in the order in which their events were added.
class EventPackWriter {
 public:
  // Begins a pack. The room stood at `previous`, after so many events and bytes
  // in its life.
  void Begin(Offset previous, uint64_t events_ever, uint64_t bytes_ever);
  void Add(const EventView& event);

  // Ends the pack and puts its head, which the packets follow, behind `out`.
  void AppendHead(std::string* out);

  size_t events() const { return pack_.events().count(); }
  size_t packet_bytes() const { return packet_bytes_; }
  uint64_t events_ever() const { return events_ever_; }
  uint64_t bytes_ever() const { return bytes_ever_; }

 private:
  // Kept from pack to pack, so that its lists need no new memory.
  proto::EventPack pack_;
  size_t packet_bytes_ = 0;
  uint64_t events_ever_ = 0;
  uint64_t bytes_ever_ = 0;
  std::optional<EventColumnsWriter> columns_;
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
