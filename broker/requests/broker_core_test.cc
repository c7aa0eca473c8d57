#include "broker/requests/broker_core.h"

#include <deque>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "broker/journal/batch_story.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/protocol_version.h"
#include "test/fakes/fake_clock.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;
using Body = proto::BrokerMessage::BodyCase;

constexpr Epoch kEpoch(42);

class FakeJournal final : public Journal {
 public:
  bool Submit(JournalEntry&& entry) override {
    // Owners are told in a list of their own: every greeting brings one.
    if (!full && std::holds_alternative<OwnerGone>(entry)) {
      gone.push_back(std::get<OwnerGone>(entry).producer);
      return true;
    }
    if (!full && std::holds_alternative<OwnerBack>(entry)) return true;
    if (full) return false;
    entries.push_back(std::move(entry));
    return true;
  }
  bool full = false;
  std::deque<JournalEntry> entries;
  std::vector<ProducerId> gone;
};

class FakeReads final : public HistoryReads {
 public:
  bool Submit(HistoryRead read) override {
    if (full) return false;
    reads.push_back(std::move(read));
    return true;
  }
  bool full = false;
  std::deque<HistoryRead> reads;
};

class FakeTransport final : public Transport {
 public:
  void Send(absl::string_view peer, OutgoingMessage message) override {
    proto::BrokerMessage parsed;
    ASSERT_TRUE(parsed.ParseFromString(message.header));
    sent[std::string(peer)].push_back(std::move(parsed));
  }
  std::map<std::string, std::vector<proto::BrokerMessage>> sent;
};

class BrokerCoreTest : public ::testing::Test {
 protected:
  explicit BrokerCoreTest(BrokerLimits limits = {})
      : core_(kEpoch, limits, clock_, journal_, reads_, transport_,
              [](absl::string_view) {}) {}

  static proto::NodeMessage Hello(uint64_t session = 1) {
    proto::NodeMessage message;
    message.set_session(session);
    proto::Hello* const hello = message.mutable_hello();
    hello->set_protocol_major(kProtocolMajor);
    hello->set_node_name("ann");
    hello->set_producer(7);
    hello->set_delivery_credit_bytes(kMessageBytesMax);
    return message;
  }

  void SendBytes(const std::string& peer, std::string header,
                 std::string payload = "") {
    core_.OnMessage(peer, {SharedBytes(std::move(header)),
                           SharedBytes(std::move(payload))});
  }
  void SendAsIs(const std::string& peer, const proto::NodeMessage& message,
                std::string payload = "") {
    SendBytes(peer, message.SerializeAsString(), std::move(payload));
  }
  // The next message of the peer's session.
  void Send(const std::string& peer, proto::NodeMessage message,
            std::string payload = "") {
    message.set_session(1);
    message.set_sequence(++sequence_[peer]);
    SendAsIs(peer, message, std::move(payload));
  }
  void Greet(const std::string& peer) {
    SendAsIs(peer, Hello());
    sequence_[peer] = 0;
    ASSERT_THAT(Heard(peer), ElementsAre(Body::kWelcome));
  }
  void Publish(const std::string& peer, const PublishStory& story) {
    std::string packets;
    proto::NodeMessage message;
    *message.mutable_publish() = PublishMessage(story, &packets);
    Send(peer, std::move(message), std::move(packets));
  }
  void Subscribe(const std::string& peer, const std::vector<uint32_t>& handles,
                 const std::string& room = Room("a")) {
    proto::NodeMessage message;
    for (const uint32_t handle : handles) {
      message.mutable_subscribe()->add_handles(handle);
      AddRoomName(room, message.mutable_subscribe()->mutable_rooms());
    }
    Send(peer, std::move(message));
  }
  void Unsubscribe(const std::string& peer, uint32_t handle) {
    proto::NodeMessage message;
    message.mutable_unsubscribe()->add_handles(handle);
    Send(peer, std::move(message));
  }
  void Read(const std::string& peer, uint64_t request,
            const std::string& room = Room("a")) {
    proto::NodeMessage message;
    message.mutable_read()->set_request(request);
    message.mutable_read()->set_room(room);
    message.mutable_read()->set_limit(10);
    Send(peer, std::move(message));
  }
  void Beat(const std::string& peer, uint64_t consumed = 0) {
    proto::NodeMessage message;
    message.mutable_heartbeat();
    message.set_consumed_bytes(consumed);
    Send(peer, std::move(message));
  }

