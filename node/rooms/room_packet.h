// The Socket.IO packets of a room: made for the log, completed for clients and
// taken apart for history, all by bytes.
#ifndef ROOMLOG_NODE_ROOMS_ROOM_PACKET_H_
#define ROOMLOG_NODE_ROOMS_ROOM_PACKET_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/room_key.h"
#include "node/rooms/envelope.h"
#include "node/rooms/event_frames.h"
#include "proto/event_columns.h"

namespace roomlog {

// What an event's packet begins with in a namespace: `2[` or `2/chat,[`.
std::string EventPacketPrefix(absl::string_view name_space);

// The packet of an event as the log keeps it: `2["event",data]`. `data` is JSON
// and passes through byte for byte.
std::string MakeRoomPacket(absl::string_view name_space,
                           absl::string_view event, absl::string_view data);

// What is the same for every event of one room, made once.
class RoomPackets {
 public:
  explicit RoomPackets(const RoomKey& room);

  // The text that a client is sent for a stored event without attachments: as
  // stored, with meta (of the room application's own) and the offset as last
  // arguments. Nothing if what is stored is no event's packet of this
  // namespace.
  std::optional<std::string> ForClient(const EventView& event,
                                       Epoch epoch) const;

  struct Rendered {
    // Empty where nothing can be sent: it is for the nodes (IsForNodes()), or
    // no event's packet of this namespace.
    EventFrames frames;
    EnvelopePtr envelope;      // Of an addressed event.
    absl::string_view packet;  // What stands behind the envelope, as stored.
  };
  // Borrows from the event.
  Rendered Render(const EventView& event, Epoch epoch) const;

  // Appends {"event":..,"data":..,"meta":..,"offset":..}. Returns false, and
  // appends nothing, where ForClient() gives nothing, and for what is addressed
  // to some of the members only. What others than the room
  // application published may have any number of arguments; `data` is then
  // the array of them.
  bool AppendForHistory(const EventView& event, Epoch epoch,
                        std::string* json) const;

 private:
  // The array in a packet's text, the event's name first; empty if it is not
  // what may be sent.
  absl::string_view ArrayOf(absl::string_view text, size_t attachments) const;
  // The text with what the event's flags say behind its arguments.
  std::string Complete(absl::string_view text, const EventView& event,
                       Epoch epoch) const;
  void AppendMeta(const EventView& event, std::string* json) const;

  std::string packet_prefix_;  // EventPacketPrefix(), without the type.
  std::string meta_prefix_;    // {"room":"the room","id":
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_ROOM_PACKET_H_
