// The node's deciding part of the link: what it says to the broker, and when.
#ifndef ROOMLOG_NODE_LINK_LINK_CORE_H_
#define ROOMLOG_NODE_LINK_LINK_CORE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/transport.h"
#include "node/link/backplane.h"
#include "node/link/ephemeral_queue.h"
#include "node/link/member_questions.h"
#include "node/link/ordered_rooms.h"
#include "proto/backplane.pb.h"

namespace roomlog {

struct LinkOptions {
  // What people call the node: UTF-8, 1 to 255 bytes.
  std::string node_name;
  // What tells the node from others, drawn at random for each of its lives.
  ProducerId producer;
  // Where the sessions' numbers begin, drawn at random as well.
  uint64_t first_session = 1;
  absl::Duration publish_timeout = kPublishTimeout;
  size_t delivery_credit_bytes = kDeliveryCreditBytes;
  size_t held_bytes_max = kHeldBytesMax;
};

// Greets the broker, publishes, follows rooms, reads history; and after any
// interruption greets again, sends again what was not answered, and catches up
// on what it missed. Takes messages and ticks, gives messages: no socket,
// thread or wall clock. One thread owns it.
class LinkCore final : public Backplane {
 public:
  // Says what an operator should know, a line at a time.
  using Log = absl::AnyInvocable<void(absl::string_view line)>;

  // Borrows all but `options` and `log`.
  LinkCore(LinkOptions options, const Clock& clock, Transport& transport,
           RoomFollower& follower, Log log);
  // Publishes and reads still open are never answered.
  ~LinkCore() override;

  // Backplane:
  void Publish(PublishRequest request, PublishDone done) override;
  RoomHandle Follow(const RoomKey& room) override;
  void Unfollow(RoomHandle room) override;
  void Read(HistoryRequest request, ReadDone done) override;
  void ReadMembers(MembersRequest request, MembersDone done) override;
  absl::Status health() const override;

  // As Follow(), under a handle of the caller's choice that was never used.
  void FollowAs(RoomHandle handle, const RoomKey& room);

  void OnMessage(IncomingMessage message);
  // Call it after each turn: sends what the turn has brought together.
  void EndTurn();
  // Call it at least every kGreetingInterval.
  void OnTick();
  // Says goodbye; nothing may be asked for after it.
  void Close();

  size_t queued_publishes() const { return publishes_.size(); }
  // Of events that wait for what is missing before them.
  size_t held_bytes() const { return rooms_.held_bytes(); }

 private:
  struct OpenPublish {
    PublishRequest request;
    PublishDone done;
    absl::Duration deadline;
    bool answered = false;
    bool given_up = false;  // Answered because its time was over.
  };
  struct OpenRead {
    HistoryRequest request;
    ReadDone done;
    bool sent = false;
  };
  struct FollowedRoom {
    RoomKey key;
    uint32_t wire_handle = 0;  // In this session; 0 if not subscribed yet.
  };

  void Greet();
  void OnWelcome(const proto::Welcome& welcome);
  void OnPublished(const proto::Published& published);
  void OnSubscribed(const proto::Subscribed& subscribed);
  void OnDelivery(const proto::Delivery& delivery, SharedBytes packets);
  void OnEphemeralAnswer(const proto::EphemeralAnswer& answer);
  void OnReadAnswer(const proto::ReadAnswer& answer, SharedBytes packets);
  void OnOutOfOrder(uint64_t expected_number);
  void OnLagging();
  void LoseSession(absl::string_view why);

  void Answer(OpenPublish* publish, absl::StatusOr<PublishAnswer> answer);
  void DropAnswered();
  // The broker has answered all up to `number`.
  void DropGivenUp(uint64_t number);
  bool has_publish_credit() const;
  void SubscribeAll();
  // Publishes and ephemeral events, in the order in which they were asked for.
  void SendPublishes();
  void SendPublishesBefore(uint64_t number);
  void SendEphemeral();
  void SendSubscriptions();
  void SendReads();
  void SendMemberQuestions();
  void Send(proto::NodeMessage message, std::string payload = {});
  void Protest(const absl::Status& status);

  const LinkOptions options_;
  const Clock& clock_;
  Transport& transport_;
  Log log_;
  OrderedRooms rooms_;

  uint64_t session_;
  bool welcome_ = false;
  bool closed_ = false;
  absl::Status broker_status_;      // Why there is no session.
  std::string publishing_stopped_;  // What the broker says; empty: it goes on.
  Epoch epoch_;                     // 0 before the first welcome.
  uint64_t sent_ = 0;      // Sequence numbers of this session: last to the
  uint64_t received_ = 0;  // broker, and last from it.
  uint64_t consumed_bytes_ = 0;
  uint64_t reported_bytes_ = 0;
  absl::Duration last_heard_;
  absl::Duration last_sent_;
  absl::Duration last_greeting_;

  // In the order of their numbers. The first `sent_publishes_` were sent in
  // this session.
  std::deque<OpenPublish> publishes_;
  uint64_t first_number_ = 1;  // Of publishes_[0].
  size_t sent_publishes_ = 0;
  size_t sent_publish_bytes_ = 0;
  size_t queued_publish_bytes_ = 0;
  // The numbers and bytes of those that were sent in this session and given up
  // before the broker answered: until it does they use credit.
  std::deque<std::pair<uint64_t, size_t>> given_up_;
  size_t given_up_bytes_ = 0;
  EphemeralQueue ephemeral_;
  size_t publish_credit_ = 0;
  size_t publish_credit_bytes_ = 0;

  RoomHandle last_handle_;
  uint32_t last_wire_handle_ = 0;
  absl::flat_hash_map<RoomHandle, FollowedRoom> followed_;
  absl::flat_hash_map<uint32_t, RoomHandle> by_wire_handle_;
  std::vector<RoomHandle> to_subscribe_;
  std::vector<uint32_t> to_unsubscribe_;

  // Refused on the spot, to be told at the end of the turn.
  std::vector<absl::AnyInvocable<void() &&>> refused_;

  // By number, so that they are sent in the order in which they came.
  std::map<uint64_t, OpenRead> reads_;
  uint64_t last_read_ = 0;
  size_t reads_sent_ = 0;
  size_t catch_ups_ = 0;  // Reads of what rooms_ misses, under way.
  std::vector<uint64_t> reads_to_send_;
  MemberQuestions member_questions_;
  uint32_t broker_minor_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_LINK_CORE_H_
