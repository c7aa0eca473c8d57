#include "node/rooms/replay.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

// A client that took less than a page still gets at least so many at a time.
constexpr size_t kPageEventsMin = 16;

absl::Status CheckNotEmpty(const HistoryPage& page) {
  if (page.more && page.events.empty()) {
    return absl::DataLossError("a page of history without events says more");
  }
  return absl::OkStatus();
}

}  // namespace

Replay Replay::ForJoin(RoomKey room, const ReplayStart& start, Position through,
                       Offset known) {
  Replay replay(std::move(room), through, known);
  if (const auto* last = std::get_if<LastEvents>(&start)) {
    replay.count_max_ = last->count;
    replay.count_asked_ = true;
  } else if (const auto* since = std::get_if<SinceTime>(&start)) {
    replay.since_ms_ = since->ms;
  } else if (const auto* after = std::get_if<AfterPosition>(&start)) {
    const Position& from = after->position;
    if (from.epoch != through.epoch) {
      // Nothing says how that life of the log ended, so all there is comes.
      replay.gap_ = Gap{GapReason::kEpoch, from, {through.epoch, Offset(0)}};
    } else {
      replay.after_ = from.offset;
      // So few offsets cannot hold more events than may be sent: no need to
      // look for the first.
      if (from.offset.value() + kReplayEventsMax >= through.offset.value()) {
        replay.step_ = Step::kSend;
      }
    }
  }
  replay.cursor_ = replay.after_;
  if (replay.after_ > through.offset) {
    replay.step_ = Step::kCheckOffset;
  } else if (std::holds_alternative<FromNow>(start) || replay.count_max_ == 0 ||
             replay.after_ == through.offset) {
    replay.cursor_ = through.offset;
    replay.step_ = Step::kDone;
  }
  return replay;
}

Replay Replay::ForMember(RoomKey room, Offset after, Position through,
                         Offset known) {
  Replay replay(std::move(room), through, known);
  replay.after_ = after;
  replay.cursor_ = after;
  replay.step_ = after < through.offset ? Step::kSend : Step::kDone;
  return replay;
}

void Replay::NoteLogHead(Offset head) {
  if (step_ != Step::kCheckOffset || after_ > head) return;
  step_ = Step::kDone;
}

void Replay::NoteLostEpoch(Position position) {
  if (gap_.has_value()) return;
  gap_ = Gap{GapReason::kEpoch, position, {through_.epoch, after_}};
}

HistoryRequest Replay::NextRead() const {
  HistoryRequest request;
  request.room = room_;
  request.since_ms = since_ms_;
  request.before = through_.offset.Next();
  switch (step_) {
    case Step::kCheckOffset:
      // Only the head is of interest.
      request.newest_first = true;
      request.after = after_;
      request.before = HistoryRequest().before;
      request.events_max = 1;
      break;
    case Step::kFindFirst:
      request.newest_first = true;
      request.after = after_;
      if (found_ > 0) request.before = first_found_;
      request.events_max = std::min(kReadEventsMax, count_max_ - found_);
      break;
    case Step::kSend:
    case Step::kDone:
      request.after = cursor_;
      request.events_max = page_events_;
      break;
  }
  return request;
}

absl::Status Replay::Take(const HistoryPage& page,
                          absl::FunctionRef<bool(const EventView&)> send) {
  absl::Status status = CheckNotEmpty(page);
  if (!status.ok()) return status;
  switch (step_) {
    case Step::kCheckOffset:
      return TakeOffsetCheck(page);
    case Step::kFindFirst:
      return TakeBackwardPage(page, send);
    case Step::kSend: {
      const Offset trimmed = std::min(page.trimmed_through, through_.offset);
      if (trimmed > cursor_) {
        AddGap(GapReason::kRetention, cursor_, trimmed);
        cursor_ = trimmed;
      }
      return Send(page, /*last=*/!page.more, send);
    }
    case Step::kDone:
      break;
  }
  return absl::OkStatus();
}

absl::Status Replay::TakeOffsetCheck(const HistoryPage& page) {
  NoteLogHead(page.head);
  if (done()) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("the offset ", FormatPosition({through_.epoch, after_}),
                   " is beyond the end of the room, which is ",
                   FormatPosition({through_.epoch, page.head})));
}

absl::Status Replay::TakeBackwardPage(
    const HistoryPage& page, absl::FunctionRef<bool(const EventView&)> send) {
  const bool only_page = found_ == 0;
  found_ += page.events.size();
  if (!page.events.empty()) {
    first_found_ = page.events.front().offset;
    before_first_ = page.events.front().previous;
  }
  if (page.more && found_ < count_max_) return absl::OkStatus();

  cursor_ = found_ > 0 ? Offset(first_found_.value() - 1) : through_.offset;
  step_ = Step::kSend;
  if (page.more) {
    if (!count_asked_) AddGap(GapReason::kLimit, after_, cursor_);
  } else {
    const Offset trimmed = std::min(page.trimmed_through, through_.offset);
    if (AsksForTrimmed(trimmed)) {
      AddGap(GapReason::kRetention, after_, trimmed);
    }
  }
  // The page goes out at once if it is all there is. What was found on several
  // pages is read again forward: keeping it would cost megabytes a client.
  return only_page ? Send(page, /*last=*/true, send) : absl::OkStatus();
}

absl::Status Replay::Send(const HistoryPage& page, bool last,
                          absl::FunctionRef<bool(const EventView&)> send) {
  size_t sent = 0;
  for (const EventView& event : page.events) {
    if (event.offset <= cursor_ || event.offset > through_.offset) {
      return absl::DataLossError(absl::StrCat(
          "a page of history after ", cursor_.value(), " and up to ",
          through_.offset.value(), " holds ", event.offset.value()));
    }
    if (!send(event)) {
      page_events_ = std::max(kPageEventsMin, sent);
      return absl::OkStatus();
    }
    cursor_ = event.offset;
    known_ = std::max(known_, event.offset);
    ++sent;
    ++sent_;
  }
  page_events_ = std::min(kReadEventsMax, page_events_ * 2);
  if (!last) return absl::OkStatus();
  if (page.head < known_) {
    return absl::UnavailableError(
        absl::StrCat("the log as read ends at ", page.head.value(),
                     ", but the room is known to reach to ", known_.value()));
  }
  cursor_ = through_.offset;
  step_ = Step::kDone;
  return absl::OkStatus();
}

bool Replay::AsksForTrimmed(Offset trimmed_through) const {
  if (trimmed_through == Offset(0)) return false;
  if (count_asked_) return found_ < count_max_;
  if (since_ms_ == std::numeric_limits<int64_t>::min()) {
    return trimmed_through > after_;
  }
  // When the trimmed events were said nobody knows any more. But if one that is
  // still kept is older than what was asked for, so were they.
  return (found_ > 0 ? before_first_ : through_.offset) <= trimmed_through;
}

void Replay::AddGap(GapReason reason, Offset from, Offset to) {
  const Position end{through_.epoch, to};
  if (gap_.has_value()) {
    gap_->to = end;
  } else {
    gap_ = Gap{reason, {through_.epoch, from}, end};
  }
}

}  // namespace roomlog
