// A network in one thread, whose faults are drawn from a seed.
#ifndef ROOMLOG_TEST_FAKES_FAKE_NETWORK_H_
#define ROOMLOG_TEST_FAKES_FAKE_NETWORK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/transport.h"
#include "test/fakes/event_queue.h"
#include "test/fakes/fake_clock.h"

namespace roomlog {

// How the network treats messages. Without faults it is like one TCP connection
// each way: late, but whole and in order.
struct NetworkFaults {
  absl::Duration delay_max = absl::Milliseconds(2);
  double loss = 0;         // Of each message, from 0 to 1.
  double duplication = 0;  // Likewise.
  bool reorders = false;
};

// Carries messages between the broker and its nodes. The seed of a failed run
// runs it again.
class FakeNetwork {
 public:
  using Receiver =
      std::function<void(absl::string_view from, IncomingMessage message)>;

  FakeNetwork(uint64_t seed, FakeClock& clock, EventQueue& events)
      : random_(seed), clock_(clock), events_(events) {}

  // A place in the network; the broker's is named "". What comes for it goes to
  // `receiver`, until it is attached anew. What was under way for the earlier
  // one is lost.
  std::unique_ptr<Transport> Attach(const std::string& name, Receiver receiver);
  // What comes for it is lost, until it is attached anew.
  void Detach(const std::string& name) {
    places_.erase(name);
    paused_.erase(name);
  }

  // What comes for it waits, as for a process that was stopped,
  void Pause(const std::string& name) { paused_.try_emplace(name); }
  // and comes now, in its order.
  void Resume(const std::string& name);

  // Messages from, or to, that node are lost from now on.
  void CutFrom(const std::string& node) { cut_from_.insert(node); }
  void CutTo(const std::string& node) { cut_to_.insert(node); }
  void Cut(const std::string& node) { CutFrom(node), CutTo(node); }
  // And now no longer.
  void Heal(const std::string& node) {
    cut_from_.erase(node);
    cut_to_.erase(node);
  }

  NetworkFaults& faults() { return faults_; }

  // Is shown each message that is sent.
  void set_observer(
      std::function<void(absl::string_view from, absl::string_view to,
                         const OutgoingMessage& message)>
          observer) {
    observer_ = std::move(observer);
  }

 private:
  class Place;
  struct Attached {
    uint64_t life;
    Receiver receiver;
  };

  void Carry(const std::string& from, const std::string& to,
             const OutgoingMessage& message);
  void Arrive(const std::string& from, const std::string& to, uint64_t life,
              const OutgoingMessage& message);
  bool Happens(double chance) {
    return chance > 0 && std::uniform_real_distribution<>()(random_) < chance;
  }

  std::mt19937_64 random_;
  FakeClock& clock_;
  EventQueue& events_;
  NetworkFaults faults_;
  uint64_t lives_ = 0;
  std::map<std::string, Attached> places_;
  std::set<std::string> cut_from_;
  std::set<std::string> cut_to_;
  std::map<std::string, std::deque<std::function<void()>>> paused_;
  std::function<void(absl::string_view, absl::string_view,
                     const OutgoingMessage&)>
      observer_;
  // When the last message of each way arrives.
  std::map<std::pair<std::string, std::string>, absl::Duration> last_arrival_;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_FAKES_FAKE_NETWORK_H_
