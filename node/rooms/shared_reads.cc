#include "node/rooms/shared_reads.h"

#include <utility>

#include "node/socketio/socketio_limits.h"

namespace roomlog {

void SharedReads::Read(HistoryRequest request, Done done) {
  if (request.before == HistoryRequest().before) {
    backplane_.Read(std::move(request),
                    [this, done = std::move(done)](Page page) mutable {
                      std::vector<Done> waiting;
                      waiting.push_back(std::move(done));
                      Answer(std::move(page), std::move(waiting));
                    });
    return;
  }
  Key key(request.room.text(), request.newest_first, request.after.value(),
          request.before.value(), request.since_ms, request.events_max);
  std::vector<Done>& waiting = under_way_[key];
  waiting.push_back(std::move(done));
  if (waiting.size() > 1) return;
  backplane_.Read(std::move(request), [this, key = std::move(key)](Page page) {
    // Who asks from here on reads anew.
    Answer(std::move(page), std::move(under_way_.extract(key).mapped()));
  });
}

void SharedReads::Answer(Page page, std::vector<Done> waiting) {
  const auto shared = std::make_shared<const Page>(std::move(page));
  for (Done& done : waiting) answered_.push_back({shared, std::move(done)});
  TellSome();
}

void SharedReads::TellSome() {
  while (!answered_.empty() &&
         (later_ == nullptr || told_this_turn_ < kReadEventsPerTurn)) {
    Answered next = std::move(answered_.front());
    answered_.pop_front();
    told_this_turn_ += 1 + (next.page->ok() ? (*next.page)->events.size() : 0);
    std::move(next.done)(*next.page);
  }
  if (later_ == nullptr || std::exchange(awaits_next_turn_, true)) return;
  later_([this] {
    awaits_next_turn_ = false;
    told_this_turn_ = 0;
    if (!answered_.empty()) TellSome();
  });
}

}  // namespace roomlog
