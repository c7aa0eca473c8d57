// Which history a client still has to get, what of the log to read for it, and
// what of it is gone.
#ifndef ROOMLOG_NODE_ROOMS_REPLAY_H_
#define ROOMLOG_NODE_ROOMS_REPLAY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/limits.h"
#include "base/position.h"
#include "base/room_key.h"
#include "node/link/backplane.h"
#include "node/rooms/gap.h"
#include "node/rooms/replay_start.h"

namespace roomlog {

// Hands on one stretch of a room's log, up to and with a position fixed at the
// beginning, page by page and in order. Knows neither client nor backplane:
// read NextRead(), Take() the page, and again until done().
class Replay {
 public:
  // What a join asks for, given that everything after `through` will come live.
  // Of more than kReplayEventsMax events the newest are handed on. The room is
  // known to reach to `known`, and may be silent between there and `through`.
  static Replay ForJoin(RoomKey room, const ReplayStart& start,
                        Position through, Offset known);
  static Replay ForJoin(RoomKey room, const ReplayStart& start,
                        Position through) {
    return ForJoin(std::move(room), start, through, through.offset);
  }

  // Everything after `after`, which is in the epoch of `through`.
  static Replay ForMember(RoomKey room, Offset after, Position through,
                          Offset known);
  static Replay ForMember(RoomKey room, Offset after, Position through) {
    return ForMember(std::move(room), after, through, through.offset);
  }

  bool done() const { return step_ == Step::kDone; }

  // The log is known to reach to this offset of the epoch of `through`, in
  // whatever room: what is not beyond it is no bad offset.
  void NoteLogHead(Offset head);

  // Says that the client was sent events of an earlier epoch, up to `position`,
  // in answer to the same request.
  void NoteLostEpoch(Position position);

  // What to read next, unless done().
  HistoryRequest NextRead() const;

  // Takes the page that NextRead() asked for, which is of the epoch of
  // `through`, and hands its events to `send`, in order, until that returns
  // false: then the event was not sent and is read again.
  // OUT_OF_RANGE: the join's offset is beyond the log. DATA_LOSS, UNAVAILABLE:
  // the page cannot be the answer to NextRead().
  absl::Status Take(const HistoryPage& page,
                    absl::FunctionRef<bool(const EventView&)> send);

  // Everything up to here was handed on, or lies in the gap, or was not asked
  // for. When done, live events go on from here.
  Position position() const { return {through_.epoch, cursor_}; }

  // What was asked for and was not, and will not be, handed on.
  const std::optional<Gap>& gap() const { return gap_; }
  std::optional<Gap> TakeGap() { return std::exchange(gap_, std::nullopt); }

  size_t sent() const { return sent_; }

  // position(), or if the room is silent before that, its last known event; not
  // before the end of the gap.
  Position last_known() const {
    if (cursor_ != through_.offset) return position();
    const Offset gap_end = gap_.has_value() ? gap_->to.offset : Offset();
    return {through_.epoch, std::max({known_, after_, gap_end})};
  }

 private:
  enum class Step {
    kCheckOffset,  // The offset lies beyond the room; does the log reach it?
    kFindFirst,    // Reading backward to where the stretch begins.
    kSend,         // Reading forward from `cursor_`.
    kDone,
  };

  Replay(RoomKey room, Position through, Offset known)
      : room_(std::move(room)), through_(through), known_(known) {}

  absl::Status TakeOffsetCheck(const HistoryPage& page);
  absl::Status TakeBackwardPage(const HistoryPage& page,
                                absl::FunctionRef<bool(const EventView&)> send);
  // `last`: nothing follows the events of this page.
  absl::Status Send(const HistoryPage& page, bool last,
                    absl::FunctionRef<bool(const EventView&)> send);

  // Whether what retention took away may be part of what was asked for, given
  // that everything there is was found.
  bool AsksForTrimmed(Offset trimmed_through) const;

  // Notes that what was asked for after `from` and up to `to` is missing.
  void AddGap(GapReason reason, Offset from, Offset to);

  RoomKey room_;
  Position through_;
  Offset known_;  // What is read must reach at least to here.
  Step step_ = Step::kFindFirst;

  // What was asked for: after this offset, not older than this, and of that
  // the newest so many.
  Offset after_;
  int64_t since_ms_ = std::numeric_limits<int64_t>::min();
  size_t count_max_ = kReplayEventsMax;
  bool count_asked_ = false;  // By the client, so that more is no gap.

  // kFindFirst: how many were found, the first of them, and the event before.
  size_t found_ = 0;
  Offset first_found_;
  Offset before_first_;

  Offset cursor_;
  // Of a client that takes little at a time, less is read at a time.
  size_t page_events_ = kReadEventsMax;
  size_t sent_ = 0;
  std::optional<Gap> gap_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_REPLAY_H_
