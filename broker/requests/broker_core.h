// The broker's deciding part: what it does with what nodes say.
#ifndef ROOMLOG_BROKER_REQUESTS_BROKER_CORE_H_
#define ROOMLOG_BROKER_REQUESTS_BROKER_CORE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/transport.h"
#include "broker/fanout/fanout.h"
#include "broker/journal/journal.h"
#include "broker/requests/history_reads.h"
#include "broker/requests/member_reads.h"
#include "proto/backplane.pb.h"

namespace roomlog {

// What a broker may be told to do otherwise; the tests make it small.
struct BrokerLimits {
  size_t recent_commit_bytes_max = kRecentCommitBytesMax;
  size_t nodes_max = kNodesMax;
  size_t rooms_per_node_max = kRoomsPerNodeMax;
  absl::Duration node_lease = kNodeLease;
  PresenceRules presence = {};  // As the journal has them.
};

// Greets nodes, hands their publishes to the journal, tells them what became of
// those, and sends them the events of the rooms they hold. It takes messages,
// results and ticks, and gives messages: no socket, disk, thread or wall clock,
// so the simulator can run it. The I/O thread owns it.
class BrokerCore final : private DeliverySink {
 public:
  // Says what an operator should know, a line at a time.
  using Log = absl::AnyInvocable<void(absl::string_view line)>;

  // Borrows all but `log`. `epoch` is the life of the log behind `journal`.
  BrokerCore(Epoch epoch, BrokerLimits limits, const Clock& clock,
             Journal& journal, HistoryReads& reads, Transport& transport,
             Log log);

  // A message came from `peer`. Call it only while ready_for_messages().
  void OnMessage(absl::string_view peer, IncomingMessage message);
  // False while the journal is full: then messages must wait where they are.
  bool ready_for_messages() const { return !waiting_entry_.has_value(); }

  void OnJournalResult(JournalResult result);
  void OnReadDone(HistoryReadDone done);
  // Call it after each turn: sends what the turn has brought together.
  void EndTurn();
  // Call it at least every kHeartbeatInterval: leases and heartbeats.
  void OnTick();

  // Tells the nodes that nothing more is taken; what was taken is still
  // answered.
  void BeginClosing();
  // Tells them that all is answered, and ends their greetings. Comes last.
  void Close();

  size_t node_count() const { return nodes_by_number_.size(); }
  // Of the commits that are kept for nodes that lag.
  size_t recent_bytes() const { return fanout_.recent_bytes(); }
  // Who is in which room, as nodes are told.
  const RoomMembers& members() const { return member_reads_.members(); }
  // Why nothing can be published; OK if it can.
  const absl::Status& publishing() const { return publishing_; }

 private:
  struct Node {
    NodeNumber number;
    std::string peer;
    std::string name;
    uint64_t session = 0;
    uint64_t received = 0;  // Sequence numbers of the last message from it,
    uint64_t sent = 0;      // and of the last one to it.
    ProducerId producer;
    absl::Duration last_heard;
    absl::Duration last_sent;
    size_t unanswered_publishes = 0;
    size_t unanswered_bytes = 0;
    // Subscriptions asked for and not yet found by the journal; true if they
    // were given up meanwhile.
    absl::flat_hash_map<RoomHandle, bool> inquired;
    // Reads at the readers, and those that wait for credit.
    size_t reading = 0;
    std::deque<HistoryRead> waiting_reads;
    std::deque<proto::ReadMembers> waiting_member_reads;
    proto::Published answers;  // Sent at the end of the turn,
    size_t session_bytes = 0;  // or when there are so many in them.
  };

  // DeliverySink:
  size_t Deliver(NodeNumber node, proto::EventColumns events,
                 std::string packets) override;
  void TellLagging(NodeNumber node) override;

  void OnHello(absl::string_view peer, uint64_t session,
               const proto::Hello& hello);
  void OnEphemeral(Node& node, proto::Ephemeral ephemeral, SharedBytes packets);
  // False if the node holds more unanswered than its credit allows, and is
  // gone.
  bool TakeCredit(Node& node, const PublishBatch& batch);
  void AnswerEphemeral(Node& node, const BatchAnswer& answer);
  void OnPublish(Node& node, proto::Publish publish, SharedBytes packets);
  void OnSubscribe(Node& node, const proto::Subscribe& subscribe);
  void OnUnsubscribe(Node& node, const proto::Unsubscribe& unsubscribe);
  void OnRead(Node& node, const proto::Read& read);
  void OnReadMembers(Node& node, proto::ReadMembers read);
  // Answers those that waited for credit, or for the log to be read.
  void AnswerMemberReads(Node& node);
  void OnMembersChanged(const MembersChanged& changed);
  void OnCommit(const std::shared_ptr<const Commit>& commit);
  void OnRoomsFound(const RoomsFound& found);
  void OnPublishingState(const PublishingState& state);

  // Why a greeting ends: the node may greet again within its lease; it said
  // goodbye; its lease is over. In the last two its sessions' windows run.
  enum class Parting { kMayReturn, kGoodbye, kLeaseOver };
  // `why` is for the operator.
  void RemoveNode(NodeNumber number, absl::string_view why,
                  Parting parting = Parting::kMayReturn);
  bool HasNodeOf(ProducerId producer) const;
  // Of whom something was heard just now: not those that are paused, or killed,
  // or not yet back.
  absl::flat_hash_set<ProducerId> HeardOwners() const;
  void OnOwnersFound(const OwnersFound& found);
  // Tells the journal, in order, and at once if it is not full.
  void NoteOwner(JournalEntry entry);
  void SubmitOwners();
  // Tells the node that it broke the protocol, and removes it.
  void Expel(Node& node, const absl::Status& why);
  void Submit(JournalEntry entry);
  void ReleaseRooms(std::vector<RoomId> rooms);
  void SendAnswers(Node& node);
  void SendHeartbeat(Node& node);
  void StartReads(Node& node);
  void AnswerRead(Node& node, uint64_t request,
                  const absl::StatusOr<ReadPage>& page);
  // Sends the next message of the node's session; returns its bytes.
  size_t SendTo(Node& node, proto::BrokerMessage message,
                std::string payload = {});
  size_t Send(absl::string_view peer, const proto::BrokerMessage& message,
              std::string payload);
  void TellUnknown(absl::string_view peer, uint64_t session);
  void Refuse(absl::string_view peer, uint64_t session, proto::ErrorCode code,
              absl::string_view message);
  Node* FindNode(NodeNumber number);

  const Epoch epoch_;
  const BrokerLimits limits_;
  const Clock& clock_;
  Journal& journal_;
  HistoryReads& reads_;
  Transport& transport_;
  Log log_;
  Fanout fanout_;
  MemberReads member_reads_;
  absl::Status publishing_;
  bool is_closing_ = false;
  absl::Duration last_tick_;
  NodeNumber last_number_;
  // In order, so that the same story is told in the same order again.
  absl::btree_map<NodeNumber, std::unique_ptr<Node>> nodes_by_number_;
  absl::flat_hash_map<std::string, Node*> nodes_by_peer_;
  // The entry that the full journal did not take, and releases, which must not
  // be lost and stop nobody.
  std::optional<JournalEntry> waiting_entry_;
  std::vector<RoomId> waiting_releases_;
  std::deque<JournalEntry> waiting_owners_;
  // Who may own sessions and has no greeting now, since when. In order, so that
  // all who are told the same do the same.
  std::map<ProducerId, absl::Duration> absent_owners_;
  std::vector<NodeNumber> nodes_with_answers_;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_REQUESTS_BROKER_CORE_H_
