#include "node/rooms/room_packet.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/position.h"
#include "base/utf8.h"
#include "node/socketio/json.h"

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
    : packet_prefix_(EventPacketPrefix(room.name_space())),
      meta_prefix_(absl::StrCat("{\"room\":", Quote(room.room()), ",\"id\":")) {
}

std::optional<std::string> RoomPackets::ForClient(const EventView& event,
                                                  Epoch epoch) const {
  if (ArrayOf(event).empty()) return std::nullopt;
  std::string packet;
  packet.reserve(event.packet.size() + meta_prefix_.size() + event.id.size() +
                 80);  // The time, the offset and what is around them.
  absl::StrAppend(&packet, event.packet.substr(0, event.packet.size() - 1),
                  ",");
  if ((event.flags & proto::EVENT_FLAG_ROOM_APPLICATION) != 0) {
    AppendMeta(event, &packet);
    packet.push_back(',');
  }
  absl::StrAppend(&packet, "\"", FormatPosition({epoch, event.offset}), "\"]");
  return packet;
}

bool RoomPackets::AppendForHistory(const EventView& event, Epoch epoch,
                                   std::string* json) const {
  const absl::string_view array = ArrayOf(event);
  const absl::string_view name = FirstElement(array);
  if (name.empty()) return false;
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

absl::string_view RoomPackets::ArrayOf(const EventView& event) const {
  // A packet was made by a node and comes back as it was. Still a damaged one
  // would make clients close, so what costs nothing to check is checked.
  absl::string_view packet = event.packet;
  if ((event.flags & proto::EVENT_FLAG_HAS_ATTACHMENTS) != 0 ||
      !absl::StartsWith(packet, packet_prefix_) ||
      !absl::EndsWith(packet, "]")) {
    return {};
  }
  packet.remove_prefix(packet_prefix_.size() - 1);
  return absl::StartsWith(packet, "[\"") && IsUtf8(packet) && IsUtf8(event.id)
             ? packet
             : absl::string_view();
}

void RoomPackets::AppendMeta(const EventView& event, std::string* json) const {
  absl::StrAppend(json, meta_prefix_,
                  event.id.empty() ? "null" : Quote(event.id),
                  ",\"time\":", event.time_ms, "}");
}

}  // namespace roomlog
