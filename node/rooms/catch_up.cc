#include "node/rooms/catch_up.h"

#include <algorithm>

#include "base/limits.h"
#include "node/rooms/room.h"
#include "node/socketio/socketio_limits.h"

namespace roomlog {

std::optional<Offset> CatchUp::Lane::first() const {
  if (gap.has_value()) return gap->to.offset;
  if (next < events.size()) return events[next].offset;
  if (damage.has_value()) return damage->to.offset;
  return seen;
}

void CatchUp::AddRoom(const RoomKey& room, Member member, Offset after,
                      Position end, Offset known) {
  Replay replay = Replay::ForMember(room, after, end, known);
  if (replay.done()) return;
  lanes_.push_back(std::make_unique<Lane>(++last_id_, std::move(member),
                                          std::move(replay), end));
}

void CatchUp::DropGone() {
  for (size_t i = lanes_.size(); i-- > 0;) {
    const std::shared_ptr<Membership> member = lanes_[i]->member.lock();
    if (member == nullptr || !member->is_in) Erase(lanes_.begin() + i);
  }
}

std::optional<CatchUp::Read> CatchUp::NextRead() {
  auto wanted = First();
  if (wanted == lanes_.end() || (*wanted)->holds_something() ||
      (*wanted)->reading) {
    wanted = std::find_if(lanes_.begin(), lanes_.end(),
                          [](const std::unique_ptr<Lane>& lane) {
                            return !lane->first().has_value() && !lane->reading;
                          });
  }
  if (wanted == lanes_.end()) return std::nullopt;
  Lane& lane = **wanted;
  lane.reading = true;
  Read read{lane.id, lane.replay.NextRead()};
  read.request.events_max =
      std::min(read.request.events_max,
               std::max(kCatchUpPageEventsMin, page_events_ / lanes_.size()));
  return read;
}

absl::Status CatchUp::Take(size_t id, const absl::StatusOr<HistoryPage>& page) {
  const auto found = std::find_if(
      lanes_.begin(), lanes_.end(),
      [&](const std::unique_ptr<Lane>& lane) { return lane->id == id; });
  if (found == lanes_.end()) return absl::OkStatus();
  Lane& lane = **found;
  lane.reading = false;
  absl::Status status = page.status();
  if (page.ok() && page->epoch != lane.position.epoch) {
    status = absl::UnavailableError("the log has begun a new life");
  } else if (page.ok()) {
    // What is next in turn is kept whatever there is already.
    const bool is_its_turn = lane.seen.has_value();
    DropPage(lane);
    status = lane.replay.Take(*page, [&](const EventView& event) {
      if (!is_its_turn && bytes_ >= kCatchUpBytesMax) {
        if (lane.events.empty()) lane.seen = event.offset;
        return false;
      }
      const size_t bytes = sizeof(event) + event.packet.size();
      lane.bytes += bytes;
      bytes_ += bytes;
      lane.events.push_back(event);
      return true;
    });
    lane.gap = lane.replay.TakeGap();
    if (!lane.events.empty()) lane.page = *page;
    lane.is_read = lane.replay.done();
  }
  if (!status.ok() && status.code() != absl::StatusCode::kUnavailable) {
    // Reading again would fail again.
    lane.damage =
        Gap{GapReason::kDamage, lane.replay.position(), lane.position};
    lane.is_read = true;
    status = absl::OkStatus();
  }
  if (lane.is_over()) Erase(found);
  return status;
}

std::optional<CatchUp::Item> CatchUp::Next() {
  for (;;) {
    const auto first = First();
    if (first == lanes_.end() || !(*first)->holds_something()) {
      return std::nullopt;
    }
    const Lane& lane = **first;
    Item item;
    item.member = lane.member.lock();
    if (item.member == nullptr || !item.member->is_in) {
      Erase(first);
      continue;
    }
    item.epoch = lane.position.epoch;
    item.offset = *lane.first();
    if (lane.gap.has_value()) {
      item.gap = &*lane.gap;
    } else if (lane.next < lane.events.size()) {
      item.event = &lane.events[lane.next];
    } else {
      item.gap = &*lane.damage;
    }
    return item;
  }
}

void CatchUp::Pop() {
  const auto first = First();
  Lane& lane = **first;
  ++popped_;
  if (lane.gap.has_value()) {
    lane.gap.reset();
  } else if (lane.next < lane.events.size()) {
    if (++lane.next == lane.events.size()) DropPage(lane);
  } else {
    lane.damage.reset();
  }
  if (lane.is_over()) Erase(first);
}

CatchUp::Lanes::iterator CatchUp::First() {
  auto first = lanes_.end();
  std::optional<Offset> least;
  for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane) {
    const std::optional<Offset> offset = (*lane)->first();
    if (!offset.has_value()) return lanes_.end();
    if (!least.has_value() || *offset < *least) {
      first = lane;
      least = offset;
    }
  }
  return first;
}

void CatchUp::Erase(Lanes::iterator lane) {
  DropPage(**lane);
  lanes_.erase(lane);
}

void CatchUp::DropPage(Lane& lane) {
  bytes_ -= lane.bytes;
  lane.bytes = 0;
  lane.events.clear();
  lane.next = 0;
  lane.page = HistoryPage();
  lane.seen.reset();
}

}  // namespace roomlog
