// Publishes and their answers in few words, for tests.
#ifndef ROOMLOG_BROKER_JOURNAL_BATCH_STORY_H_
#define ROOMLOG_BROKER_JOURNAL_BATCH_STORY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/room_key.h"
#include "broker/journal/journal.h"
#include "broker/journal/publish_batch.h"
#include "proto/event_columns.h"
#include "proto/events.pb.h"

namespace roomlog {

// The full name of a room of the namespace "/".
inline std::string Room(absl::string_view room) {
  return RoomKey::Make("/", room).value().text();
}

struct Said {
  std::string room;  // Its full name, which may be wrong.
  std::string packet;
  std::string id = {};
};

struct PublishStory {
  uint64_t producer = 1;
  uint64_t first_number = 1;
  std::vector<Said> events;
  uint64_t answered_through = 0;
  uint64_t node = 1;
};

// The message that a node would send; appends its packets to `packets`.
inline proto::Publish PublishMessage(const PublishStory& story,
                                     std::string* packets) {
  proto::Publish message;
  message.set_first_number(story.first_number);
  message.set_answered_through(story.answered_through);
  EventColumnsWriter writer({.rooms = true}, message.mutable_events());
  uint32_t room = 0;
  for (const Said& said : story.events) {
    AddRoomName(said.room, message.mutable_rooms());
    EventView event;
    event.room = room++;
    event.id = said.id;
    event.packet = said.packet;
    writer.Add(event);
    packets->append(said.packet);
  }
  return message;
}

inline std::shared_ptr<const PublishBatch> MakeBatch(
    const PublishStory& story) {
  std::string packets;
  proto::Publish message = PublishMessage(story, &packets);
  return ParsePublishBatch(NodeNumber(story.node), ProducerId(story.producer),
                           std::move(message), SharedBytes(std::move(packets)))
      .value();
}

// A batch of ephemeral events of the same story.
inline std::shared_ptr<const PublishBatch> MakeEphemeralBatch(
    uint64_t request, const std::vector<Said>& events, uint64_t node = 1) {
  std::string packets;
  proto::Ephemeral message;
  message.set_request(request);
  EventColumnsWriter writer({.rooms = true}, message.mutable_events());
  uint32_t room = 0;
  for (const Said& said : events) {
    AddRoomName(said.room, message.mutable_rooms());
    EventView event;
    event.flags = proto::EVENT_FLAG_EPHEMERAL;
    event.room = room++;
    event.packet = said.packet;
    writer.Add(event);
    packets.append(said.packet);
  }
  return ParseEphemeralBatch(NodeNumber(node), std::move(message),
                             SharedBytes(std::move(packets)))
      .value();
}

// "1-3 at 100" (the first one's offset), "4 was at 7" (a duplicate),
// "5-6 UNAVAILABLE" (an error).
inline std::vector<std::string> InWords(const std::vector<PublishedRun>& runs) {
  std::vector<std::string> words;
  for (const PublishedRun& run : runs) {
    const uint64_t first = run.first_number.value();
    std::string numbers = absl::StrCat(first);
    if (run.count != 1) absl::StrAppend(&numbers, "-", first + run.count - 1);
    words.push_back(
        run.status.ok()
            ? absl::StrCat(numbers, run.duplicate ? " was at " : " at ",
                           run.first_offset.value())
            : absl::StrCat(numbers, " ",
                           absl::StatusCodeToString(run.status.code())));
  }
  return words;
}

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_JOURNAL_BATCH_STORY_H_