  std::vector<proto::BrokerMessage> Take(const std::string& peer) {
    return std::exchange(transport_.sent[peer], {});
  }
  // The kinds of messages that the peer was sent since it was last asked.
  std::vector<Body> Heard(const std::string& peer) {
    std::vector<Body> kinds;
    for (const proto::BrokerMessage& message : Take(peer)) {
      kinds.push_back(message.body_case());
    }
    return kinds;
  }
  // Whether the broker takes the next message of the peer's session.
  bool IsKnown(const std::string& peer) {
    Take(peer);
    Beat(peer);
    return Take(peer).empty();
  }

  template <typename Entry>
  Entry TakeEntry() {
    Entry entry = std::get<Entry>(std::move(journal_.entries.front()));
    journal_.entries.pop_front();
    return entry;
  }
  using Batch = std::shared_ptr<const PublishBatch>;

  // The journal finds the rooms of the oldest inquiry, numbered `room`.
  void FindRooms(uint64_t room, uint64_t head = 0) {
    const RoomInquiry inquiry = TakeEntry<RoomInquiry>();
    RoomsFound found;
    found.node = inquiry.node;
    for (const RoomHandle handle : inquiry.handles) {
      RoomHead at;
      at.id = RoomId(room);
      at.head = Offset(head);
      found.rooms.push_back({handle, absl::OkStatus(), at});
    }
    core_.OnJournalResult(std::move(found));
    core_.EndTurn();
  }
  // A commit of one event.
  void Commit(uint64_t room, uint64_t offset, size_t packet_bytes = 1) {
    auto batch = std::make_shared<PublishBatch>();
    batch->packets = SharedBytes(std::string(packet_bytes, 'p'));
    auto commit = std::make_shared<roomlog::Commit>();
    NewEvent event;
    event.room = RoomId(room);
    event.offset = Offset(offset);
    event.packet = batch->packets.view();
    commit->events.push_back(event);
    commit->batches.push_back(std::move(batch));
    core_.OnJournalResult(std::shared_ptr<const roomlog::Commit>(commit));
    core_.EndTurn();
  }
  // Answers the oldest batch: all of it from `offset` on.
  void AnswerBatch(uint64_t offset) {
    const Batch batch = TakeEntry<Batch>();
    BatchAnswer answer;
    answer.node = batch->node;
    answer.events = static_cast<uint32_t>(batch->events.size());
    answer.bytes = batch->packets.size();
    answer.runs.push_back({batch->first_number, answer.events, Offset(offset)});
    auto commit = std::make_shared<roomlog::Commit>();
    commit->answers.push_back(std::move(answer));
    core_.OnJournalResult(std::shared_ptr<const roomlog::Commit>(commit));
  }

  FakeClock clock_;
  FakeJournal journal_;
  FakeReads reads_;
  FakeTransport transport_;
  BrokerCore core_;
  std::map<std::string, uint64_t> sequence_;
};

// ---- Greetings ----

TEST_F(BrokerCoreTest, WelcomesAGreetingWithWhatTheNodeMustKnow) {
  SendAsIs("a", Hello(5));
  const auto heard = Take("a");
  ASSERT_THAT(heard, SizeIs(1));
  EXPECT_EQ(heard[0].session(), 5u);
  EXPECT_EQ(heard[0].sequence(), 0u);
  EXPECT_EQ(heard[0].welcome().epoch(), kEpoch.value());
  EXPECT_EQ(heard[0].welcome().publish_credit(), kUnansweredPublishesMax);
  EXPECT_EQ(heard[0].welcome().publish_credit_bytes(), kUnansweredBytesMax);
  EXPECT_EQ(heard[0].welcome().publishing_stopped(), "");
  EXPECT_EQ(core_.node_count(), 1u);
}

TEST_F(BrokerCoreTest, TakesGreetingsWithinBounds) {
  const std::vector<std::pair<std::string, std::function<void(proto::Hello*)>>>
      cases = {
          {"as it should be", [](proto::Hello*) {}},
          {"a newer minor version",
           [](proto::Hello* h) { h->set_protocol_minor(999); }},
          {"the longest name",
           [](proto::Hello* h) {
             h->set_node_name(std::string(kRoomNameBytesMax, 'n'));
           }},
          {"the most credit",
           [](proto::Hello* h) {
             h->set_delivery_credit_bytes(kDeliveryCreditBytes);
           }},
      };
  for (const auto& [what, change] : cases) {
    proto::NodeMessage hello = Hello();
    change(hello.mutable_hello());
    SendAsIs(what, hello);
    EXPECT_THAT(Heard(what), ElementsAre(Body::kWelcome)) << what;
  }
}

