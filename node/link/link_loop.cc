#include "node/link/link_loop.h"

#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/utf8.h"

namespace roomlog {
namespace {

// Fine enough for greetings and heartbeats.
constexpr absl::Duration kTickInterval = absl::Milliseconds(100);
static_assert(kTickInterval < kGreetingInterval);
static_assert(kTickInterval < kHeartbeatInterval);

// Never 0.
uint64_t Random() {
  uint64_t number = 0;
  ssize_t got = 0;
  do {
    got = getrandom(&number, sizeof(number), 0);
  } while (got != sizeof(number) || number == 0);
  return number;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LinkLoop>> LinkLoop::Connect(
    zmq::context_t& context, const std::string& endpoint,
    const std::string& node_name, const Clock& clock, RoomFollower& follower,
    LinkCore::Log log, const std::optional<LinkKeys>& keys) {
  if (node_name.empty() || node_name.size() > kRoomNameBytesMax ||
      !IsUtf8(node_name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a node's name is UTF-8 of 1 to ", kRoomNameBytesMax, " bytes"));
  }
  LinkOptions options;
  options.node_name = node_name;
  options.producer = ProducerId(Random());
  // Leaves room to count upwards.
  options.first_session = Random() >> 1 | 1;
  // Nobody can guess it, and so take its place at the broker.
  const std::string peer = absl::StrCat(absl::Hex(Random(), absl::kZeroPad16),
                                        absl::Hex(Random(), absl::kZeroPad16));
  absl::StatusOr<std::unique_ptr<Dealer>> dealer =
      Dealer::Connect(context, endpoint, peer, keys);
  if (!dealer.ok()) return dealer.status();
  return std::unique_ptr<LinkLoop>(new LinkLoop(
      *std::move(dealer), std::move(options), clock, follower, std::move(log)));
}

LinkLoop::LinkLoop(std::unique_ptr<Dealer> dealer, LinkOptions options,
                   const Clock& clock, RoomFollower& follower,
                   LinkCore::Log log)
    : clock_(clock),
      log_(std::make_shared<LinkCore::Log>(std::move(log))),
      dealer_(std::move(dealer)),
      core_(std::move(options), clock, *dealer_, follower,
            [log = log_](absl::string_view line) {
              if (*log) (*log)(line);
            }),
      next_tick_(clock.Steady()) {}

size_t LinkLoop::TakeTurn(absl::Duration timeout, int wake_fd) {
  core_.EndTurn();
  const absl::Duration until_tick = next_tick_ - clock_.Steady();
  const absl::Duration wait =
      std::max(absl::ZeroDuration(), std::min(timeout, until_tick));
  zmq::pollitem_t items[] = {{dealer_->socket().handle(), 0, ZMQ_POLLIN, 0},
                             {nullptr, wake_fd, ZMQ_POLLIN, 0}};
  try {
    zmq::poll(items, wake_fd >= 0 ? 2 : 1,
              std::chrono::milliseconds(absl::ToInt64Milliseconds(
                  absl::Ceil(wait, absl::Milliseconds(1)))));
  } catch (const zmq::error_t&) {
    // Interrupted: the turn finds out what there is.
  }
  size_t taken = 0;
  IncomingMessage message;
  while (taken < kMessagesPerTurn && dealer_->Receive(&message)) {
    core_.OnMessage(std::move(message));
    ++taken;
  }
  if (const absl::Duration now = clock_.Steady(); now >= next_tick_) {
    core_.OnTick();
    if (const auto reason = dealer_->CheckConnection(now);
        reason.has_value() && reason != turned_away_) {
      // Once, not every second.
      if (*log_) (*log_)(absl::StrCat("the broker turned us away: ", *reason));
      turned_away_ = *reason;
    }
    next_tick_ = now + kTickInterval;
  }
  core_.EndTurn();
  return taken;
}

}  // namespace roomlog
