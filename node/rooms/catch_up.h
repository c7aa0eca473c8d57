// What several rooms said in one stretch of the log, as one.
#ifndef ROOMLOG_NODE_ROOMS_CATCH_UP_H_
#define ROOMLOG_NODE_ROOMS_CATCH_UP_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "base/room_key.h"
#include "node/link/backplane.h"
#include "node/rooms/gap.h"
#include "node/rooms/replay.h"

namespace roomlog {

struct Membership;

// Merges pages of the log of a client's rooms into the log's order. Knows
// neither client nor backplane: read what NextRead() asks for, Take() the
// pages, and hand on what Next() gives, until done(). Bounded: holds no more
// than kCatchUpBytesMax and one page; of what would be more it remembers only
// where it begins, and reads it again in its turn.
class CatchUp {
 public:
  // One room of it. The member may be gone by now.
  using Member = std::weak_ptr<Membership>;

  struct Item {
    std::shared_ptr<Membership> member;
    const EventView* event = nullptr;  // Or else
    const Gap* gap = nullptr;          // this comes next.
    Epoch epoch;
    Offset offset;  // Of the event, or the gap's end.
  };
  struct Read {
    size_t lane;
    HistoryRequest request;
  };

  // Everything up to `through` will have been handed on in the end. Pages hold
  // `page_events` altogether, about.
  CatchUp(Offset through, size_t page_events)
      : through_(through), page_events_(page_events) {}

  // What `room` said after `after`, up to `end`. It is known to reach to
  // `known`, and may be silent between there and `end`.
  void AddRoom(const RoomKey& room, Member member, Offset after, Position end,
               Offset known);

  // Forgets the rooms that were left meanwhile.
  void DropGone();
  // What to read now, if anything: answered by Take(), before which it is not
  // asked for again.
  std::optional<Read> NextRead();
  // UNAVAILABLE: the log could not be read, or not the life of it that this is
  // about; it may be read again. What is damaged becomes a gap.
  absl::Status Take(size_t lane, const absl::StatusOr<HistoryPage>& page);

  // What comes next, if that is known yet; valid until Pop().
  std::optional<Item> Next();
  void Pop();

  bool done() const { return lanes_.empty(); }
  Offset through() const { return through_; }
  size_t popped() const { return popped_; }

 private:
  struct Lane {
    Lane(size_t its_id, Member its_member, Replay its_replay, Position through)
        : id(its_id),
          member(std::move(its_member)),
          replay(std::move(its_replay)),
          position(through) {}

    const size_t id;
    const Member member;
    Replay replay;
    const Position position;
    HistoryPage page;  // Keeps the bytes of `events`.
    std::vector<EventView> events;
    size_t next = 0;
    std::optional<Gap> gap;  // Comes before `events`.
    // Comes after `events`, and is the rest of the stretch.
    std::optional<Gap> damage;
    // The first event was seen, but not kept.
    std::optional<Offset> seen;
    size_t bytes = 0;
    bool reading = false;
    bool is_read = false;  // To the end.

    bool holds_something() const {
      return gap.has_value() || next < events.size() || damage.has_value();
    }
    bool is_over() const { return is_read && !holds_something(); }
    // Nothing of it comes before this; none if that is not known.
    std::optional<Offset> first() const;
  };

  // The lane whose turn it is; the end: none, or not known.
  using Lanes = std::vector<std::unique_ptr<Lane>>;
  Lanes::iterator First();
  void Erase(Lanes::iterator lane);
  void DropPage(Lane& lane);

  const Offset through_;
  const size_t page_events_;
  size_t last_id_ = 0;
  Lanes lanes_;
  size_t bytes_ = 0;
  size_t popped_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_CATCH_UP_H_