TEST_F(BrokerCoreTest, RefusesGreetingsBeyondBounds) {
  const std::vector<
      std::pair<std::string, std::function<void(proto::NodeMessage*)>>>
      cases = {
          {"no session", [](auto* m) { m->set_session(0); }},
          {"no producer", [](auto* m) { m->mutable_hello()->set_producer(0); }},
          {"no name", [](auto* m) { m->mutable_hello()->set_node_name(""); }},
          {"a name that is too long",
           [](auto* m) {
             m->mutable_hello()->set_node_name(
                 std::string(kRoomNameBytesMax + 1, 'n'));
           }},
          {"no credit",
           [](auto* m) { m->mutable_hello()->set_delivery_credit_bytes(0); }},
          {"too little for a message",
           [](auto* m) {
             m->mutable_hello()->set_delivery_credit_bytes(kMessageBytesMax -
                                                           1);
           }},
          {"too much credit",
           [](auto* m) {
             m->mutable_hello()->set_delivery_credit_bytes(
                 kDeliveryCreditBytes + 1);
           }},
          {"an empty greeting", [](auto* m) { m->mutable_hello()->Clear(); }},
      };
  for (const auto& [what, spoil] : cases) {
    proto::NodeMessage hello = Hello();
    spoil(&hello);
    SendAsIs(what, hello);
    const auto heard = Take(what);
    ASSERT_THAT(heard, SizeIs(1)) << what;
    EXPECT_TRUE(heard[0].has_refused()) << what;
  }
  EXPECT_EQ(core_.node_count(), 0u);
}

TEST_F(BrokerCoreTest, RefusesOtherMajorVersions) {
  for (const uint32_t version : {0u, kProtocolMajor + 1, UINT32_MAX}) {
    proto::NodeMessage hello = Hello();
    hello.mutable_hello()->set_protocol_major(version);
    SendAsIs("a", hello);
    const auto heard = Take("a");
    ASSERT_THAT(heard, SizeIs(1));
    EXPECT_EQ(heard[0].refused().error().code(), proto::ERROR_CODE_VERSION);
  }
}

TEST_F(BrokerCoreTest, GreetingSentTwiceIsOneAndANewOneEndsTheOld) {
  Greet("a");
  Subscribe("a", {1});
  FindRooms(10);
  Take("a");
  SendAsIs("a", Hello(1));
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kWelcome));
  Commit(10, 1);
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kDelivery));
  SendAsIs("a", Hello(2));
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kWelcome));
  EXPECT_THAT(TakeEntry<RoomRelease>().rooms, ElementsAre(RoomId(10)));
  Commit(10, 2);
  EXPECT_THAT(Heard("a"), IsEmpty());
  EXPECT_EQ(core_.node_count(), 1u);
}

TEST_F(BrokerCoreTest, StrangersAreToldThatTheyAreUnknown) {
  Beat("a");
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kUnknown));
  Greet("a");
  proto::NodeMessage old;
  old.set_session(99);
  old.set_sequence(1);
  old.mutable_heartbeat();
  SendAsIs("a", old);
  const auto heard = Take("a");
  ASSERT_THAT(heard, SizeIs(1));
  EXPECT_TRUE(heard[0].has_unknown());
  EXPECT_EQ(heard[0].session(), 99u);
  EXPECT_TRUE(IsKnown("a"));
}

TEST_F(BrokerCoreTest, MissingMessageEndsTheSessionAndARepeatedOneDoesNot) {
  Greet("a");
  Publish("a", {.events = {{Room("a"), "x"}}});
  sequence_["a"] = 0;
  Publish("a", {.events = {{Room("a"), "x"}}});  // The same number again.
  EXPECT_THAT(journal_.entries, SizeIs(1));
  EXPECT_TRUE(IsKnown("a"));
  ++sequence_["a"];
  Publish("a", {.events = {{Room("a"), "y"}}});
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kUnknown));
  EXPECT_THAT(journal_.entries, SizeIs(1));
  EXPECT_EQ(core_.node_count(), 0u);
}

TEST_F(BrokerCoreTest, GoodbyeEndsTheSessionWithoutAWord) {
  Greet("a");
  Subscribe("a", {1});
  FindRooms(10);
  Take("a");
  proto::NodeMessage goodbye;
  goodbye.mutable_goodbye();
  Send("a", goodbye);
  Send("a", goodbye);
  EXPECT_THAT(Heard("a"), IsEmpty());
  EXPECT_EQ(core_.node_count(), 0u);
  EXPECT_THAT(TakeEntry<RoomRelease>().rooms, ElementsAre(RoomId(10)));
}

// ---- Hostile bytes ----

