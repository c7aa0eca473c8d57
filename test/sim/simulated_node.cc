#include "test/sim/simulated_node.h"

#include <utility>

#include "base/room_key.h"

namespace roomlog {
namespace {

constexpr absl::Duration kTickInterval = absl::Milliseconds(250);

RoomKey KeyOf(const std::string& room) {
  return RoomKey::Make("/", room).value();
}

}  // namespace

SimulatedNode::SimulatedNode(uint64_t seed, std::string name,
                             LinkOptions options, FakeClock& clock,
                             EventQueue& events, FakeNetwork& network)
    : name_(std::move(name)), events_(events), network_(network) {
  transport_ = network_.Attach(
      name_, [this](absl::string_view, IncomingMessage message) {
        link_->OnMessage(std::move(message));
        link_->EndTurn();
      });
  std::mt19937_64 random(seed);
  options.node_name = name_;
  options.producer = ProducerId(random() | 1);
  options.first_session = random() >> 1 | 1;
  link_ = std::make_unique<LinkCore>(std::move(options), clock, *transport_,
                                     static_cast<RoomFollower&>(*this),
                                     [](absl::string_view) {});
  Tick();
}

SimulatedNode::~SimulatedNode() {
  *alive_ = false;
  network_.Detach(name_);
}

void SimulatedNode::Join(const std::string& room) {
  rooms_[link_->Follow(KeyOf(room))] = room;
  link_->EndTurn();
}

void SimulatedNode::Emit(const std::string& room, const std::string& text,
                         const std::string& id) {
  link_->Publish({KeyOf(room), 0, id, text},
                 [this, room, text](absl::StatusOr<PublishAnswer> answer) {
                   if (answer.ok()) {
                     acknowledged_.push_back(
                         {room, text, answer->position, answer->duplicate});
                   } else {
                     ++refused_;
                   }
                 });
  link_->EndTurn();
}

std::vector<std::string> SimulatedNode::received(
    const std::string& room) const {
  std::vector<std::string> texts;
  for (const Heard& heard : heard_) {
    if (heard.room == room) texts.push_back(heard.text);
  }
  return texts;
}

void SimulatedNode::OnFollowing(RoomHandle, Position) {}

void SimulatedNode::OnFollowFailed(RoomHandle room, const absl::Status&) {
  rooms_.erase(room);
}

void SimulatedNode::OnEvents(absl::Span<const RoomEvent> events) {
  for (const RoomEvent& event : events) {
    heard_.push_back({rooms_.at(event.room), event.event.offset,
                      std::string(event.event.packet)});
  }
}

void SimulatedNode::OnGap(RoomHandle room, Position from, Position to,
                          GapReason reason) {
  gaps_.push_back({rooms_.at(room), from, to, reason});
}

void SimulatedNode::Tick() {
  link_->OnTick();
  link_->EndTurn();
  events_.After(kTickInterval, [this, alive = alive_] {
    if (*alive) Tick();
  });
}

}  // namespace roomlog
