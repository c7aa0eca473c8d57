// Hands committed events to the nodes that hold their rooms.
#ifndef ROOMLOG_BROKER_FANOUT_FANOUT_H_
#define ROOMLOG_BROKER_FANOUT_FANOUT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "base/ids.h"
#include "broker/fanout/recent_commits.h"
#include "broker/journal/journal.h"
#include "proto/events.pb.h"

namespace roomlog {

// Where deliveries go.
class DeliverySink {
 public:
  virtual ~DeliverySink() = default;

  // Sends `events`, whose rooms are the node's handles, and their packets.
  // Returns how many bytes the message has: so much of the node's credit it
  // takes.
  virtual size_t Deliver(NodeNumber node, proto::EventColumns events,
                         std::string packets) = 0;
  // Tells the node that it lost its place: all its subscriptions are gone.
  virtual void TellLagging(NodeNumber node) = 0;
};

// Sends each committed event to every node that subscribes to its room, in the
// order of the log. A node that has used up its credit is not queued for: its
// place in the recent commits is kept, and it is sent on from there as it
// consumes. One that fell behind even those loses its subscriptions and is
// told. So no node costs another one time, nor the broker memory. The I/O
// thread owns it.
class Fanout {
 public:
  // Borrows `sink`. Commits up to `recent_bytes_max` are kept for lagging
  // nodes.
  Fanout(DeliverySink& sink, size_t recent_bytes_max);

  // A node takes `credit_bytes` of deliveries beyond what it says to have
  // consumed.
  void AddNode(NodeNumber node, uint64_t credit_bytes);
  // Returns the rooms that it was subscribed to.
  std::vector<RoomId> RemoveNode(NodeNumber node);

  // From the next commit on, the node gets what comes in `room` after `head`.
  // False, and nothing happens, if the node is not here or the handle is in
  // use.
  bool Subscribe(NodeNumber node, RoomHandle handle, RoomId room, Offset head);
  // Returns the room of the handle, if it was in use.
  std::optional<RoomId> Unsubscribe(NodeNumber node, RoomHandle handle);
  bool Holds(NodeNumber node, RoomHandle handle) const;
  size_t subscription_count(NodeNumber node) const;
  // How many nodes hold the room.
  size_t holder_count(RoomId room) const;

  // The node has consumed so many bytes since it was added; never falls.
  void SetConsumed(NodeNumber node, uint64_t bytes);
  // Whether the node has credit for more.
  bool HasCredit(NodeNumber node) const;
  // Takes some of the node's credit for something else that it is sent.
  void UseCredit(NodeNumber node, uint64_t bytes);

  // Adds a commit and sends it to those who are not behind.
  void Add(std::shared_ptr<const Commit> commit);

  // Sends on to nodes that were behind and have credit again. Adds the rooms of
  // those that lost their place to `released`. Call it once a turn.
  void SendOn(std::vector<RoomId>* released);

  size_t recent_bytes() const { return recent_.bytes(); }

 private:
  struct Node {
    NodeNumber number;
    uint64_t credit_bytes;
    uint64_t sent_bytes = 0;
    uint64_t consumed_bytes = 0;
    CommitNumber next;   // The commit it is to be sent next.
    bool takes = false;  // Had its place and credit when the commit began.
    absl::flat_hash_map<RoomHandle, RoomId> rooms;
    // The message in the making.
    proto::EventColumns columns;
    std::optional<EventColumnsWriter> writer;
    std::string packets;

    bool has_credit() const {
      return sent_bytes < consumed_bytes + credit_bytes;
    }
  };
  struct Subscription {
    Node* node;
    RoomHandle handle;
    Offset head;        // Only what is beyond it is sent,
    CommitNumber from;  // and nothing ephemeral of earlier commits.
  };

  void AddEvent(const Commit& commit, const NewEvent& event,
                const Subscription& subscription);
  void Send(Node* node);
  void SendCommit(CommitNumber number, Node* node);
  std::vector<RoomId> DropSubscriptions(Node* node);
  void DropSubscription(Node* node, RoomHandle handle, RoomId room);

  DeliverySink& sink_;
  RecentCommits recent_;
  // In order, so that the same story is told in the same order again.
  absl::btree_map<NodeNumber, std::unique_ptr<Node>> nodes_;
  absl::flat_hash_map<RoomId, std::vector<Subscription>> subscriptions_;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_FANOUT_FANOUT_H_
