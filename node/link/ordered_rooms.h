// Keeps what a node hears of its rooms whole and in the order of the log.
#ifndef ROOMLOG_NODE_LINK_ORDERED_ROOMS_H_
#define ROOMLOG_NODE_LINK_ORDERED_ROOMS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/ids.h"
#include "node/link/backplane.h"

namespace roomlog {

// What the link must read from the log: after < offset < before.
struct MissingEvents {
  RoomHandle room;
  Offset after;
  Offset before;
};

// Sits between the link and the follower. While nothing is missing, events pass
// straight through. When something is (the link was lost and found, or the node
// lagged), rooms are behind: what is missing is read from the log, and until it
// is there everything later is held, in all rooms, so that the follower hears
// everything once and in the order of the log. What is held is bounded: events
// beyond the bound are let go, and read from the log in their turn. Ephemeral
// events are not in the log: those that are let go, or came while the link was
// lost, are missed.
class OrderedRooms {
 public:
  // Borrows `follower`.
  OrderedRooms(RoomFollower& follower, size_t held_bytes_max);

  // A room that was not followed is, from `head` on. Tells the follower, in its
  // place in the order: when all up to `head` is told.
  void Begin(RoomHandle room, Position head);
  // It cannot be followed, or not any more. Tells the follower.
  void Fail(RoomHandle room, const absl::Status& status);
  void End(RoomHandle room);
  bool contains(RoomHandle room) const { return rooms_.contains(room); }

  // The link is lost: any room may miss anything from here on.
  void Suspend();
  // The log has begun a new life; comes after Suspend(). What was held is let
  // go, and each room hears of the gap when it resumes.
  void ChangeEpoch();
  // The link has found the room again; its last event is `head`.
  void Resume(RoomHandle room, Position head);

  // Events of begun and not suspended rooms came over the link, in the order of
  // the log. Those of unknown rooms are ignored.
  void OnLive(std::vector<RoomEvent> events);

  // What to read next, at most `most` rooms, those first that hold up the
  // others. Each is told once; answer by OnRead() or OnReadFailed().
  std::vector<MissingEvents> TakeMissing(size_t most);
  void OnRead(RoomHandle room, const HistoryPage& page);
  // `lost`: it will never be read whole, and the follower is told of a gap by
  // damage; else the read is told again by TakeMissing().
  void OnReadFailed(RoomHandle room, bool lost);

  size_t rooms_behind() const { return behind_.size(); }
  size_t held_bytes() const { return held_bytes_; }

 private:
  struct Room {
    Epoch epoch;
    Offset position;  // The follower was told of everything up to here.
    Offset known;     // Nothing is missing up to here: told, held or lost.
    // Beyond `known` there are events up to here, to be read; not beyond it if
    // there are none.
    Offset target;
    // Beyond `target` live events are held up to here, without a hole; 0 if
    // none are.
    Offset tail;
    bool suspended = false;  // What there is is not known.
    bool begun = false;      // The follower was told that it is followed.
    // A read is under way, which was to bring everything up to here; else 0.
    Offset reading_through;
    Epoch reading_in;  // The life of the log in which it was asked.

    bool behind() const { return suspended || known < target; }
  };
  struct Begun {
    RoomHandle room;
    Position head;
  };
  struct Gap {
    RoomHandle room;
    Position from;
    Position to;
    GapReason reason;
  };
  using Place = std::pair<Offset, RoomHandle>;

  // Around every change of `known`, `target` or `suspended`.
  void Unindex(RoomHandle handle, const Room& room);
  void Index(RoomHandle handle, const Room& room);

  // What is to be told at once is added to `passed`.
  void TakeLive(RoomEvent event, std::vector<RoomEvent>* passed);
  void TakeWhileBehind(RoomEvent event, Room* room);
  void Hold(RoomEvent event);
  void HoldGap(RoomHandle handle, Offset to, GapReason reason, Room* room);
  void CloseTail(Room* room);
  // Tells the follower all that nothing earlier can come before.
  void Release();

  RoomFollower& follower_;
  const size_t held_bytes_max_;
  // The last that the follower was told, of whatever room: nothing of any room
  // that came before it is missing.
  Offset told_;
  absl::flat_hash_map<RoomHandle, Room> rooms_;
  // The rooms that are behind, by how far they are known: nothing held beyond
  // the first of these may be told.
  std::set<Place> behind_;
  // Events, gaps at their ends, and beginnings.
  std::map<Place, std::variant<RoomEvent, Gap, Begun>> held_;
  size_t held_bytes_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_ORDERED_ROOMS_H_
