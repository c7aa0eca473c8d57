#include "node/link/ephemeral_queue.h"

#include <cassert>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "proto/event_columns.h"

namespace roomlog {

void EphemeralQueue::Add(PublishRequest request, Backplane::PublishDone done,
                         uint64_t before_number, absl::Duration deadline) {
  open_bytes_ += request.packet.size();
  open_.push_back(
      {std::move(request), std::move(done), before_number, deadline});
}

uint64_t EphemeralQueue::barrier() const {
  return sent_ < open_.size() ? open_[sent_].before_number
                              : std::numeric_limits<uint64_t>::max();
}

void EphemeralQueue::MakeMessage(size_t events_max, size_t bytes_enough,
                                 proto::Ephemeral* message,
                                 std::string* packets) {
  const uint64_t at = barrier();
  message->set_request(++last_message_);
  EventColumnsWriter writer({.rooms = true}, message->mutable_events());
  absl::flat_hash_map<absl::string_view, uint32_t> rooms;
  while (barrier() == at && sent_ < open_.size() &&
         message->events().count() < events_max &&
         packets->size() < bytes_enough) {
    Open& open = open_[sent_];
    open.message = last_message_;
    const auto [it, added] = rooms.try_emplace(
        open.request.room.text(), static_cast<uint32_t>(rooms.size()));
    if (added) AddRoomName(it->first, message->mutable_rooms());
    EventView event;
    event.flags = open.request.flags;
    event.room = it->second;
    event.packet = open.request.packet;
    writer.Add(event);
    packets->append(open.request.packet);
    sent_bytes_ += open.request.packet.size();
    ++sent_;
  }
}

bool EphemeralQueue::OnAnswer(const proto::EphemeralAnswer& answer,
                              const absl::Status& status) {
  // Answers come in the order of the questions.
  for (const uint32_t receivers : answer.receivers()) {
    if (sent_ == 0 || open_.front().message != answer.request()) return false;
    PublishAnswer told;
    told.receivers = receivers;
    // Of several the one without a room is not known; none was without reason.
    if (status.ok() || receivers > 0) {
      Tell(&open_.front(), told);
    } else {
      Tell(&open_.front(), status);
    }
    DropFirst();
  }
  return true;
}

void EphemeralQueue::FailSent(const absl::Status& status) {
  while (sent_ > 0) {
    Tell(&open_.front(), status);
    DropFirst();
  }
}

void EphemeralQueue::FailExpired(absl::Duration now,
                                 const absl::Status& status) {
  for (size_t i = 0; i < sent_; ++i) {
    if (open_[i].deadline <= now) Tell(&open_[i], status);
  }
  size_t end = sent_;
  for (; end < open_.size() && open_[end].deadline <= now; ++end) {
    Tell(&open_[end], status);
    open_bytes_ -= open_[end].request.packet.size();
  }
  open_.erase(open_.begin() + static_cast<ptrdiff_t>(sent_),
              open_.begin() + static_cast<ptrdiff_t>(end));
}

void EphemeralQueue::Tell(Open* open, absl::StatusOr<PublishAnswer> answer) {
  if (open->done == nullptr) return;
  auto done = std::exchange(open->done, nullptr);
  std::move(done)(std::move(answer));
}

void EphemeralQueue::DropFirst() {
  assert(sent_ > 0);
  open_bytes_ -= open_.front().request.packet.size();
  sent_bytes_ -= open_.front().request.packet.size();
  --sent_;
  open_.pop_front();
}

}  // namespace roomlog
