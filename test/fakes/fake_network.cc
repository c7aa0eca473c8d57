#include "test/fakes/fake_network.h"

#include <algorithm>

namespace roomlog {

class FakeNetwork::Place final : public Transport {
 public:
  Place(std::string name, FakeNetwork& network)
      : name_(std::move(name)), network_(network) {}

  void Send(absl::string_view peer, OutgoingMessage message) override {
    network_.Carry(name_, std::string(peer), message);
  }

 private:
  const std::string name_;
  FakeNetwork& network_;
};

std::unique_ptr<Transport> FakeNetwork::Attach(const std::string& name,
                                               Receiver receiver) {
  places_[name] = {++lives_, std::move(receiver)};
  return std::make_unique<Place>(name, *this);
}

void FakeNetwork::Carry(const std::string& from, const std::string& to,
                        const OutgoingMessage& message) {
  if (observer_) observer_(from, to, message);
  const auto place = places_.find(to);
  if (place == places_.end() || cut_from_.contains(from) ||
      cut_to_.contains(to) || Happens(faults_.loss)) {
    return;
  }
  const int copies = Happens(faults_.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    const absl::Duration delay =
        faults_.delay_max * std::uniform_real_distribution<>()(random_);
    absl::Duration arrival = clock_.Steady() + delay;
    if (!faults_.reorders) {
      absl::Duration& last = last_arrival_[{from, to}];
      arrival = last = std::max(last, arrival);
    }
    events_.At(arrival, [this, from, to, message, life = place->second.life] {
      if (cut_from_.contains(from) || cut_to_.contains(to)) return;
      Arrive(from, to, life, message);
    });
  }
}

void FakeNetwork::Arrive(const std::string& from, const std::string& to,
                         uint64_t life, const OutgoingMessage& message) {
  if (const auto paused = paused_.find(to); paused != paused_.end()) {
    paused->second.push_back(
        [this, from, to, life, message] { Arrive(from, to, life, message); });
    return;
  }
  const auto place = places_.find(to);
  if (place == places_.end() || place->second.life != life) return;
  place->second.receiver(
      from, {SharedBytes(message.header), SharedBytes(message.payload)});
}

void FakeNetwork::Resume(const std::string& name) {
  const auto paused = paused_.find(name);
  if (paused == paused_.end()) return;
  const auto waiting = std::move(paused->second);
  paused_.erase(paused);
  for (const auto& arrive : waiting) arrive();
}

}  // namespace roomlog
