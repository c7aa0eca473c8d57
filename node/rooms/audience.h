// Whom an addressed event is for, among the sockets of one loop.
#ifndef ROOMLOG_NODE_ROOMS_AUDIENCE_H_
#define ROOMLOG_NODE_ROOMS_AUDIENCE_H_

#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "node/rooms/envelope.h"
#include "node/rooms/room.h"

namespace roomlog {

// Reads an envelope against the rooms as they are now; borrows both, and must
// not outlive any change of the rooms.
class Audience {
 public:
  Audience() = default;  // Everybody.
  // `envelope` may be null: then everybody is meant. `room` is the event's.
  Audience(const proto::Envelope* envelope, const RoomKey& room,
           const RoomTable& rooms);

  // The event lies in the namespace's room, or in one for directed events, and
  // is for few.
  bool is_for_few() const { return target_ != nullptr; }

  // It is for every member of the event's room.
  bool is_everybody() const {
    return target_ == nullptr && through_ == 0 && except_.empty();
  }

  // Whether a member of the event's room is to get it: this is the first of the
  // rooms that it is in, and it is in none that is excepted.
  bool Includes(const RoomClient& client) const;

  // Whether a socket of the namespace is in any of the rooms, or none are
  // named, and in none that is excepted.
  bool Selects(const RoomClient& client) const;

 private:
  // A name stands for a room, or for the socket that has it as its id; of a
  // directed event for the socket alone.
  struct Name {
    absl::string_view text;
    const Room* room = nullptr;  // Null: nobody here is in it.
  };
  using Names = absl::InlinedVector<Name, 2>;

  bool IsExcepted(const RoomClient& client) const;

  Names rooms_;
  Names except_;
  size_t through_ = 0;
  const Name* target_ = nullptr;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_AUDIENCE_H_