TEST_F(BrokerCoreTest, MalformedMessagesEndTheirOwnSessionOnly) {
  using Spoil = std::function<void(proto::NodeMessage*)>;
  const std::vector<std::pair<std::string, Spoil>> cases = {
      {"no body", [](auto*) {}},
      {"an empty publish", [](auto* m) { m->mutable_publish(); }},
      {"a publish without packets",
       [](auto* m) {
         std::string packets;
         *m->mutable_publish() =
             PublishMessage({.events = {{Room("a"), "x"}}}, &packets);
       }},
      {"a subscription without a room",
       [](auto* m) { m->mutable_subscribe()->add_handles(1); }},
      {"a room without a handle",
       [](auto* m) {
         AddRoomName(Room("a"), m->mutable_subscribe()->mutable_rooms());
       }},
      {"names cut off",
       [](auto* m) {
         m->mutable_subscribe()->add_handles(1);
         m->mutable_subscribe()->mutable_rooms()->add_sizes(10);
       }},
      {"one handle twice",
       [](auto* m) {
         for (int i = 0; i < 2; ++i) {
           m->mutable_subscribe()->add_handles(1);
           AddRoomName(Room("a"), m->mutable_subscribe()->mutable_rooms());
         }
       }},
      {"too many rooms",
       [](auto* m) {
         for (uint32_t i = 0; i <= kRoomsPerMessageMax; ++i) {
           m->mutable_subscribe()->add_handles(i);
           AddRoomName(Room("a"), m->mutable_subscribe()->mutable_rooms());
         }
       }},
  };
  Greet("good");
  for (const auto& [what, spoil] : cases) {
    Greet(what);
    proto::NodeMessage message;
    spoil(&message);
    Send(what, message);
    const auto heard = Take(what);
    ASSERT_THAT(heard, SizeIs(1)) << what;
    EXPECT_TRUE(heard[0].has_refused()) << what;
    EXPECT_FALSE(IsKnown(what)) << what;
    EXPECT_TRUE(IsKnown("good")) << what;
  }
  EXPECT_THAT(journal_.entries, IsEmpty());
}

TEST_F(BrokerCoreTest, RandomBytesHarmNobodyElse) {
  std::mt19937_64 random(20);
  Greet("good");
  proto::NodeMessage sensible;
  sensible.set_session(1);
  sensible.set_sequence(1);
  std::string packets;
  *sensible.mutable_publish() = PublishMessage(
      {.events = {{Room("a"), "x", "id"}, {Room("b"), "y"}}}, &packets);
  const std::string bytes = sensible.SerializeAsString();
  for (int i = 0; i < 2000; ++i) {
    std::string header = bytes;
    if (i % 2 == 0) {  // Noise,
      header.resize(random() % 64);
      for (char& c : header) c = static_cast<char>(random());
    } else {  // or something nearly right.
      for (int n = 1 + random() % 3; n > 0; --n) {
        header[random() % header.size()] = static_cast<char>(random());
      }
      if (random() % 4 == 0) header.resize(random() % header.size());
    }
    if (i % 8 == 1) SendAsIs("bad", Hello());
    SendBytes("bad", header, i % 3 == 0 ? "" : packets);
    core_.EndTurn();
    if (i % 100 == 0) {
      ASSERT_TRUE(IsKnown("good"));
    }
  }
  EXPECT_TRUE(IsKnown("good"));
  EXPECT_THAT(core_.node_count(), Le(2u));
}

TEST_F(BrokerCoreTest, MessagesBeyondTheBoundAreRefusedUnread) {
  Greet("a");
  SendBytes("a", std::string(kMessageBytesMax + 1, '\0'));
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kRefused));
  SendBytes("a", "", std::string(kMessageBytesMax + 1, '\0'));
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kRefused));
}

// ---- Publishing ----

TEST_F(BrokerCoreTest, PublishesAreAnsweredOnceATurn) {
  Greet("a");
  Publish("a", {.events = {{Room("a"), "x"}, {Room("a"), "y"}}});
  Publish("a", {.first_number = 3, .events = {{Room("a"), "z"}}});
  AnswerBatch(100);
  AnswerBatch(102);
  EXPECT_THAT(Heard("a"), IsEmpty());
  core_.EndTurn();
  const auto heard = Take("a");
  ASSERT_THAT(heard, SizeIs(1));
  EXPECT_EQ(heard[0].sequence(), 1u);
  ASSERT_EQ(heard[0].published().runs_size(), 2);
  EXPECT_EQ(heard[0].published().runs(0).first_offset(), 100u);
  EXPECT_EQ(heard[0].published().runs(0).count(), 2u);
  EXPECT_EQ(heard[0].published().runs(1).first_number(), 3u);
}

