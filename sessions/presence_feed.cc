#include "sessions/presence_feed.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/presence_room.h"

namespace roomlog {
namespace {

const absl::string_view kNul("\0", 1);

}  // namespace

void PresenceFeed::Apply(const MemberChange& change,
                         std::vector<Event>* events) {
  if (!is_kept()) return;
  for (const std::string& room : change.left) {
    Take(change, room, /*has_joined=*/false, events);
  }
  for (const std::string& room : change.joined) {
    Take(change, room, /*has_joined=*/true, events);
  }
}

void PresenceFeed::Load(const MemberChange& member) {
  std::vector<Event> known;
  Apply(member, &known);
  Written();
}

void PresenceFeed::Take(const MemberChange& change, const std::string& room,
                        bool has_joined, std::vector<Event>* events) {
  if (!rules_.HasFeed(change.name_space, room)) return;
  Step step{absl::StrCat(change.name_space, kNul, room), change.user,
            has_joined};
  const bool is_edge = Count(step);
  const auto counted = rooms_.find(step.room);
  const bool is_empty = counted == rooms_.end();
  Event& event = events->emplace_back();
  event.room = absl::StrCat(change.name_space, kNul, kPresenceRoomPrefix, room);
  event.packet = absl::StrCat(
      "2", change.name_space == "/" ? "" : change.name_space + ",",
      "[\"roomlog:presence\",{\"room\":", Quote(room),
      ",\"change\":", has_joined ? "\"join\"" : "\"leave\"",
      ",\"socket\":", Quote(change.socket_id),
      ",\"user\":", change.user.empty() ? "null" : Quote(change.user),
      has_joined ? ",\"first\":" : ",\"last\":", is_edge ? "true" : "false",
      ",\"sockets\":", is_empty ? 0 : counted->second.sockets,
      ",\"users\":", is_empty ? 0 : counted->second.users.size(), "}]");
  applied_.push_back(std::move(step));
}

bool PresenceFeed::Count(const Step& step) {
  Room& room = rooms_[step.room];
  bool is_edge = false;
  if (step.has_joined) {
    ++room.sockets;
    if (!step.user.empty()) is_edge = ++room.users[step.user] == 1;
    return is_edge;
  }
  --room.sockets;
  if (const auto user = room.users.find(step.user); user != room.users.end()) {
    is_edge = --user->second == 0;
    if (is_edge) room.users.erase(user);
  }
  if (room.sockets == 0) rooms_.erase(step.room);
  return is_edge;
}

void PresenceFeed::Undo() {
  for (auto step = applied_.rbegin(); step != applied_.rend(); ++step) {
    step->has_joined = !step->has_joined;
    Count(*step);
  }
  applied_.clear();
}

}  // namespace roomlog
