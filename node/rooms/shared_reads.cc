#include "node/rooms/shared_reads.h"

#include <utility>

namespace roomlog {

void SharedReads::Read(HistoryRequest request, Done done) {
  if (request.before == HistoryRequest().before) {
    backplane_.Read(
        std::move(request),
        [done = std::move(done)](absl::StatusOr<HistoryPage> page) mutable {
          std::move(done)(page);
        });
    return;
  }
  Key key(request.room.text(), request.newest_first, request.after.value(),
          request.before.value(), request.since_ms, request.events_max);
  std::vector<Done>& waiting = under_way_[key];
  waiting.push_back(std::move(done));
  if (waiting.size() > 1) return;
  backplane_.Read(std::move(request), [this, key = std::move(key)](
                                          absl::StatusOr<HistoryPage> page) {
    auto told = under_way_.extract(key);  // Who asks from here on reads anew.
    for (Done& done : told.mapped()) std::move(done)(page);
  });
}

}  // namespace roomlog
