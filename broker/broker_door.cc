#include "broker/broker_door.h"

#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/curve_key.h"
#include "base/loopback.h"

ABSL_FLAG(
    std::string, key_file, "",
    "This broker's secret key, from roomlog-keygen: only nodes that are in "
    "--allowed_nodes come in, and the link is encrypted.");
ABSL_FLAG(
    std::string, allowed_nodes, "",
    "A file with a line for each node that may come: its public key and "
    "its name. Read anew when it changes, and by SIGHUP. With --key_file.");
ABSL_FLAG(bool, open, false,
          "Without --key_file: listens on other addresses than the loopback's, "
          "for everybody who can reach them.");

namespace roomlog {
namespace {

absl::Status Wrong(absl::string_view flag, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", why));
}

// Whether only this machine can reach it, as with ipc:// too.
bool IsLocal(absl::string_view endpoint) {
  return !absl::ConsumePrefix(&endpoint, "tcp://") ||
         IsLoopbackAddress(endpoint);
}

}  // namespace

absl::StatusOr<std::unique_ptr<BrokerDoor>> BrokerDoor::FromFlags(
    const std::string& listen, zmq::context_t& context, const Clock& clock,
    int hangup_fd, Log log) {
  const std::string key_file = absl::GetFlag(FLAGS_key_file);
  const std::string nodes = absl::GetFlag(FLAGS_allowed_nodes);
  if (key_file.empty() != nodes.empty()) {
    return absl::InvalidArgumentError(
        "--key_file and --allowed_nodes are given together or not at all");
  }
  std::unique_ptr<BrokerDoor> door(new BrokerDoor(std::move(log)));
  const absl::Status status =
      key_file.empty() ? door->LeaveOpen(listen)
                       : door->Close(context, clock, key_file, nodes);
  if (!status.ok()) return status;
  door->watch_.Start(hangup_fd);
  return door;
}

absl::Status BrokerDoor::LeaveOpen(const std::string& listen) const {
  if (!IsLocal(listen) && !absl::GetFlag(FLAGS_open)) {
    return Wrong(
        "listen",
        absl::StrCat(listen,
                     " can be reached from other machines, and anybody there "
                     "could read and write every room: let only your nodes in, "
                     "by --key_file and --allowed_nodes, or say --open if that "
                     "is what you want"));
  }
  log_(absl::StrCat("open: without --key_file, whoever reaches ", listen,
                    " may read and write every room"));
  return absl::OkStatus();
}

absl::Status BrokerDoor::Close(zmq::context_t& context, const Clock& clock,
                               const std::string& key_file,
                               const std::string& nodes) {
  if (absl::GetFlag(FLAGS_open)) {
    return Wrong("open", "there is a --key_file, so it is not open");
  }
  absl::StatusOr<CurveKeyPair> key = CurveKeyPair::ReadFile(key_file);
  if (!key.ok()) return Wrong("key_file", key.status().message());
  // Before it is read, so that no change is missed.
  watch_.Add(nodes, [this] {
    const absl::Status read = nodes_->Reread();
    log_(
        read.ok()
            ? absl::StrCat(nodes_->path(), " was read anew: ", nodes_->size(),
                           " nodes may come")
            : absl::StrCat("the nodes read before may come: ", read.message()));
  });
  absl::StatusOr<std::unique_ptr<AllowedNodes>> allowed =
      AllowedNodes::Open(nodes);
  if (!allowed.ok()) return Wrong("allowed_nodes", allowed.status().message());
  nodes_ = *std::move(allowed);
  log_(absl::StrCat("this broker's public key is ", key->public_key().ToHex(),
                    "; nodes that may come: ", nodes_->size()));
  gate_ = std::make_unique<NodeGate>(context, *std::move(key), *nodes_, clock,
                                     log_);
  return absl::OkStatus();
}

}  // namespace roomlog
