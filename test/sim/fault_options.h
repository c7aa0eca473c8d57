// Which faults a simulation has, how often and how large.
#ifndef ROOMLOG_TEST_SIM_FAULT_OPTIONS_H_
#define ROOMLOG_TEST_SIM_FAULT_OPTIONS_H_

#include <array>
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace roomlog {

enum class Fault {
  kDelay,        // Messages take long, those of one way still in order.
  kLoss,         // Some messages between node and broker are lost,
  kDuplication,  // come twice,
  kReordering,   // or in another order.
  kCut,          // A node's link is cut, both ways,
  kCutTo,        // or only to it,
  kCutFrom,      // or only from it.
  kPauseNode,    // A process is stopped, and goes on.
  kPauseBroker,
  kKillNode,  // A process dies, and is started again.
  kKillBroker,
  kPowerLoss,   // The broker's machine dies; what was not synced is gone,
  kTornTail,    // or some of it, or it died within a write.
  kFlippedBit,  // A stored event is damaged.
  kFullDisk,
  kFailingSync,
  kSlowDisk,
  kClockJump,      // Of the time of day.
  kClientCut,      // One client's connection is lost,
  kMassReconnect,  // or those of all clients of a node.
  kSlowClient,     // A client does not read for a while.
};
inline constexpr size_t kFaultCount = 21;

// As `--faults` names it: "delay", "cut-to".
absl::string_view FaultName(Fault fault);

struct FaultOptions {
  struct One {
    double rate = 0;           // In each step of a run, from 0 to 1.
    absl::Duration lasts_max;  // Drawn anew each time.
    absl::Duration size_max;   // Of delays, slowness and jumps.
    double size = 0;           // Of loss and its kin: of each message.
  };

  One& operator[](Fault fault) { return all[static_cast<size_t>(fault)]; }
  const One& operator[](Fault fault) const {
    return all[static_cast<size_t>(fault)];
  }

  std::array<One, kFaultCount> all;
};

// Every fault, as often as a run of some hundred steps bears.
FaultOptions AllFaults();
// Those of AllFaults() that are named, as "delay,loss"; "all" and "none" work
// too. INVALID_ARGUMENT: says which name is none.
absl::StatusOr<FaultOptions> ParseFaults(absl::string_view names);

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_FAULT_OPTIONS_H_
