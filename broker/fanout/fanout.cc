#include "broker/fanout/fanout.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/limits.h"
#include "proto/event_columns.h"

namespace roomlog {
namespace {

// A message is sent once it holds this much, to stay well below
// kMessageBytesMax whatever packet comes next.
constexpr size_t kDeliveryBytesEnough = kMessageBytesMax / 4;
static_assert(kDeliveryBytesEnough + kPacketBytesMax < kMessageBytesMax);

}  // namespace

Fanout::Fanout(DeliverySink& sink, size_t recent_bytes_max)
    : sink_(sink), recent_(recent_bytes_max) {}

void Fanout::AddNode(NodeNumber number, uint64_t credit_bytes) {
  auto node = std::make_unique<Node>();
  node->number = number;
  node->credit_bytes = credit_bytes;
  node->next = recent_.next();
  const bool added = nodes_.emplace(number, std::move(node)).second;
  assert(added);
  static_cast<void>(added);
}

std::vector<RoomId> Fanout::RemoveNode(NodeNumber number) {
  const auto it = nodes_.find(number);
  if (it == nodes_.end()) return {};
  std::vector<RoomId> rooms = DropSubscriptions(it->second.get());
  nodes_.erase(it);
  return rooms;
}

bool Fanout::Subscribe(NodeNumber number, RoomHandle handle, RoomId room,
                       Offset head) {
  const auto it = nodes_.find(number);
  if (it == nodes_.end()) return false;
  Node* const node = it->second.get();
  if (!node->rooms.emplace(handle, room).second) return false;
  subscriptions_[room].push_back({node, handle, head, recent_.next()});
  return true;
}

std::optional<RoomId> Fanout::Unsubscribe(NodeNumber number,
                                          RoomHandle handle) {
  const auto it = nodes_.find(number);
  if (it == nodes_.end()) return std::nullopt;
  Node* const node = it->second.get();
  const auto held = node->rooms.find(handle);
  if (held == node->rooms.end()) return std::nullopt;
  const RoomId room = held->second;
  DropSubscription(node, handle, room);
  node->rooms.erase(held);
  return room;
}

bool Fanout::Holds(NodeNumber number, RoomHandle handle) const {
  const auto it = nodes_.find(number);
  return it != nodes_.end() && it->second->rooms.contains(handle);
}

size_t Fanout::subscription_count(NodeNumber number) const {
  const auto it = nodes_.find(number);
  return it == nodes_.end() ? 0 : it->second->rooms.size();
}

size_t Fanout::holder_count(RoomId room) const {
  const auto it = subscriptions_.find(room);
  return it == subscriptions_.end() ? 0 : it->second.size();
}

void Fanout::SetConsumed(NodeNumber number, uint64_t bytes) {
  const auto it = nodes_.find(number);
  if (it == nodes_.end()) return;
  Node& node = *it->second;
  // What it cannot have consumed it is not given credit for.
  node.consumed_bytes =
      std::max(node.consumed_bytes, std::min(bytes, node.sent_bytes));
}

bool Fanout::HasCredit(NodeNumber number) const {
  const auto it = nodes_.find(number);
  return it != nodes_.end() && it->second->has_credit();
}

void Fanout::UseCredit(NodeNumber number, uint64_t bytes) {
  const auto it = nodes_.find(number);
  if (it != nodes_.end()) it->second->sent_bytes += bytes;
}

void Fanout::Add(std::shared_ptr<const Commit> added) {
  if (added->events.empty()) return;
  const CommitNumber number = recent_.next();
  const Commit& commit = *added;
  recent_.Add(added);  // `added` keeps it for this call if nobody else does.
  // Decided once for the whole commit, for sending a part of it uses credit.
  for (const auto& [ignored, node] : nodes_) {
    node->takes = node->next == number && node->has_credit();
  }
  for (const NewEvent& event : commit.events) {
    const auto it = subscriptions_.find(event.room);
    if (it == subscriptions_.end()) continue;
    for (const Subscription& subscription : it->second) {
      // One that lags gets it from its place in the recent commits.
      if (subscription.node->takes) AddEvent(commit, event, subscription);
    }
  }
  for (const auto& [ignored, node] : nodes_) {
    if (!node->takes) continue;
    Send(node.get());
    node->next = number.Next();
  }
}

void Fanout::SendOn(std::vector<RoomId>* released) {
  CommitNumber wanted = recent_.next();
  for (const auto& [ignored, node] : nodes_) {
    // Nothing is for it, whatever its credit.
    if (node->rooms.empty()) node->next = recent_.next();
    if (node->next < recent_.oldest()) {
      const std::vector<RoomId> rooms = DropSubscriptions(node.get());
      released->insert(released->end(), rooms.begin(), rooms.end());
      node->next = recent_.next();
      sink_.TellLagging(node->number);
    }
    while (node->next < recent_.next() && node->has_credit()) {
      SendCommit(node->next, node.get());
      node->next = node->next.Next();
    }
    wanted = std::min(wanted, node->next);
  }
  recent_.ForgetBefore(wanted);
}

void Fanout::AddEvent(const Commit& commit, const NewEvent& event,
                      const Subscription& subscription) {
  if (event.offset <= subscription.head) return;
  Node* const node = subscription.node;
  if (!node->writer.has_value()) {
    node->columns.Clear();
    node->writer.emplace(
        ColumnChoice{.rooms = true, .offsets = true, .previous = true},
        &node->columns);
  }
  EventView view;
  view.offset = event.offset;
  view.previous = event.previous;
  view.time_ms = commit.time_ms;
  view.flags = event.flags;
  view.room = static_cast<uint32_t>(subscription.handle.value());
  view.id = event.id;
  view.packet = event.packet;
  node->writer->Add(view);
  node->packets.append(event.packet.data(), event.packet.size());
  if (node->columns.count() >= kEventsPerMessageMax ||
      node->packets.size() + node->columns.ids().size() >=
          kDeliveryBytesEnough) {
    Send(node);
  }
}

void Fanout::Send(Node* node) {
  if (!node->writer.has_value()) return;
  node->writer.reset();
  node->sent_bytes += sink_.Deliver(node->number, std::move(node->columns),
                                    std::move(node->packets));
  node->columns.Clear();
  node->packets.clear();
}

void Fanout::SendCommit(CommitNumber number, Node* node) {
  const Commit& commit = recent_.at(number);
  for (const NewEvent& event : commit.events) {
    const auto it = subscriptions_.find(event.room);
    if (it == subscriptions_.end()) continue;
    for (const Subscription& subscription : it->second) {
      if (subscription.node == node && subscription.from <= number) {
        AddEvent(commit, event, subscription);
      }
    }
  }
  Send(node);
}

std::vector<RoomId> Fanout::DropSubscriptions(Node* node) {
  std::vector<RoomId> rooms;
  rooms.reserve(node->rooms.size());
  for (const auto& [handle, room] : node->rooms) {
    DropSubscription(node, handle, room);
    rooms.push_back(room);
  }
  node->rooms.clear();
  return rooms;
}

void Fanout::DropSubscription(Node* node, RoomHandle handle, RoomId room) {
  const auto it = subscriptions_.find(room);
  std::vector<Subscription>& all = it->second;
  all.erase(std::find_if(
      all.begin(), all.end(), [&](const Subscription& subscription) {
        return subscription.node == node && subscription.handle == handle;
      }));
  if (all.empty()) subscriptions_.erase(it);
}

}  // namespace roomlog
