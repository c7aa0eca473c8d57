#include "node/rooms/audience.h"

#include "absl/algorithm/container.h"
#include "node/rooms/direct_room.h"

namespace roomlog {

Audience::Audience(const proto::Envelope* envelope, const RoomKey& room,
                   const RoomTable& rooms) {
  if (envelope == nullptr) return;
  const bool is_direct = IsDirectRoom(room.room());
  const auto resolve = [&](const std::string& text) {
    Name name{text, nullptr};
    const absl::StatusOr<RoomKey> key = RoomKey::Make(room.name_space(), text);
    // Nobody is told by a reserved name who is in it.
    if (key.ok() && !text.empty() && !is_direct && !IsReservedRoom(text)) {
      const auto found = rooms.find(*key);
      if (found != rooms.end()) name.room = found->second.get();
    }
    return name;
  };
  for (const std::string& text : envelope->rooms()) {
    rooms_.push_back(resolve(text));
  }
  for (const std::string& text : envelope->except()) {
    except_.push_back(resolve(text));
  }
  through_ = envelope->through();
  if (!rooms_.empty() && (room.room().empty() || is_direct)) {
    target_ = &rooms_[through_];
  }
}

bool Audience::Includes(const RoomClient& client) const {
  const auto is_in = [&](const Name& name) {
    return name.text == client.socket.id() ||
           (name.room != nullptr && client.IsIn(name.room));
  };
  for (size_t i = 0; i < through_ && i < rooms_.size(); ++i) {
    if (is_in(rooms_[i])) return false;
  }
  return (target_ == nullptr || is_in(*target_)) && !IsExcepted(client);
}

bool Audience::Selects(const RoomClient& client) const {
  if (IsExcepted(client)) return false;
  return rooms_.empty() || absl::c_any_of(rooms_, [&](const Name& name) {
           return name.text == client.socket.id() ||
                  (name.room != nullptr && client.WantsIn(name.room));
         });
}

bool Audience::IsExcepted(const RoomClient& client) const {
  return absl::c_any_of(except_, [&](const Name& name) {
    return name.text == client.socket.id() ||
           (name.room != nullptr && client.WantsIn(name.room));
  });
}

}  // namespace roomlog
