// The comings and goings in a room, as events.
#ifndef ROOMLOG_SESSIONS_PRESENCE_FEED_H_
#define ROOMLOG_SESSIONS_PRESENCE_FEED_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "sessions/member_change.h"
#include "sessions/presence_rules.h"

namespace roomlog {

// Makes an event of each socket that joins or leaves a room of which a feed is
// kept; it says whether it is its user's first there, or last. Counts these
// rooms only, so that nobody else pays for it. It follows from the changes
// alone; one thread.
class PresenceFeed {
 public:
  struct Event {
    std::string room;    // That of the feed, as RoomKey::text() has it.
    std::string packet;  // `2["roomlog:presence",{...}]`; docs/client-api.md.
  };

  explicit PresenceFeed(PresenceRules rules) : rules_(std::move(rules)) {}

  bool is_kept() const { return !rules_.empty(); }

  // Adds to `events` what `change` brings about, in the order of its rooms.
  void Apply(const MemberChange& change, std::vector<Event>* events);
  // One that was there in an earlier life; before all else.
  void Load(const MemberChange& member);

  // Takes back all that was applied since the last call of Undo() or Written(),
  // for its events could not be written.
  void Undo();
  void Written() { applied_.clear(); }

 private:
  struct Room {
    size_t sockets = 0;
    absl::flat_hash_map<std::string, uint32_t> users;  // With how many sockets.
  };
  struct Step {
    std::string room;  // As RoomKey::text() has it.
    std::string user;
    bool has_joined = false;
  };

  // What it was for the user: the first socket to join, or the last to leave.
  bool Count(const Step& step);
  void Take(const MemberChange& change, const std::string& room,
            bool has_joined, std::vector<Event>* events);

  const PresenceRules rules_;
  absl::flat_hash_map<std::string, Room> rooms_;
  std::vector<Step> applied_;  // Latest last.
};

}  // namespace roomlog

#endif  // ROOMLOG_SESSIONS_PRESENCE_FEED_H_
