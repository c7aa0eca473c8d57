#include "test/sim/fault_options.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace roomlog {
namespace {

struct Row {
  Fault fault;
  const char* name;
  FaultOptions::One options;
};

const std::vector<Row>& Rows() {
  static const auto* const rows = new std::vector<Row>{
      {Fault::kDelay,
       "delay",
       {0.02, absl::Seconds(5), absl::Milliseconds(400)}},
      {Fault::kLoss, "loss", {0.02, absl::Seconds(3), {}, 0.05}},
      {Fault::kDuplication, "duplication", {0.02, absl::Seconds(5), {}, 0.2}},
      {Fault::kReordering, "reordering", {0.01, absl::Seconds(2)}},
      {Fault::kCut, "cut", {0.02, absl::Seconds(9)}},
      {Fault::kCutTo, "cut-to", {0.01, absl::Seconds(9)}},
      {Fault::kCutFrom, "cut-from", {0.01, absl::Seconds(15)}},
      {Fault::kPauseNode, "pause-node", {0.01, absl::Seconds(12)}},
      {Fault::kPauseBroker, "pause-broker", {0.01, absl::Seconds(8)}},
      {Fault::kKillNode, "kill-node", {0.01, absl::Seconds(5)}},
      {Fault::kKillBroker, "kill-broker", {0.015, absl::Seconds(5)}},
      {Fault::kPowerLoss, "power-loss", {0.015, absl::Seconds(5)}},
      {Fault::kTornTail, "torn-tail", {0.015, absl::Seconds(5)}},
      {Fault::kFlippedBit, "flipped-bit", {0.003}},
      {Fault::kFullDisk, "full-disk", {0.01, absl::Seconds(5)}},
      {Fault::kFailingSync, "failing-sync", {0.01, absl::Seconds(5)}},
      {Fault::kSlowDisk,
       "slow-disk",
       {0.01, absl::Seconds(8), absl::Milliseconds(600)}},
      {Fault::kClockJump, "clock-jump", {0.005, {}, absl::Hours(2)}},
      {Fault::kClientCut, "client-cut", {0.08, absl::Seconds(4)}},
      {Fault::kMassReconnect, "mass-reconnect", {0.01, absl::Seconds(2)}},
      {Fault::kSlowClient, "slow-client", {0.03, absl::Seconds(10)}},
  };
  return *rows;
}

}  // namespace

absl::string_view FaultName(Fault fault) {
  return Rows()[static_cast<size_t>(fault)].name;
}

FaultOptions AllFaults() {
  FaultOptions options;
  for (const Row& row : Rows()) options[row.fault] = row.options;
  return options;
}

absl::StatusOr<FaultOptions> ParseFaults(absl::string_view names) {
  if (names == "all") return AllFaults();
  FaultOptions options;
  if (names == "none") return options;
  for (const absl::string_view name : absl::StrSplit(names, ',')) {
    bool is_known = false;
    for (const Row& row : Rows()) {
      if (name != row.name) continue;
      options[row.fault] = row.options;
      is_known = true;
    }
    if (is_known) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no fault '", name, "'; there are ",
        absl::StrJoin(Rows(), ", ", [](std::string* out, const Row& row) {
          out->append(row.name);
        })));
  }
  return options;
}

}  // namespace roomlog
