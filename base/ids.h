// The numbers that Roomlog counts with. Swapped arguments do not compile.
#ifndef ROOMLOG_BASE_IDS_H_
#define ROOMLOG_BASE_IDS_H_

#include <compare>
#include <cstdint>
#include <functional>
#include <utility>

namespace roomlog {

// A number that knows what it counts. value() is the only way out.
template <typename Tag>
class StrongId {
 public:
  constexpr StrongId() = default;
  constexpr explicit StrongId(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  constexpr StrongId Next() const { return StrongId(value_ + 1); }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;

  template <typename H>
  friend H AbslHashValue(H state, StrongId id) {
    return H::combine(std::move(state), id.value_);
  }

 private:
  uint64_t value_ = 0;
};

// A place in the log; 0 is before the first event, so "after 0" is everything.
using Offset = StrongId<struct OffsetTag>;
// One life of the log. An offset means nothing without it. 0 is no epoch.
using Epoch = StrongId<struct EpochTag>;
// One life of something that publishes: drawn at random, never 0.
using ProducerId = StrongId<struct ProducerIdTag>;
// Counts the publishes of one producer, from 1 without gaps.
using PublishNumber = StrongId<struct PublishNumberTag>;
// A room as the log numbers it. Lives as long as the broker's process; only the
// log itself may rely on it longer.
using RoomId = StrongId<struct RoomIdTag>;
// A room as one node numbers it on its link, so that names travel once.
using RoomHandle = StrongId<struct RoomHandleTag>;
// One life of an edge node, as the ids of its sessions name it: 40 bits, drawn at
// random.
using NodeTag = StrongId<struct NodeTagTag>;

}  // namespace roomlog

#endif  // ROOMLOG_BASE_IDS_H_