TEST_F(BrokerCoreTest, AnswersDoNotReachALaterLifeOfTheNode) {
  Greet("a");
  Publish("a", {.events = {{Room("a"), "x"}}});
  SendAsIs("a", Hello(2));
  Take("a");
  AnswerBatch(100);
  core_.EndTurn();
  EXPECT_THAT(Heard("a"), IsEmpty());
}

TEST_F(BrokerCoreTest, NumbersOutOfOrderAreAskedForAgain) {
  Greet("a");
  Publish("a", {.first_number = 9, .events = {{Room("a"), "x"}}});
  BatchAnswer answer;
  answer.node = TakeEntry<Batch>()->node;
  answer.expected = PublishNumber(4);
  auto commit = std::make_shared<roomlog::Commit>();
  commit->answers.push_back(answer);
  core_.OnJournalResult(std::shared_ptr<const roomlog::Commit>(commit));
  const auto heard = Take("a");
  ASSERT_THAT(heard, SizeIs(1));
  EXPECT_EQ(heard[0].publish_out_of_order().expected_number(), 4u);
}

TEST_F(BrokerCoreTest, MoreUnansweredThanCreditEndsTheSession) {
  Greet("a");
  const std::vector<Said> events(kEventsPerMessageMax, {Room("a"), "x"});
  uint64_t number = 1;
  for (size_t i = 0; i < kUnansweredPublishesMax / kEventsPerMessageMax; ++i) {
    Publish("a", {.first_number = number, .events = events});
    number += kEventsPerMessageMax;
  }
  EXPECT_TRUE(IsKnown("a"));
  AnswerBatch(1);  // Gives credit back.
  Publish("a", {.first_number = number, .events = events});
  core_.EndTurn();
  EXPECT_TRUE(IsKnown("a"));
  Publish("a", {.first_number = number + kEventsPerMessageMax,
                .events = {{Room("a"), "x"}}});
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kRefused));
}

TEST_F(BrokerCoreTest, FullJournalStopsTheMessagesAndLosesNothing) {
  Greet("a");
  Greet("b");
  Subscribe("b", {1});
  FindRooms(10);
  journal_.full = true;
  EXPECT_TRUE(core_.ready_for_messages());
  Publish("a", {.events = {{Room("a"), "x"}}});
  EXPECT_FALSE(core_.ready_for_messages());
  core_.EndTurn();
  EXPECT_FALSE(core_.ready_for_messages());
  // Nobody can be heard meanwhile, so no lease may end.
  for (int i = 0; i < 60; ++i) {
    clock_.Advance(absl::Milliseconds(250));
    core_.OnTick();
    core_.EndTurn();
  }
  EXPECT_EQ(core_.node_count(), 2u) << "nobody was listened to";
  journal_.full = false;
  core_.EndTurn();
  EXPECT_TRUE(core_.ready_for_messages());
  EXPECT_EQ(TakeEntry<Batch>()->events[0].packet, "x");
}

TEST_F(BrokerCoreTest, StoppedPublishingIsToldToAll) {
  Greet("a");
  core_.OnJournalResult(
      PublishingState{absl::ResourceExhaustedError("the disk is full")});
  EXPECT_EQ(core_.publishing().code(), absl::StatusCode::kResourceExhausted);
  core_.OnTick();
  const auto heard = Take("a");
  ASSERT_THAT(heard, SizeIs(1));
  EXPECT_THAT(heard[0].heartbeat().publishing_stopped(),
              HasSubstr("the disk is full"));
  SendAsIs("b", Hello());
  EXPECT_THAT(Take("b")[0].welcome().publishing_stopped(),
              HasSubstr("the disk is full"));
  core_.OnJournalResult(PublishingState{absl::OkStatus()});
  core_.OnTick();
  EXPECT_EQ(Take("a")[0].heartbeat().publishing_stopped(), "");
}

TEST_F(BrokerCoreTest, ClosingIsToldBeforeAndAfterTheLastAnswers) {
  Greet("a");
  Publish("a", {.events = {{Room("a"), "x"}}});
  core_.BeginClosing();
  AnswerBatch(1);
  core_.EndTurn();
  core_.Close();
  const auto heard = Take("a");
  ASSERT_THAT(heard, SizeIs(3));
  EXPECT_THAT(heard[0].heartbeat().publishing_stopped(), HasSubstr("closing"));
  EXPECT_TRUE(heard[1].has_published());
  EXPECT_TRUE(heard[2].has_closed());
  EXPECT_EQ(core_.node_count(), 0u);
}

