#include "node/rooms/history_page.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "node/rooms/room_packet.h"

namespace roomlog {

HistoryRequest RequestFor(const HistoryQuery& query) {
  HistoryRequest request;
  request.room = query.room;
  request.newest_first = !query.after.has_value();
  if (query.after.has_value()) request.after = query.after->offset;
  if (query.before.has_value()) {
    // No event has the offset 0, which the wire takes for "no bound".
    request.before = std::max(query.before->offset, Offset(1));
  }
  request.events_max = query.limit;
  return request;
}

absl::StatusOr<HistoryAnswer> AnswerFor(const HistoryQuery& query,
                                        const HistoryPage& page) {
  for (const std::optional<Position>& given : {query.before, query.after}) {
    if (given.has_value() && given->epoch != page.epoch) {
      return absl::OutOfRangeError(absl::StrCat(
          "the log began a new life after ", FormatPosition(*given)));
    }
  }
  const RoomPackets packets(query.room);
  HistoryAnswer answer;
  std::string& events = answer.events_json;
  answer.more = page.more;
  for (size_t i = 0; i < page.events.size(); ++i) {
    const EventView& event = query.after.has_value()
                                 ? page.events[i]
                                 : page.events[page.events.size() - 1 - i];
    const size_t size_before = events.size();
    if (size_before > 0) events.push_back(',');
    if (!packets.AppendForHistory(event, page.epoch, &events)) {
      events.resize(size_before);
      ++answer.left_out;
    } else if (size_before > 0 && events.size() > kHistoryAnswerBytesMax) {
      events.resize(size_before);
      answer.more = true;
      break;
    }
  }

  // Retention took part of what was asked for if it reaches into the range, and
  // reading backward has come to it.
  const Offset from = query.after.has_value() ? query.after->offset : Offset(0);
  Offset to = page.trimmed_through;
  if (query.before.has_value()) {
    to = std::min(
        to, Offset(std::max<uint64_t>(query.before->offset.value(), 1) - 1));
  }
  const bool reached = query.after.has_value() ||
                       (!answer.more && page.events.size() < query.limit);
  if (reached && to > from) {
    answer.gap =
        Gap{GapReason::kRetention, {page.epoch, from}, {page.epoch, to}};
  }
  return answer;
}

}  // namespace roomlog
