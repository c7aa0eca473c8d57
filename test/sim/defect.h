// Things done wrong on purpose, to see that the oracle notices.
#ifndef ROOMLOG_TEST_SIM_DEFECT_H_
#define ROOMLOG_TEST_SIM_DEFECT_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/memory_disk.h"
#include "storage/room_log.h"
#include "test/sim/backplane_wrapper.h"

namespace roomlog {

// None of them touches the code that is tested: they are layers between its
// parts.
enum class Defect {
  kNone,
  // In the broker's log:
  kDeliverBeforeSync,  // A commit counts as durable once it is written.
  kReuseOffsets,       // A lost tail's offsets are given again.
  kForgetProducers,    // A restart forgets who published what.
  kForgetIds,          // No publish id is ever found.
  kServeDamage,        // What is damaged is given out.
  kForgetTrimming,     // What retention took is not told.
  kForgetMiddle,       // A page of the log lacks an event.
  // In a node, between its link and its rooms:
  kSkipSeam,          // The past ends one event before the present begins.
  kOverlapSeam,       // What is read overlaps by an event.
  kKeepGapsToItself,  // The link's gaps are not passed on.
  kAcknowledgeEarly,  // A publish is answered when it is asked for.
  kOwnEventsFirst,    // A node hears its own events before their turn.
  kHeadTooLate,       // Following begins later than it says.
  // In a client's connection:
  kUnboundedQueue,  // A client's queue is not looked at.
};
inline constexpr size_t kDefectCount = 15;

// As `--defect` names it: "deliver-before-sync".
absl::string_view DefectName(Defect defect);
absl::StatusOr<Defect> ParseDefect(absl::string_view name);

// The layer over the log; `log` itself if the defect is not there.
std::unique_ptr<RoomLog> WrapLog(Defect defect, std::unique_ptr<RoomLog> log,
                                 MemoryDisk& disk);
// The layer over the link; null if the defect is not there.
std::unique_ptr<BackplaneWrapper> MakeBackplaneDefect(Defect defect);

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_DEFECT_H_