// ---- Subscriptions ----

TEST_F(BrokerCoreTest, SubscribedRoomsAreDelivered) {
  Greet("a");
  Subscribe("a", {5});
  EXPECT_THAT(Heard("a"), IsEmpty());
  FindRooms(10, /*head=*/7);
  auto heard = Take("a");
  ASSERT_THAT(heard, SizeIs(1));
  EXPECT_THAT(heard[0].subscribed().handles(), ElementsAre(5));
  EXPECT_THAT(heard[0].subscribed().heads(), ElementsAre(7));
  Commit(10, 8);
  heard = Take("a");
  ASSERT_THAT(heard, SizeIs(1));
  EXPECT_EQ(heard[0].sequence(), 2u);
  EXPECT_THAT(heard[0].delivery().events().rooms(), ElementsAre(5));
  Unsubscribe("a", 5);
  EXPECT_THAT(TakeEntry<RoomRelease>().rooms, ElementsAre(RoomId(10)));
  Commit(10, 9);
  EXPECT_THAT(Heard("a"), IsEmpty());
}

TEST_F(BrokerCoreTest, UnsubscribedBeforeItWasFoundIsGivenBack) {
  Greet("a");
  Subscribe("a", {5});
  Unsubscribe("a", 5);
  FindRooms(10);
  EXPECT_THAT(Heard("a"), IsEmpty());
  EXPECT_THAT(TakeEntry<RoomRelease>().rooms, ElementsAre(RoomId(10)));
  Commit(10, 1);
  EXPECT_THAT(Heard("a"), IsEmpty());
}

TEST_F(BrokerCoreTest, RoomsFoundForANodeThatIsGoneAreGivenBack) {
  Greet("a");
  Subscribe("a", {5});
  SendAsIs("a", Hello(2));
  Take("a");
  FindRooms(10);
  EXPECT_THAT(Heard("a"), IsEmpty());
  EXPECT_THAT(TakeEntry<RoomRelease>().rooms, ElementsAre(RoomId(10)));
}

TEST_F(BrokerCoreTest, RoomsThatCannotBeFoundFail) {
  Greet("a");
  Subscribe("a", {5}, "no namespace");
  const RoomInquiry inquiry = TakeEntry<RoomInquiry>();
  RoomsFound found;
  found.node = inquiry.node;
  found.rooms.push_back(
      {RoomHandle(5), absl::InvalidArgumentError("a bad name"), {}});
  core_.OnJournalResult(found);
  const auto heard = Take("a");
  ASSERT_THAT(heard, SizeIs(1));
  EXPECT_THAT(heard[0].subscribed().failed_handles(), ElementsAre(5));
  EXPECT_EQ(heard[0].subscribed().error().code(), proto::ERROR_CODE_INVALID);
}

TEST_F(BrokerCoreTest, HandleInUseEndsTheSession) {
  Greet("a");
  Subscribe("a", {5});
  FindRooms(10);
  Take("a");
  Subscribe("a", {5}, Room("b"));
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kRefused));
}

// ---- Leases ----

TEST_F(BrokerCoreTest, SilentNodesAreGoneAfterTheirLease) {
  Greet("a");
  Greet("b");
  for (absl::Duration silent; silent <= kNodeLease;
       silent += absl::Milliseconds(500)) {
    EXPECT_EQ(core_.node_count(), 2u) << silent;
    Beat("b");
    clock_.Advance(absl::Milliseconds(500));
    core_.OnTick();
  }
  EXPECT_EQ(core_.node_count(), 1u);
  EXPECT_FALSE(IsKnown("a"));
  EXPECT_TRUE(IsKnown("b"));
}

TEST_F(BrokerCoreTest, NobodyIsGoneBecauseTheBrokerWasDeaf) {
  Greet("a");
  clock_.Advance(2 * kNodeLease);  // The process was stopped.
  core_.OnTick();
  EXPECT_TRUE(IsKnown("a"));
}

TEST_F(BrokerCoreTest, TimeOfDayEndsNoLease) {
  Greet("a");
  clock_.Jump(absl::Hours(48));
  core_.OnTick();
  clock_.Jump(-absl::Hours(96));
  core_.OnTick();
  EXPECT_TRUE(IsKnown("a"));
}

TEST_F(BrokerCoreTest, NodesHearSomethingEverySecond) {
  Greet("a");
  for (int i = 0; i < 20; ++i) {
    clock_.Advance(absl::Milliseconds(250));
    core_.OnTick();
  }
  EXPECT_EQ(Heard("a"), std::vector<Body>(5, Body::kHeartbeat));
}

