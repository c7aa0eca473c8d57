// What goes into the log and what comes out.
#ifndef ROOMLOG_STORAGE_EVENT_H_
#define ROOMLOG_STORAGE_EVENT_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/room_key.h"
#include "base/shared_bytes.h"
#include "base/state_change.h"
#include "proto/event_columns.h"

namespace roomlog {

// One event for one room, to be appended. An event for several rooms is as many
// of these with one offset.
struct NewEvent {
  RoomId room;
  Offset offset;
  uint32_t flags = 0;        // Bits of proto::EventFlag.
  absl::string_view id;      // The publish id; empty if it has none.
  absl::string_view packet;  // Borrowed until Append() returns.
  Offset previous;           // Set by Append(): the room's event before.
};

// The answers to consecutive publishes of one producer.
struct AnswerRun {
  uint32_t count = 0;
  Offset first_offset;     // The others follow one by one,
  bool duplicate = false;  // but a duplicate stands alone (count 1).

  friend bool operator==(const AnswerRun&, const AnswerRun&) = default;
};

// What is remembered of the publishes that one commit took from one producer.
struct ProducerAnswers {
  ProducerId producer;
  PublishNumber first;          // The number of the first answer.
  std::vector<AnswerRun> runs;  // They follow one another.
  int64_t time_ms = 0;

  friend bool operator==(const ProducerAnswers&,
                         const ProducerAnswers&) = default;
};

// What one commit changes, all or none.
struct LogBatch {
  // When the broker took it, in milliseconds since 1970.
  int64_t time_ms = 0;
  // In the order of their offsets, which never fall.
  std::vector<NewEvent> events;
  std::vector<ProducerAnswers> answers;
  // Answers (by producer and first number) that nobody will ask for again.
  std::vector<std::pair<ProducerId, PublishNumber>> forgotten_answers;
  // In this order. Not about any room, and kept until it is changed again.
  std::vector<StateChange> state;
};

// Where a room stands.
struct RoomHead {
  RoomId id;
  Offset head;             // Its last event; 0 if it never had one.
  Offset trimmed_through;  // The highest offset that retention took away.
  uint64_t events = 0;     // What is kept: events,
  uint64_t bytes = 0;      // and bytes of their packets.
};

inline constexpr Offset kNoUpperBound{std::numeric_limits<uint64_t>::max()};

// A page of a room's log: after < offset < before, not older than `since_ms`.
struct ReadQuery {
  enum class Direction { kOldestFirst, kNewestFirst };

  RoomKey room;
  Direction direction = Direction::kOldestFirst;
  Offset after;
  Offset before = kNoUpperBound;
  int64_t since_ms = std::numeric_limits<int64_t>::min();
  // The page ends before it holds more than this; but one event is given
  // whatever its size.
  size_t events_max = 0;
  size_t bytes_max = 0;  // Of packets.
  // The time of day by which ages are judged.
  int64_t now_ms = 0;
};

struct ReadPage {
  // Oldest first, whichever end the reading began at. They borrow from `bytes`.
  std::vector<EventView> events;
  std::vector<SharedBytes> bytes;
  // Everything of the room up to here is gone, by retention as of `now_ms`. If
  // more is gone that matches the query, this tells of it; what else is expired
  // but not trimmed yet it may leave out. So a reader that has all up to
  // `after` lacks events if, and only if, this is beyond `after`.
  Offset trimmed_through;
  Offset head;        // The room's last event as this read saw it.
  bool more = false;  // More events match than the page holds.
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_EVENT_H_
