#include "node/server/dismissals.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/user_room.h"
#include "node/server/server_core.h"

namespace roomlog {

RoomKey Dismissals::Room() {
  return *RoomKey::Make(kNodeNamespace, kDismissalsRoom);
}

Dismissals::Dismissals(RoomLayer& rooms, Backplane& backplane,
                       OnDismissal on_dismissal, std::function<void()> on_known)
    : backplane_(backplane),
      on_dismissal_(std::move(on_dismissal)),
      on_known_(std::move(on_known)) {
  rooms.FollowRaw(Room(), {.on_event =
                               [this](const EventView& event) {
                                 Take(event, /*is_old=*/false);
                               },
                           .on_following = [this] { BeginReading(); }});
}

std::optional<absl::Time> Dismissals::RevokedAt(absl::string_view user) const {
  const auto found = revoked_.find(user);
  if (found == revoked_.end()) return std::nullopt;
  return found->second;
}

void Dismissals::OnTick() {
  if (is_followed_ && is_reading_ && !is_asking_) ReadOn();
}

// It is followed from here on; what was said before is in the log.
void Dismissals::BeginReading() {
  is_followed_ = true;
  is_reading_ = true;
  read_through_ = Offset();
  if (is_asking_) {
    begins_anew_ = true;
  } else {
    ReadOn();
  }
}

void Dismissals::ReadOn() {
  is_asking_ = true;
  HistoryRequest request;
  request.room = Room();
  request.after = read_through_;
  request.events_max = kReadEventsMax;
  backplane_.Read(std::move(request),
                  [this](absl::StatusOr<HistoryPage> page) { OnPage(page); });
}

void Dismissals::OnPage(const absl::StatusOr<HistoryPage>& page) {
  is_asking_ = false;
  if (std::exchange(begins_anew_, false)) return ReadOn();
  if (!page.ok()) return;  // OnTick() asks again.
  for (const EventView& event : page->events) {
    Take(event, /*is_old=*/true);
    read_through_ = event.offset;
  }
  if (page->more) return ReadOn();
  is_reading_ = false;
  on_known_();
}

void Dismissals::Take(const EventView& event, bool is_old) {
  proto::Dismissal dismissal;
  if (!dismissal.ParseFromArray(event.packet.data(),
                                static_cast<int>(event.packet.size()))) {
    return;
  }
  const absl::Time at = absl::FromUnixMillis(event.time_ms);
  if (dismissal.revokes()) {
    absl::Time& revoked =
        revoked_.try_emplace(dismissal.user(), absl::InfinitePast())
            .first->second;
    revoked = std::max(revoked, at);
  } else if (is_old) {
    return;  // Who was to go then has gone, and may have come again.
  }
  on_dismissal_(dismissal, at);
}

}  // namespace roomlog