// ---- History ----

TEST_F(BrokerCoreTest, ReadsAreAnswered) {
  Greet("a");
  Read("a", 77);
  ASSERT_THAT(reads_.reads, SizeIs(1));
  const HistoryRead read = reads_.reads.front();
  EXPECT_EQ(read.query.room.room(), "a");
  EXPECT_EQ(read.query.events_max, 10u);
  EXPECT_EQ(read.query.bytes_max, kReadBytesMax);
  EXPECT_EQ(read.query.before, kNoUpperBound);
  ReadPage page;
  page.head = Offset(9);
  page.trimmed_through = Offset(2);
  page.more = true;
  core_.OnReadDone({read.node, read.request, page});
  const auto heard = Take("a");
  ASSERT_THAT(heard, SizeIs(1));
  EXPECT_EQ(heard[0].read_answer().request(), 77u);
  EXPECT_EQ(heard[0].read_answer().head(), 9u);
  EXPECT_EQ(heard[0].read_answer().trimmed_through(), 2u);
  EXPECT_TRUE(heard[0].read_answer().more());
}

TEST_F(BrokerCoreTest, ReadsThatCannotBeAreRefused) {
  Greet("a");
  const auto error = [this] {
    const auto heard = Take("a");
    return heard.empty() ? proto::ERROR_CODE_OK
                         : heard[0].read_answer().error().code();
  };
  Read("a", 1, "no namespace");
  EXPECT_EQ(error(), proto::ERROR_CODE_INVALID);
  Read("a", 2);
  core_.OnReadDone(
      {reads_.reads.back().node, 2, absl::DataLossError("damaged")});
  EXPECT_EQ(error(), proto::ERROR_CODE_DATA_LOSS);
  reads_.full = true;
  Read("a", 3);
  EXPECT_EQ(error(), proto::ERROR_CODE_UNAVAILABLE);
  EXPECT_TRUE(IsKnown("a"));
}

TEST_F(BrokerCoreTest, OneNodeHasSoManyReadsUnderWayAndSoManyWaiting) {
  Greet("a");
  uint64_t request = 0;
  while (Take("a").empty() && request < 10'000) Read("a", ++request);
  const size_t at_once = reads_.reads.size();
  EXPECT_EQ(at_once, 16u);
  EXPECT_EQ(request, at_once + kUnansweredReadsMax + 1);
  // As each is done, the next begins.
  core_.OnReadDone({reads_.reads[0].node, 1, ReadPage()});
  EXPECT_EQ(reads_.reads.size(), at_once + 1);
  EXPECT_EQ(reads_.reads.back().request, at_once + 1);
}

TEST_F(BrokerCoreTest, ReadsWaitForCredit) {
  Greet("a");
  Subscribe("a", {1});
  FindRooms(10);
  for (uint64_t i = 1; i <= kMessageBytesMax / kPacketBytesMax + 1; ++i) {
    Commit(10, i, kPacketBytesMax);
  }
  Read("a", 1);
  EXPECT_THAT(reads_.reads, IsEmpty());
  Beat("a", kMessageBytesMax);
  EXPECT_THAT(reads_.reads, SizeIs(1));
}

// ---- Bounds ----

class BrokerCoreWithLimitsTest : public BrokerCoreTest {
 protected:
  BrokerCoreWithLimitsTest()
      : BrokerCoreTest({.recent_commit_bytes_max = 1000,
                        .nodes_max = 2,
                        .rooms_per_node_max = 3}) {}
};

TEST_F(BrokerCoreWithLimitsTest, OneNodeTooManyIsRefused) {
  Greet("a");
  Greet("b");
  SendAsIs("c", Hello());
  const auto heard = Take("c");
  ASSERT_THAT(heard, SizeIs(1));
  EXPECT_EQ(heard[0].refused().error().code(), proto::ERROR_CODE_LIMIT);
  SendAsIs("a", Hello(2));  // Takes its own place again.
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kWelcome));
  proto::NodeMessage goodbye;
  goodbye.mutable_goodbye();
  Send("b", goodbye);
  Greet("c");
}

TEST_F(BrokerCoreWithLimitsTest, OneRoomTooManyIsRefused) {
  Greet("a");
  Subscribe("a", {1});
  FindRooms(10);
  Subscribe("a", {2});
  Take("a");
  Subscribe("a", {3, 4});
  auto heard = Take("a");
  ASSERT_THAT(heard, SizeIs(1));
  EXPECT_THAT(heard[0].subscribed().failed_handles(), ElementsAre(3, 4));
  EXPECT_EQ(heard[0].subscribed().error().code(), proto::ERROR_CODE_LIMIT);
  Subscribe("a", {3});
  EXPECT_THAT(Heard("a"), IsEmpty());
}

