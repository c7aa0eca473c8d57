#include "node/rooms/room_packet.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/position.h"
#include "base/utf8.h"
#include "base/json.h"

namespace roomlog {

std::string EventPacketPrefix(absl::string_view name_space) {
  // "/" is never written.
  return name_space == "/" ? "2[" : absl::StrCat("2", name_space, ",[");
}

std::string MakeRoomPacket(absl::string_view name_space,
                           absl::string_view event, absl::string_view data) {
  std::string packet = EventPacketPrefix(name_space);
  absl::StrAppend(&packet, Quote(event), ",", data, "]");
  return packet;
}

RoomPackets::RoomPackets(const RoomKey& room)
    : packet_prefix_(EventPacketPrefix(room.name_space()).substr(1)),
      meta_prefix_(absl::StrCat("{\"room\":", Quote(room.room()), ",\"id\":")) {
}

std::optional<std::string> RoomPackets::ForClient(const EventView& event,
                                                  Epoch epoch) const {
  if ((event.flags &
       (proto::EVENT_FLAG_HAS_ATTACHMENTS | proto::EVENT_FLAG_ADDRESSED |
        proto::EVENT_FLAG_EPHEMERAL)) != 0 ||
      ArrayOf(event.packet, 0).empty() || !IsUtf8(event.id)) {
    return std::nullopt;
  }
  return Complete(event.packet, event, epoch);
}

RoomPackets::Rendered RoomPackets::Render(const EventView& event,
                                          Epoch epoch) const {
  Rendered rendered;
  rendered.packet = event.packet;
  if ((event.flags & proto::EVENT_FLAG_ADDRESSED) != 0) {
    absl::StatusOr<AddressedPacket> addressed = ParseAddressed(event.packet);
    if (!addressed.ok()) return rendered;
    rendered.envelope = std::move(addressed->envelope);
    rendered.packet = addressed->packet;
    if (IsForNodes(*rendered.envelope)) return rendered;
  }
  absl::StatusOr<StoredPacket> stored = LoadPacket(
      rendered.packet, (event.flags & proto::EVENT_FLAG_HAS_ATTACHMENTS) != 0);
  if (!stored.ok() ||
      ArrayOf(stored->text, stored->attachments.size()).empty() ||
      !IsUtf8(event.id)) {
    return rendered;
  }
  const Position position{epoch, event.offset};
  // Socket.IO's own emits reach the client as they were said.
  const bool is_as_said = (event.flags & (proto::EVENT_FLAG_ADDRESSED |
                                          proto::EVENT_FLAG_EPHEMERAL)) != 0;
  rendered.frames =
      is_as_said
          ? EventFrames(stored->text, std::move(stored->attachments), position)
          : EventFrames(Complete(stored->text, event, epoch),
                        std::move(stored->attachments), position);
  return rendered;
}

std::string RoomPackets::Complete(absl::string_view text,
                                  const EventView& event, Epoch epoch) const {
  std::string packet;
  packet.reserve(text.size() + meta_prefix_.size() + event.id.size() +
                 80);  // The time, the offset and what is around them.
  absl::StrAppend(&packet, text.substr(0, text.size() - 1), ",");
  if ((event.flags & proto::EVENT_FLAG_ROOM_APPLICATION) != 0) {
    AppendMeta(event, &packet);
    packet.push_back(',');
  }
  absl::StrAppend(&packet, "\"", FormatPosition({epoch, event.offset}), "\"]");
  return packet;
}

bool RoomPackets::AppendForHistory(const EventView& event, Epoch epoch,
                                   std::string* json) const {
  if ((event.flags & (proto::EVENT_FLAG_HAS_ATTACHMENTS |
                      proto::EVENT_FLAG_ADDRESSED)) != 0) {
    return false;
  }
  const absl::string_view array = ArrayOf(event.packet, 0);
  const absl::string_view name = FirstElement(array);
  if (name.empty() || !IsUtf8(event.id)) return false;
  // Between the name and the last bracket, less the comma.
  absl::string_view data = array.substr(1 + name.size());
  data.remove_suffix(1);
  if (!data.empty()) data.remove_prefix(1);
  absl::StrAppend(json, "{\"event\":", name, ",\"data\":");
  if ((event.flags & proto::EVENT_FLAG_ROOM_APPLICATION) == 0) {
    absl::StrAppend(json, "[", data, "]");
  } else {
    absl::StrAppend(json, data.empty() ? "null" : data);
  }
  json->append(",\"meta\":");
  AppendMeta(event, json);
  absl::StrAppend(json, ",\"offset\":\"", FormatPosition({epoch, event.offset}),
                  "\"}");
  return true;
}

absl::string_view RoomPackets::ArrayOf(absl::string_view text,
                                       size_t attachments) const {
  // A packet was made by a node and comes back as it was. Still a damaged one
  // would make clients close, so what costs nothing to check is checked.
  const std::string head =
      attachments == 0 ? std::string("2") : absl::StrCat("5", attachments, "-");
  if (!absl::ConsumePrefix(&text, head) ||
      !absl::StartsWith(text, packet_prefix_) || !absl::EndsWith(text, "]")) {
    return {};
  }
  text.remove_prefix(packet_prefix_.size() - 1);
  return absl::StartsWith(text, "[\"") && IsUtf8(text) ? text
                                                       : absl::string_view();
}

void RoomPackets::AppendMeta(const EventView& event, std::string* json) const {
  absl::StrAppend(json, meta_prefix_,
                  event.id.empty() ? "null" : Quote(event.id),
                  ",\"time\":", event.time_ms, "}");
}

}  // namespace roomlog
