// Reads of the log, of which equal ones are made once.
#ifndef ROOMLOG_NODE_ROOMS_SHARED_READS_H_
#define ROOMLOG_NODE_ROOMS_SHARED_READS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "node/link/backplane.h"

namespace roomlog {

// When many clients come back at once they miss the same. Who asks for a page
// that somebody is being read already gets that one. Only for stretches with an
// end: of what has none, an earlier reader may see less.
//
// What is read for ten thousand takes its time to be written to them. They are
// told kReadEventsPerTurn at a time, with the loop's other work in between.
class SharedReads {
 public:
  using Page = absl::StatusOr<HistoryPage>;
  using Done = absl::AnyInvocable<void(const Page&) &&>;
  // Does a task soon, when what the loop has to do now is done.
  using Later = std::function<void(absl::AnyInvocable<void() &&>)>;

  // Borrows `backplane`. What `later` was given must not be done when this
  // object is gone. Null: all are told at once.
  explicit SharedReads(Backplane& backplane, Later later = nullptr)
      : backplane_(backplane), later_(std::move(later)) {}

  // `done` is told later, as by Backplane::Read(), and not when this object is
  // gone. Readers are told in the order in which the log answers.
  void Read(HistoryRequest request, Done done);

 private:
  struct Answered {
    std::shared_ptr<const Page> page;
    Done done;
  };

  void Answer(Page page, std::vector<Done> waiting);
  void TellSome();

  // Room, direction, after, before, since, events.
  using Key =
      std::tuple<std::string, bool, uint64_t, uint64_t, int64_t, size_t>;

  Backplane& backplane_;
  const Later later_;
  absl::flat_hash_map<Key, std::vector<Done>> under_way_;
  std::deque<Answered> answered_;
  size_t told_this_turn_ = 0;  // Events.
  bool awaits_next_turn_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_SHARED_READS_H_
