#include "broker/journal/publish_batch.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/room_key.h"
#include "base/user_room.h"
#include "proto/events.pb.h"

namespace roomlog {
namespace {

absl::Status CheckEvent(const EventView& event, size_t rooms) {
  if (event.room >= rooms) {
    return absl::InvalidArgumentError(
        absl::StrCat("room ", event.room, " of ", rooms));
  }
  if (event.packet.empty() || event.packet.size() > kPacketBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a packet of ", event.packet.size(), " bytes"));
  }
  if (event.id.size() > kPublishIdBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a publish id of ", event.id.size(), " bytes"));
  }
  return absl::OkStatus();
}

// A session's operation is of no room; one is named as every event has one.
absl::Status CheckSessionEvent(const EventView& event, absl::string_view room) {
  if (event.flags != proto::EVENT_FLAG_SESSION || !event.id.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a session's operation with the flags ", event.flags, " or an id"));
  }
  return RoomKey::Parse(room).status();
}

// A user's operation is in the room that keeps the user.
absl::Status CheckUserEvent(const EventView& event, absl::string_view room) {
  if (event.flags != proto::EVENT_FLAG_USER) {
    return absl::InvalidArgumentError(
        absl::StrCat("a user's operation with the flags ", event.flags));
  }
  const absl::StatusOr<RoomKey> key = RoomKey::Parse(room);
  if (key.ok() && !IsUserRoom(key->room())) {
    return absl::InvalidArgumentError(
        "a user's operation in a room that keeps no user");
  }
  return key.status();
}

// Reads rooms and events of batch->message, whose packets are batch->packets.
absl::Status ReadEvents(PublishBatch* batch) {
  const proto::Publish& publish = batch->message;
  const uint64_t count = publish.events().count();
  if (count == 0 || count > kEventsPerMessageMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a publish of ", count, " events"));
  }
  if (publish.rooms().sizes_size() > static_cast<int>(kRoomsPerMessageMax)) {
    return absl::InvalidArgumentError(
        absl::StrCat(publish.rooms().sizes_size(), " rooms in one message"));
  }
  absl::Status status = ReadRoomNames(publish.rooms(), &batch->rooms);
  if (status.ok()) {
    status = ReadEventColumns(publish.events(), batch->packets.view(),
                              &batch->events);
  }
  const bool ephemeral = batch->ephemeral_request != 0;
  for (const EventView& event : batch->events) {
    if (!status.ok()) break;
    status = CheckEvent(event, batch->rooms.size());
    if (status.ok() &&
        ephemeral != ((event.flags & proto::EVENT_FLAG_EPHEMERAL) != 0)) {
      status = absl::InvalidArgumentError(
          "an ephemeral event where it does not belong, or none where it does");
    }
    if (status.ok() && ephemeral && !event.id.empty()) {
      status = absl::InvalidArgumentError("an ephemeral event with an id");
    }
  }
  for (const EventView& event : batch->events) {
    if (!status.ok()) break;
    const absl::string_view room = batch->rooms[event.room];
    if ((event.flags & proto::EVENT_FLAG_SESSION) != 0) {
      batch->has_session_operations = true;
      status = CheckSessionEvent(event, room);
    } else if ((event.flags & proto::EVENT_FLAG_USER) != 0) {
      status = CheckUserEvent(event, room);
    }
  }
  return status;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const PublishBatch>> ParsePublishBatch(
    NodeNumber node, ProducerId producer, proto::Publish message,
    SharedBytes packets) {
  auto batch = std::make_shared<PublishBatch>();
  batch->node = node;
  batch->producer = producer;
  batch->message = std::move(message);
  batch->packets = std::move(packets);
  const proto::Publish& publish = batch->message;
  batch->first_number = PublishNumber(publish.first_number());
  batch->answered_through = PublishNumber(publish.answered_through());
  absl::Status status = ReadEvents(batch.get());
  if (!status.ok()) return status;
  if (publish.first_number() == 0 ||
      publish.first_number() >
          std::numeric_limits<uint64_t>::max() - publish.events().count() ||
      publish.answered_through() >= publish.first_number()) {
    return absl::InvalidArgumentError(
        absl::StrCat("publish number ", publish.first_number(),
                     ", answered through ", publish.answered_through()));
  }
  return batch;
}

absl::StatusOr<std::shared_ptr<const PublishBatch>> ParseEphemeralBatch(
    NodeNumber node, proto::Ephemeral message, SharedBytes packets) {
  if (message.request() == 0) {
    return absl::InvalidArgumentError("an ephemeral message without a request");
  }
  auto batch = std::make_shared<PublishBatch>();
  batch->node = node;
  batch->ephemeral_request = message.request();
  batch->message.mutable_rooms()->Swap(message.mutable_rooms());
  batch->message.mutable_events()->Swap(message.mutable_events());
  batch->packets = std::move(packets);
  absl::Status status = ReadEvents(batch.get());
  if (!status.ok()) return status;
  return batch;
}

}  // namespace roomlog
