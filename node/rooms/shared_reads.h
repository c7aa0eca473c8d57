// Reads of the log, of which equal ones are made once.
#ifndef ROOMLOG_NODE_ROOMS_SHARED_READS_H_
#define ROOMLOG_NODE_ROOMS_SHARED_READS_H_

#include <cstddef>
#include <cstdint>
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
class SharedReads {
 public:
  using Done = absl::AnyInvocable<void(const absl::StatusOr<HistoryPage>&) &&>;

  explicit SharedReads(Backplane& backplane) : backplane_(backplane) {}

  // `done` is told later, as by Backplane::Read(), and not when this object is
  // gone.
  void Read(HistoryRequest request, Done done);

 private:
  // Room, direction, after, before, since, events.
  using Key =
      std::tuple<std::string, bool, uint64_t, uint64_t, int64_t, size_t>;

  Backplane& backplane_;
  absl::flat_hash_map<Key, std::vector<Done>> under_way_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_SHARED_READS_H_