TEST_F(BrokerCoreWithLimitsTest, LaggingNodeIsToldAndMaySubscribeAgain) {
  Greet("a");
  Subscribe("a", {1});
  FindRooms(10);
  uint64_t offset = 0;
  while (offset * kPacketBytesMax < kMessageBytesMax) {
    Commit(10, ++offset, kPacketBytesMax);
  }
  Subscribe("a", {2}, Room("b"));  // Is given up with the other one.
  Take("a");
  Commit(10, ++offset, kPacketBytesMax);
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kLagging));
  EXPECT_TRUE(std::holds_alternative<RoomInquiry>(journal_.entries.front()));
  FindRooms(11);
  Commit(10, ++offset);
  Commit(11, ++offset);
  EXPECT_THAT(Heard("a"), IsEmpty());
  EXPECT_THAT(TakeEntry<RoomRelease>().rooms, ElementsAre(RoomId(10)));
  EXPECT_THAT(TakeEntry<RoomRelease>().rooms, ElementsAre(RoomId(11)));
  Subscribe("a", {3});
  FindRooms(10, offset);
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kSubscribed));
  Beat("a", 2 * kMessageBytesMax);
  Commit(10, ++offset);
  EXPECT_THAT(Heard("a"), ElementsAre(Body::kDelivery));
}

TEST_F(BrokerCoreTest, EphemeralEventsAreHandedOnAndTheHoldersCounted) {
  for (const char* peer : {"ann", "bob", "cid"}) Greet(peer);
  Subscribe("ann", {1});
  FindRooms(10);
  Subscribe("bob", {1});
  FindRooms(10);
  Take("ann");
  Take("bob");
  proto::NodeMessage message;
  proto::Ephemeral* const ephemeral = message.mutable_ephemeral();
  ephemeral->set_request(77);
  EventColumnsWriter writer({.rooms = true}, ephemeral->mutable_events());
  AddRoomName(Room("a"), ephemeral->mutable_rooms());
  EventView event;
  event.flags = proto::EVENT_FLAG_EPHEMERAL;
  event.packet = "wink";
  writer.Add(event);
  Send("cid", message, "wink");

  const Batch batch = TakeEntry<Batch>();
  EXPECT_EQ(batch->ephemeral_request, 77u);
  auto commit = std::make_shared<roomlog::Commit>();
  NewEvent handed_on;
  handed_on.room = RoomId(10);
  handed_on.offset = Offset(5);
  handed_on.flags = batch->events[0].flags;
  handed_on.packet = batch->events[0].packet;
  commit->events.push_back(handed_on);
  commit->batches.push_back(batch);
  BatchAnswer answer;
  answer.node = batch->node;
  answer.events = 1;
  answer.ephemeral_request = 77;
  answer.ephemeral_rooms = {RoomId(10)};
  commit->answers.push_back(answer);
  core_.OnJournalResult(std::shared_ptr<const roomlog::Commit>(commit));
  core_.EndTurn();
  EXPECT_THAT(Heard("ann"), ElementsAre(Body::kDelivery));
  EXPECT_THAT(Heard("bob"), ElementsAre(Body::kDelivery));
  const std::vector<proto::BrokerMessage> told = Take("cid");
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].ephemeral_answer().request(), 77u);
  EXPECT_THAT(told[0].ephemeral_answer().receivers(), ElementsAre(2));
}

TEST_F(BrokerCoreTest, EphemeralEventsMustBeMarkedAsSuch) {
  Greet("ann");
  PublishStory story{.events = {{Room("a"), "x"}}};
  std::string packets;
  proto::NodeMessage message;
  *message.mutable_publish() = PublishMessage(story, &packets);
  message.mutable_publish()->mutable_events()->add_flags(
      proto::EVENT_FLAG_EPHEMERAL);
  Send("ann", message, packets);
  EXPECT_THAT(Heard("ann"), ElementsAre(Body::kRefused));
  Greet("bob");
  proto::NodeMessage unmarked;
  unmarked.mutable_ephemeral()->set_request(1);
  *unmarked.mutable_ephemeral()->mutable_events() =
      PublishMessage(story, &packets).events();
  AddRoomName(Room("a"), unmarked.mutable_ephemeral()->mutable_rooms());
  Send("bob", unmarked, "x");
  EXPECT_THAT(Heard("bob"), ElementsAre(Body::kRefused));
}

}  // namespace
}  // namespace roomlog
