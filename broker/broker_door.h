// Who may come to this broker: from the flags.
#ifndef ROOMLOG_BROKER_BROKER_DOOR_H_
#define ROOMLOG_BROKER_BROKER_DOOR_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/file_watch.h"
#include "broker/transport/allowed_nodes.h"
#include "broker/transport/node_gate.h"
#include "zmq.hpp"

namespace roomlog {

class BrokerDoor {
 public:
  using Log = std::function<void(absl::string_view line)>;

  // Reads the files that the flags name, and the allowed nodes again when they
  // change or `hangup_fd`, a signalfd, says so. Borrows `context` and `clock`.
  // INVALID_ARGUMENT: a flag or a file is wrong; or nodes need no key, and
  // others than this machine could reach `listen`, and --open was not said.
  static absl::StatusOr<std::unique_ptr<BrokerDoor>> FromFlags(
      const std::string& listen, zmq::context_t& context, const Clock& clock,
      int hangup_fd, Log log);

  // Null: everybody may come in.
  NodeGate* gate() { return gate_.get(); }

 private:
  explicit BrokerDoor(Log log) : log_(std::move(log)) {}

  absl::Status LeaveOpen(const std::string& listen) const;
  absl::Status Close(zmq::context_t& context, const Clock& clock,
                     const std::string& key_file, const std::string& nodes);

  const Log log_;
  std::unique_ptr<AllowedNodes> nodes_;
  std::unique_ptr<NodeGate> gate_;
  FileWatch watch_;  // Last, as its thread uses the others.
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_BROKER_DOOR_H_
