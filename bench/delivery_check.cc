#include "bench/delivery_check.h"

#include "absl/strings/str_cat.h"

namespace roomlog::bench {

DeliveryCheck::DeliveryCheck(uint32_t rooms)
    : names_(RoomNames(rooms)), places_(rooms) {}

absl::Status DeliveryCheck::Take(absl::string_view room,
                                 absl::string_view bytes, int64_t now_ns) {
  if (!status_.ok()) return status_;
  EventStamp stamp;
  if (!DecodeEvent(bytes, &stamp)) return Fail("damaged event", room);
  if (stamp.room >= names_.size() || names_[stamp.room] != room) {
    return Fail(absl::StrCat("event of room-", stamp.room), room);
  }
  uint32_t& next = places_[stamp.room];
  if (stamp.place != next) {
    return Fail(absl::StrCat(stamp.place < next ? "again or late " : "early ",
                             stamp.place, " instead of ", next),
                room);
  }
  ++next;
  ++taken_;
  if (stamp.total > 0) total_ = stamp.total;
  last_ns_ = now_ns;
  times_.Add(now_ns - stamp.sent_ns);
  return absl::OkStatus();
}

absl::Status DeliveryCheck::Fail(absl::string_view what,
                                 absl::string_view room) {
  status_ = absl::DataLossError(
      absl::StrCat(what, " in ", room, ", after ", taken_, " good events"));
  return status_;
}

}  // namespace roomlog::bench
