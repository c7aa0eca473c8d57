#include "broker/journal/publish_batch.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/limits.h"

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

  const uint64_t count = publish.events().count();
  if (count == 0 || count > kEventsPerMessageMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a publish of ", count, " events"));
  }
  if (publish.first_number() == 0 ||
      publish.first_number() > std::numeric_limits<uint64_t>::max() - count ||
      publish.answered_through() >= publish.first_number()) {
    return absl::InvalidArgumentError(
        absl::StrCat("publish number ", publish.first_number(),
                     ", answered through ", publish.answered_through()));
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
  for (const EventView& event : batch->events) {
    if (!status.ok()) break;
    status = CheckEvent(event, batch->rooms.size());
  }
  if (!status.ok()) return status;
  return batch;
}

}  // namespace roomlog
