#include "bench/roomlog_node.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace roomlog::bench {
namespace {

constexpr absl::Duration kTurnMax = absl::Milliseconds(100);
constexpr absl::Duration kConnectMax = absl::Seconds(30);

}  // namespace

absl::StatusOr<std::unique_ptr<RoomlogNode>> RoomlogNode::Connect(
    const ServerAddress& broker, const std::string& name,
    RoomFollower& follower) {
  std::unique_ptr<RoomlogNode> node(new RoomlogNode);
  absl::StatusOr<std::unique_ptr<LinkLoop>> link = LinkLoop::Connect(
      node->context_, absl::StrCat("tcp://", broker.host, ":", broker.port),
      name, node->clock_, follower, [](absl::string_view line) {
        absl::FPrintF(stderr, "link: %s\n", line);
      });
  if (!link.ok()) return link.status();
  node->link_ = *std::move(link);
  return node;
}

RoomlogNode::~RoomlogNode() {
  if (link_ != nullptr) link_->Close();
}

void RoomlogNode::TakeTurn() { link_->TakeTurn(kTurnMax); }

absl::Status RoomlogNode::WaitForBroker() {
  const absl::Time deadline = absl::Now() + kConnectMax;
  while (!backplane().health().ok()) {
    if (absl::Now() > deadline) return backplane().health();
    TakeTurn();
  }
  return absl::OkStatus();
}

}  // namespace roomlog::bench
