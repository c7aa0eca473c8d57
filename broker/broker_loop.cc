#include "broker/broker_loop.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"

namespace roomlog {
namespace {

// Fine enough for heartbeats and leases.
constexpr absl::Duration kTickInterval = absl::Milliseconds(250);
static_assert(kTickInterval < kHeartbeatInterval);

}  // namespace

BrokerLoop::BrokerLoop(const Clock& clock, Router& router, BrokerCore& core,
                       LocalJournal& journal, Mailbox<JournalResult>& results,
                       Mailbox<HistoryReadDone>& reads, int stop_fd)
    : clock_(clock),
      router_(router),
      core_(core),
      journal_(journal),
      results_(results),
      reads_(reads),
      stop_fd_(stop_fd) {}

void BrokerLoop::Run() {
  absl::Duration next_tick = clock_.Steady() + kTickInterval;
  bool busy = false;
  while (!stopping_) {
    Wait(busy ? absl::ZeroDuration() : next_tick - clock_.Steady());
    // Results first: they make room for what comes in.
    busy = TakeResults();
    busy |= TakeReads();
    busy |= TakeMessages();
    core_.EndTurn();
    if (const absl::Duration now = clock_.Steady(); now >= next_tick) {
      core_.OnTick();
      next_tick = now + kTickInterval;
    }
  }
  core_.BeginClosing();
  Drain();
  core_.Close();
}

void BrokerLoop::Wait(absl::Duration timeout) {
  zmq::pollitem_t items[] = {
      {nullptr, results_.fd(), ZMQ_POLLIN, 0},
      {nullptr, reads_.fd(), ZMQ_POLLIN, 0},
      {nullptr, stop_fd_, ZMQ_POLLIN, 0},
      // Last, so that it can be left out.
      {router_.socket().handle(), 0, ZMQ_POLLIN, 0},
  };
  const size_t count = core_.ready_for_messages() ? 4 : 3;
  const auto wait = std::chrono::milliseconds(std::max<int64_t>(
      0,
      absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1)))));
  try {
    zmq::poll(items, count, wait);
  } catch (const zmq::error_t&) {
    // Interrupted: the turn finds out what there is.
  }
  if ((items[2].revents & ZMQ_POLLIN) != 0) stopping_ = true;
}

bool BrokerLoop::TakeResults() {
  std::vector<JournalResult> taken;
  results_.Take(kMessagesPerTurn, &taken);
  for (JournalResult& result : taken) core_.OnJournalResult(std::move(result));
  return !taken.empty();
}

bool BrokerLoop::TakeReads() {
  std::vector<HistoryReadDone> taken;
  reads_.Take(kMessagesPerTurn, &taken);
  for (HistoryReadDone& done : taken) core_.OnReadDone(std::move(done));
  return !taken.empty();
}

bool BrokerLoop::TakeMessages() {
  size_t taken = 0;
  std::string peer;
  IncomingMessage message;
  while (taken < kMessagesPerTurn && core_.ready_for_messages() &&
         router_.Receive(&peer, &message)) {
    core_.OnMessage(peer, std::move(message));
    ++taken;
  }
  return taken > 0;
}

void BrokerLoop::Drain() {
  while (!core_.ready_for_messages()) {
    // What the journal takes in may bring no result.
    results_.Wait(absl::Milliseconds(10));
    TakeResults();
    core_.EndTurn();
  }
  journal_.Close();
  while (!results_.Finished()) {
    results_.Wait(absl::InfiniteDuration());
    TakeResults();
    core_.EndTurn();
  }
}

}  // namespace roomlog
