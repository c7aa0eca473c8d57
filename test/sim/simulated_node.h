// A node in the simulation: its link, and what it heard of its rooms.
#ifndef ROOMLOG_TEST_SIM_SIMULATED_NODE_H_
#define ROOMLOG_TEST_SIM_SIMULATED_NODE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "node/link/backplane.h"
#include "node/link/link_core.h"
#include "test/fakes/event_queue.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_network.h"

namespace roomlog {

// Publishes texts and notes what it is told. All rooms are in the namespace
// "/".
class SimulatedNode final : private RoomFollower {
 public:
  struct Heard {
    std::string room;
    Offset offset;
    std::string text;
  };
  struct Gap {
    std::string room;
    Position from;
    Position to;
    GapReason reason;

    friend void PrintTo(const Gap& gap, std::ostream* out) {
      *out << gap.room << " from " << FormatPosition(gap.from) << " to "
           << FormatPosition(gap.to) << ", reason "
           << static_cast<int>(gap.reason);
    }
  };
  struct Acknowledged {
    std::string room;
    std::string text;
    Position position;
    bool duplicate;
  };

  SimulatedNode(uint64_t seed, std::string name, LinkOptions options,
                FakeClock& clock, EventQueue& events, FakeNetwork& network);
  ~SimulatedNode() override;

  void Join(const std::string& room);
  // `id`: a publish id; empty for none.
  void Emit(const std::string& room, const std::string& text,
            const std::string& id = "");

  // Everything heard, in the order in which it came.
  const std::vector<Heard>& heard() const { return heard_; }
  // The texts heard of one room.
  std::vector<std::string> received(const std::string& room) const;
  const std::vector<Gap>& gaps() const { return gaps_; }
  const std::vector<Acknowledged>& acknowledged() const {
    return acknowledged_;
  }
  size_t refused() const { return refused_; }
  const std::string& name() const { return name_; }
  LinkCore& link() { return *link_; }

 private:
  void OnFollowing(RoomHandle room, Position head) override;
  void OnFollowFailed(RoomHandle room, const absl::Status& status) override;
  void OnEvents(absl::Span<const RoomEvent> events) override;
  void OnGap(RoomHandle room, Position from, Position to,
             GapReason reason) override;
  void Tick();

  const std::string name_;
  EventQueue& events_;
  FakeNetwork& network_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<LinkCore> link_;
  std::map<RoomHandle, std::string> rooms_;
  std::vector<Heard> heard_;
  std::vector<Gap> gaps_;
  std::vector<Acknowledged> acknowledged_;
  size_t refused_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_SIMULATED_NODE_H_
