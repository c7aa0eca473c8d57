#include "node/link/link_core.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/event_columns.h"
#include "proto/events.pb.h"
#include "proto/protocol_version.h"
#include "test/fakes/fake_clock.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Body = proto::NodeMessage::BodyCase;

constexpr uint64_t kFirstSession = 50;

class NotingFollower final : public RoomFollower {
 public:
  void OnFollowing(RoomHandle room, Position head) override {
    heard.push_back(absl::StrCat(room.value(), " from ", head.offset.value()));
  }
  void OnFollowFailed(RoomHandle room, const absl::Status& status) override {
    heard.push_back(absl::StrCat(room.value(), " ",
                                 absl::StatusCodeToString(status.code())));
  }
  void OnEvents(absl::Span<const RoomEvent> events) override {
    for (const RoomEvent& event : events) {
      heard.push_back(absl::StrCat(event.room.value(), " ",
                                   std::string(event.event.packet), "#",
                                   std::string(event.event.id)));
    }
  }
  void OnGap(RoomHandle room, Position, Position to, GapReason) override {
    heard.push_back(absl::StrCat(room.value(), " gap to ", to.offset.value()));
  }
  std::vector<std::string> Take() { return std::exchange(heard, {}); }
  std::vector<std::string> heard;
};

class FakeTransport final : public Transport {
 public:
  void Send(absl::string_view peer, OutgoingMessage message) override {
    EXPECT_EQ(peer, "");
    proto::NodeMessage parsed;
    ASSERT_TRUE(parsed.ParseFromString(message.header));
    sent.push_back(std::move(parsed));
    payloads.push_back(std::move(message.payload));
  }
  std::vector<proto::NodeMessage> sent;
  std::vector<std::string> payloads;
};

class LinkCoreTest : public ::testing::Test {
 protected:
  static LinkOptions Options() {
    LinkOptions options;
    options.node_name = "ann";
    options.producer = ProducerId(7);
    options.first_session = kFirstSession;
    options.delivery_credit_bytes = kMessageBytesMax;
    return options;
  }

  std::vector<proto::NodeMessage> Take() {
    link_.EndTurn();
    return std::exchange(transport_.sent, {});
  }
  std::vector<Body> Said() {
    std::vector<Body> kinds;
    for (const proto::NodeMessage& message : Take()) {
      kinds.push_back(message.body_case());
    }
    return kinds;
  }

  // What the broker says next in the session.
  size_t Hear(proto::BrokerMessage message, const std::string& payload = "") {
    message.set_session(session_);
    message.set_sequence(++sequence_);
    const std::string header = message.SerializeAsString();
    link_.OnMessage({SharedBytes(header), SharedBytes(payload)});
    return header.size() + payload.size();
  }
  // The link greets, and is welcomed.
  void Welcome(uint64_t publishes = 1000, uint64_t bytes = 1 << 20,
               uint64_t epoch = 1) {
    clock_.Advance(kGreetingInterval);
    link_.OnTick();
    const auto sent = Take();
    ASSERT_FALSE(sent.empty());
    ASSERT_TRUE(sent.back().has_hello());
    session_ = sent.back().session();
    sequence_ = 0;
    proto::BrokerMessage message;
    message.set_session(session_);
    message.mutable_welcome()->set_epoch(epoch);
    message.mutable_welcome()->set_publish_credit(publishes);
    message.mutable_welcome()->set_publish_credit_bytes(bytes);
    link_.OnMessage({SharedBytes(message.SerializeAsString()), SharedBytes()});
  }
  void Forget() {
    proto::BrokerMessage message;
    message.set_session(session_);
    message.mutable_unknown();
    link_.OnMessage({SharedBytes(message.SerializeAsString()), SharedBytes()});
  }

  // Its answers are noted as "3 at 100", "4 was at 7" or "5 UNAVAILABLE".
  void Publish(const std::string& packet, const std::string& id = "") {
    const int n = ++published_;
    link_.Publish(
        {RoomKey::Make("/", "a").value(), 0, id, packet},
        [this, n](absl::StatusOr<PublishAnswer> answer) {
          answers_.push_back(
              answer.ok()
                  ? absl::StrCat(n, answer->duplicate ? " was at " : " at ",
                                 answer->position.offset.value())
                  : absl::StrCat(
                        n, " ",
                        absl::StatusCodeToString(answer.status().code())));
        });
  }
  void Publish(int count) {
    for (int i = 0; i < count; ++i) Publish("x");
  }
  // An ephemeral event. Its answer is noted as "3 for 2".
  void Whisper(const std::string& packet) {
    const int n = ++published_;
    link_.Publish(
        {RoomKey::Make("/", "a").value(), proto::EVENT_FLAG_EPHEMERAL, "",
         packet},
        [this, n](absl::StatusOr<PublishAnswer> answer) {
          answers_.push_back(answer.ok()
                                 ? absl::StrCat(n, " for ", answer->receivers)
                                 : absl::StrCat(n, " ",
                                                absl::StatusCodeToString(
                                                    answer.status().code())));
        });
  }
  void AnswerWhisper(uint64_t request, const std::vector<uint32_t>& receivers) {
    proto::BrokerMessage message;
    proto::EphemeralAnswer* const answer = message.mutable_ephemeral_answer();
    answer->set_request(request);
    for (const uint32_t count : receivers) answer->add_receivers(count);
    Hear(std::move(message));
  }
  // Publishes as "1-3", ephemeral events with their packets.
  std::vector<std::string> SentInOrder() {
    transport_.payloads.clear();
    std::vector<std::string> all;
    const std::vector<proto::NodeMessage> sent = Take();
    for (size_t i = 0; i < sent.size(); ++i) {
      if (sent[i].has_publish()) {
        const proto::Publish& publish = sent[i].publish();
        all.push_back(absl::StrCat(
            publish.first_number(), "-",
            publish.first_number() + publish.events().count() - 1));
      } else if (sent[i].has_ephemeral()) {
        all.push_back(absl::StrCat("ephemeral ", sent[i].ephemeral().request(),
                                   ": ", transport_.payloads[i]));
      }
    }
    return all;
  }
  void Answer(uint64_t first, uint32_t count, uint64_t offset) {
    proto::BrokerMessage message;
    proto::Published::Run* const run = message.mutable_published()->add_runs();
    run->set_first_number(first);
    run->set_count(count);
    run->set_first_offset(offset);
    Hear(std::move(message));
  }
  // The numbers that are published now: "1-512 after 0", the last of these that
  // the node says to have answers of all before.
  std::vector<std::string> Published() {
    std::vector<std::string> all;
    for (const proto::NodeMessage& message : Take()) {
      if (!message.has_publish()) continue;
      const proto::Publish& publish = message.publish();
      all.push_back(
          absl::StrCat(publish.first_number(), "-",
                       publish.first_number() + publish.events().count() - 1,
                       " after ", publish.answered_through()));
    }
    return all;
  }

  RoomHandle Follow(const std::string& room) {
    return link_.Follow(RoomKey::Make("/", room).value());
  }
  // The wire's handles of what is subscribed to now.
  std::vector<uint32_t> SubscribedNow() {
    std::vector<uint32_t> handles;
    for (const proto::NodeMessage& message : Take()) {
      for (const uint32_t handle : message.subscribe().handles()) {
        handles.push_back(handle);
      }
    }
    return handles;
  }
  void Found(const std::vector<uint32_t>& handles, uint64_t head) {
    proto::BrokerMessage message;
    for (const uint32_t handle : handles) {
      message.mutable_subscribed()->add_handles(handle);
      message.mutable_subscribed()->add_heads(head);
    }
    Hear(std::move(message));
  }
  static proto::BrokerMessage Delivery(uint32_t handle, uint64_t offset,
                                       uint64_t previous,
                                       const std::string& packet,
                                       const std::string& id = "") {
    proto::BrokerMessage message;
    EventColumnsWriter writer(
        {.rooms = true, .offsets = true, .previous = true},
        message.mutable_delivery()->mutable_events());
    EventView event;
    event.room = handle;
    event.offset = Offset(offset);
    event.previous = Offset(previous);
    event.packet = packet;
    event.id = id;
    writer.Add(event);
    return message;
  }

  FakeClock clock_;
  FakeTransport transport_;
  NotingFollower follower_;
  LinkCore link_{Options(), clock_, transport_, follower_,
                 [](absl::string_view) {}};
  uint64_t session_ = 0;
  uint64_t sequence_ = 0;
  int published_ = 0;
  std::vector<std::string> answers_;
};

// ---- Greetings ----

TEST_F(LinkCoreTest, GreetsUntilItIsWelcomed) {
  for (int i = 0; i < 5; ++i) {
    link_.OnTick();
    const auto sent = Take();
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_EQ(sent[0].session(), kFirstSession);
    EXPECT_EQ(sent[0].hello().protocol_major(), kProtocolMajor);
    EXPECT_EQ(sent[0].hello().node_name(), "ann");
    EXPECT_EQ(sent[0].hello().producer(), 7u);
    EXPECT_EQ(sent[0].hello().delivery_credit_bytes(), kMessageBytesMax);
    clock_.Advance(kGreetingInterval / 2);
    link_.OnTick();
    EXPECT_THAT(Said(), IsEmpty());
    clock_.Advance(kGreetingInterval / 2);
  }
  EXPECT_THAT(link_.health(), StatusIs(absl::StatusCode::kUnavailable));
  Welcome();
  EXPECT_THAT(link_.health(), IsOk());
  link_.OnTick();
  EXPECT_THAT(Said(), ElementsAre(Body::kHeartbeat));
  clock_.Advance(kGreetingInterval);
  link_.OnTick();
  EXPECT_THAT(Said(), IsEmpty());
  clock_.Advance(kHeartbeatInterval);
  link_.OnTick();
  EXPECT_THAT(Said(), ElementsAre(Body::kHeartbeat));
}

TEST_F(LinkCoreTest, SilentBrokerIsGreetedAnew) {
  Welcome();
  clock_.Advance(kBrokerSilenceMax);
  link_.OnTick();
  EXPECT_THAT(link_.health(), IsOk());
  clock_.Advance(absl::Milliseconds(1));
  Take();
  link_.OnTick();
  const auto sent = Take();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_TRUE(sent[0].has_hello());
  EXPECT_EQ(sent[0].session(), kFirstSession + 1);
}

TEST_F(LinkCoreTest, BrokerThatClosedIsGreetedWithoutWaitingForItsSilence) {
  Welcome();
  proto::BrokerMessage message;
  message.mutable_closed();
  Hear(message);
  EXPECT_THAT(std::string(link_.health().message()), HasSubstr("has closed"));
  clock_.Advance(kGreetingInterval);
  Take();
  link_.OnTick();
  const auto sent = Take();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_TRUE(sent[0].has_hello());
}

TEST_F(LinkCoreTest, WhatIsOfAnotherSessionIsIgnored) {
  Welcome();
  const uint64_t session = std::exchange(session_, 12345);
  proto::BrokerMessage message;
  message.mutable_heartbeat()->set_publishing_stopped("the disk is full");
  Hear(message);
  Forget();
  EXPECT_THAT(link_.health(), IsOk());
  session_ = session;
  sequence_ = 0;
  Hear(message);
  EXPECT_THAT(link_.health(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(LinkCoreTest, MalformedMessagesEndTheSession) {
  const std::vector<
      std::pair<std::string, std::function<void(proto::BrokerMessage*)>>>
      cases = {
          {"an answer to nothing",
           [](auto* m) {
             m->mutable_published()->add_runs()->set_count(1);
             m->mutable_published()->mutable_runs(0)->set_first_number(1);
           }},
          {"handles without heads",
           [](auto* m) { m->mutable_subscribed()->add_handles(1); }},
          {"a delivery without packets",
           [](auto* m) { *m = Delivery(1, 2, 1, "packet"); }},
          {"publishes wanted that never were",
           [](auto* m) {
             m->mutable_publish_out_of_order()->set_expected_number(9);
           }},
          {"publishes wanted that were answered",
           [](auto* m) {
             m->mutable_publish_out_of_order()->set_expected_number(0);
           }},
      };
  for (const auto& [what, spoil] : cases) {
    Welcome();
    EXPECT_THAT(link_.health(), IsOk()) << what;
    proto::BrokerMessage message;
    spoil(&message);
    Hear(std::move(message));
    EXPECT_THAT(link_.health(), StatusIs(absl::StatusCode::kUnavailable))
        << what;
  }
  Welcome();
  link_.OnMessage({SharedBytes("\xff\xff\xff"), SharedBytes()});
  EXPECT_THAT(link_.health(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(LinkCoreTest, MissingMessageEndsTheSessionAndARepeatedOneDoesNot) {
  Welcome();
  proto::BrokerMessage message;
  message.mutable_heartbeat();
  Hear(message);
  --sequence_;
  message.mutable_heartbeat()->set_publishing_stopped("not heard");
  Hear(message);
  EXPECT_THAT(link_.health(), IsOk());
  ++sequence_;
  message.mutable_heartbeat()->clear_publishing_stopped();
  Hear(message);
  EXPECT_THAT(link_.health(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(LinkCoreTest, UnknownKindsOfMessagesAreIgnored) {
  Welcome();
  Hear(proto::BrokerMessage());
  EXPECT_THAT(link_.health(), IsOk());
}

TEST_F(LinkCoreTest, SaysGoodbyeAndNothingAfterIt) {
  Welcome();
  link_.Close();
  EXPECT_THAT(Said(), ElementsAre(Body::kGoodbye));
  clock_.Advance(absl::Hours(1));
  link_.OnTick();
  EXPECT_THAT(Said(), IsEmpty());
}

// ---- Publishing ----

TEST_F(LinkCoreTest, PublishesAreCutIntoMessagesWithinTheCredit) {
  Publish(1300);
  EXPECT_THAT(Published(), IsEmpty());
  Welcome(/*publishes=*/1200);
  EXPECT_THAT(Published(), ElementsAre("1-1024 after 0", "1025-1200 after 0"));
  EXPECT_THAT(Published(), IsEmpty());
  Answer(1, 50, 100);
  EXPECT_THAT(Published(), ElementsAre("1201-1250 after 50"));
  EXPECT_THAT(answers_, SizeIs(50));
  EXPECT_EQ(answers_[49], "50 at 149");
}

TEST_F(LinkCoreTest, PublishesStayWithinTheCreditOfBytes) {
  Welcome(/*publishes=*/100, /*bytes=*/2500);
  for (int i = 0; i < 5; ++i) Publish(std::string(1000, 'x'));
  EXPECT_THAT(Published(), ElementsAre("1-3 after 0"));
  Answer(1, 1, 100);
  EXPECT_THAT(Published(), ElementsAre("4-4 after 1"));
}

TEST_F(LinkCoreTest, LargePublishesTravelInSeveralMessages) {
  Welcome(/*publishes=*/100, /*bytes=*/kUnansweredBytesMax);
  for (int i = 0; i < 3; ++i) Publish(std::string(kPacketBytesMax, 'x'));
  EXPECT_THAT(Published(), ElementsAre("1-2 after 0", "3-3 after 0"));
}

TEST_F(LinkCoreTest, AnswersReachTheirPublishers) {
  Welcome();
  Publish(4);
  Take();
  proto::BrokerMessage message;
  proto::Published* const published = message.mutable_published();
  for (const uint64_t number : {1, 2, 3}) {
    proto::Published::Run* const run = published->add_runs();
    run->set_first_number(number);
    run->set_count(1);
    run->set_first_offset(number == 3 ? 7 : 100);
    run->set_duplicate(number == 3);
  }
  published->mutable_runs(1)->mutable_error()->set_code(
      proto::ERROR_CODE_LIMIT);
  Hear(message);
  EXPECT_THAT(answers_,
              ElementsAre("1 at 100", "2 RESOURCE_EXHAUSTED", "3 was at 7"));
  Hear(message);  // Told twice: heard once.
  EXPECT_THAT(answers_, SizeIs(3));
  EXPECT_EQ(link_.queued_publishes(), 1u);
  EXPECT_THAT(link_.health(), IsOk());
}

TEST_F(LinkCoreTest, NewSessionSendsAgainFromTheFirstUnanswered) {
  Welcome();
  Publish(5);
  EXPECT_THAT(Published(), ElementsAre("1-5 after 0"));
  Answer(1, 2, 100);
  Forget();
  Publish(1);
  EXPECT_THAT(Published(), IsEmpty());
  Welcome();
  EXPECT_THAT(Published(), ElementsAre("3-6 after 2"));
  Answer(3, 4, 102);
  EXPECT_THAT(answers_, SizeIs(6));
}

TEST_F(LinkCoreTest, BrokerThatLacksPublishesGetsThemAgain) {
  Welcome();
  Publish(5);
  EXPECT_THAT(Published(), ElementsAre("1-5 after 0"));
  proto::BrokerMessage message;
  message.mutable_publish_out_of_order()->set_expected_number(3);
  Hear(message);
  EXPECT_THAT(Published(), ElementsAre("3-5 after 0"));
  EXPECT_THAT(link_.health(), IsOk());
}

TEST_F(LinkCoreTest, PublishIsGivenUpAfterItsTime) {
  Publish(1);
  clock_.Advance(kPublishTimeout / 2);
  Publish(1);
  clock_.Advance(kPublishTimeout / 2 - absl::Milliseconds(1));
  link_.OnTick();
  EXPECT_THAT(answers_, IsEmpty());
  clock_.Advance(absl::Milliseconds(1));
  link_.OnTick();
  EXPECT_THAT(answers_, ElementsAre("1 UNAVAILABLE"));
  Welcome();
  EXPECT_THAT(Published(), ElementsAre("2-2 after 1"));
}

TEST_F(LinkCoreTest, LateAnswerToWhatWasGivenUpIsIgnored) {
  Welcome();
  Publish(1);
  Take();
  for (int i = 0; i < 31; ++i) {  // The broker lives, and its disk does not.
    proto::BrokerMessage message;
    message.mutable_heartbeat();
    Hear(message);
    clock_.Advance(absl::Seconds(1));
    link_.OnTick();
  }
  EXPECT_THAT(answers_, ElementsAre("1 UNAVAILABLE"));
  Answer(1, 1, 100);
  EXPECT_THAT(answers_, SizeIs(1));
  EXPECT_THAT(link_.health(), IsOk());
}

// The broker still has them to answer, and ends the session of a node that has
// more there than its credit.
TEST_F(LinkCoreTest, WhatWasGivenUpUsesCreditUntilTheBrokerAnswers) {
  Welcome(/*publishes=*/2);
  Publish(3);
  EXPECT_THAT(Published(), ElementsAre("1-2 after 0"));
  for (int i = 0; i < 31; ++i) {
    proto::BrokerMessage message;
    message.mutable_heartbeat();
    Hear(message);
    clock_.Advance(absl::Seconds(1));
    link_.OnTick();
  }
  EXPECT_THAT(answers_, SizeIs(3));  // The last was never sent.
  Publish(2);
  EXPECT_THAT(Published(), IsEmpty());
  Answer(1, 1, 100);
  EXPECT_THAT(Published(), ElementsAre("4-4 after 3"));
  Answer(2, 1, 101);
  EXPECT_THAT(Published(), ElementsAre("5-5 after 3"));
}

TEST_F(LinkCoreTest, RefusesWhatCannotBePublished) {
  Welcome();
  Publish("");
  Publish(std::string(kPacketBytesMax + 1, 'x'));
  Publish("x", std::string(kPublishIdBytesMax + 1, 'i'));
  EXPECT_THAT(answers_, IsEmpty());  // Told at the end of the turn.
  EXPECT_THAT(Published(), IsEmpty());
  EXPECT_THAT(answers_, ElementsAre("1 INVALID_ARGUMENT", "2 INVALID_ARGUMENT",
                                    "3 INVALID_ARGUMENT"));
}

TEST_F(LinkCoreTest, RefusesWhatIsMoreThanMayWait) {
  for (size_t i = 0; i < kQueuedPublishesMax; ++i) Publish("x");
  Take();
  EXPECT_THAT(answers_, IsEmpty());
  Publish("x");
  Take();
  EXPECT_THAT(answers_, ElementsAre(absl::StrCat(kQueuedPublishesMax + 1,
                                                 " UNAVAILABLE")));
  Welcome();
  Publish("x");
  Take();
  EXPECT_EQ(answers_.back(),
            absl::StrCat(kQueuedPublishesMax + 2, " RESOURCE_EXHAUSTED"));
  Answer(1, 1, 1);
  Publish("x");
  Take();
  EXPECT_EQ(answers_.back(), "1 at 1");
  EXPECT_EQ(link_.queued_publishes(), kQueuedPublishesMax);
}

// ---- Rooms ----

TEST_F(LinkCoreTest, EphemeralEventsKeepTheirPlaceAmongThePublishes) {
  Whisper("before");
  Publish(2);
  Whisper("between");
  Whisper("these");
  Publish(1);
  Welcome();
  EXPECT_THAT(SentInOrder(), ElementsAre("ephemeral 1: before", "1-2",
                                         "ephemeral 2: betweenthese", "3-3"));
  AnswerWhisper(1, {4});
  AnswerWhisper(2, {0, 1});
  Answer(1, 3, 100);
  EXPECT_THAT(answers_, ElementsAre("1 for 4", "4 for 0", "5 for 1", "2 at 100",
                                    "3 at 101", "6 at 102"));
}

TEST_F(LinkCoreTest, EphemeralEventsAreNeverSentTwice) {
  Welcome();
  Whisper("sent");
  Publish(1);
  EXPECT_THAT(SentInOrder(), ElementsAre("ephemeral 1: sent", "1-1"));
  Whisper("waits");
  Forget();
  EXPECT_THAT(answers_, ElementsAre("1 UNAVAILABLE"));
  Welcome();
  EXPECT_THAT(SentInOrder(), ElementsAre("1-1", "ephemeral 2: waits"));
  AnswerWhisper(2, {3});
  EXPECT_THAT(answers_, ElementsAre("1 UNAVAILABLE", "3 for 3"));
}

TEST_F(LinkCoreTest, EphemeralEventsUseCreditUntilTheyAreAnswered) {
  Welcome(/*publishes=*/3);
  for (int i = 0; i < 4; ++i) Whisper("x");
  Publish(1);
  EXPECT_THAT(SentInOrder(), ElementsAre("ephemeral 1: xxx"));
  for (int i = 0; i < 31; ++i) {
    proto::BrokerMessage message;
    message.mutable_heartbeat();
    Hear(message);
    clock_.Advance(absl::Seconds(1));
    link_.OnTick();
  }
  EXPECT_THAT(answers_, SizeIs(5));
  EXPECT_THAT(SentInOrder(), IsEmpty());
  AnswerWhisper(1, {0, 0, 0});
  EXPECT_THAT(answers_, SizeIs(5));
  Publish(1);
  EXPECT_THAT(SentInOrder(), ElementsAre("2-2"));
}

TEST_F(LinkCoreTest, AnswerToWhatWasNotHandedOnEndsTheSession) {
  Welcome();
  Whisper("x");
  Take();
  AnswerWhisper(7, {1});
  EXPECT_FALSE(link_.health().ok());
}

TEST_F(LinkCoreTest, FollowedRoomsAreHeardUnderTheirHandles) {
  Welcome();
  const RoomHandle room = Follow("a");
  const std::vector<uint32_t> wire = SubscribedNow();
  ASSERT_THAT(wire, SizeIs(1));
  Found(wire, 5);
  Hear(Delivery(wire[0], 6, 5, "six", "id"), "six");
  EXPECT_THAT(follower_.Take(),
              ElementsAre(absl::StrCat(room.value(), " from 5"),
                          absl::StrCat(room.value(), " six#id")));
  link_.Unfollow(room);
  Hear(Delivery(wire[0], 7, 6, "seven"), "seven");
  EXPECT_THAT(Said(), ElementsAre(Body::kUnsubscribe));
  EXPECT_THAT(follower_.Take(), IsEmpty());
}

TEST_F(LinkCoreTest, RoomsKeepTheirHandlesAcrossSessions) {
  const RoomHandle room = Follow("a");
  Welcome();
  const std::vector<uint32_t> before = SubscribedNow();
  Found(before, 5);
  Forget();
  Welcome();
  const std::vector<uint32_t> after = SubscribedNow();
  ASSERT_THAT(after, SizeIs(1));
  EXPECT_NE(after, before);
  Found(after, 5);
  Hear(Delivery(before[0], 6, 5, "old"), "old");
  Hear(Delivery(after[0], 6, 5, "new"), "new");
  EXPECT_THAT(follower_.Take(),
              ElementsAre(absl::StrCat(room.value(), " from 5"),
                          absl::StrCat(room.value(), " new#")));
}

TEST_F(LinkCoreTest, WhatWasMissedIsReadFromTheLog) {
  const RoomHandle room = Follow("a");
  Welcome();
  Found(SubscribedNow(), 5);
  proto::BrokerMessage lagging;
  lagging.mutable_lagging();
  Hear(lagging);
  Found(SubscribedNow(), 6);
  auto sent = Take();
  ASSERT_THAT(sent, SizeIs(1));
  ASSERT_TRUE(sent[0].has_read());
  EXPECT_EQ(sent[0].read().after(), 5u);
  EXPECT_EQ(sent[0].read().before(), 7u);
  EXPECT_EQ(sent[0].read().room(), std::string("/\0a", 3));
  follower_.Take();
  // A broker that is too busy is asked again; that is no gap.
  proto::BrokerMessage busy;
  busy.mutable_read_answer()->set_request(sent[0].read().request());
  busy.mutable_read_answer()->mutable_error()->set_code(
      proto::ERROR_CODE_LIMIT);
  Hear(busy);
  sent = Take();
  ASSERT_THAT(sent, SizeIs(1));
  ASSERT_TRUE(sent[0].has_read());
  proto::BrokerMessage answer;
  answer.mutable_read_answer()->set_request(sent[0].read().request());
  answer.mutable_read_answer()->set_head(6);
  *answer.mutable_read_answer()->mutable_events() =
      Delivery(0, 6, 5, "six", "id").delivery().events();
  answer.mutable_read_answer()->mutable_events()->clear_rooms();
  Hear(answer, "six");
  EXPECT_THAT(follower_.Take(),
              ElementsAre(absl::StrCat(room.value(), " six#id")));
}

TEST_F(LinkCoreTest, FewRoomsAreCaughtUpOnAtATime) {
  // Their pages are held, whatever the bound of what is held says.
  constexpr size_t kAtOnce = 16;
  for (int i = 0; i < 40; ++i) Follow(absl::StrCat("room-", i));
  Welcome();
  Found(SubscribedNow(), 5);
  Forget();
  Welcome();
  Found(SubscribedNow(), 6);
  std::vector<proto::NodeMessage> reads = Take();
  ASSERT_THAT(reads, SizeIs(kAtOnce));
  EXPECT_THAT(Said(), IsEmpty());  // The next turn asks for no more.
  for (const size_t answered : {3, 1}) {
    for (size_t i = 0; i < answered; ++i) {
      proto::BrokerMessage answer;
      answer.mutable_read_answer()->set_request(reads[i].read().request());
      answer.mutable_read_answer()->set_head(6);
      Hear(answer);
    }
    reads = Take();
    EXPECT_THAT(reads, SizeIs(answered));
  }
}

TEST_F(LinkCoreTest, RoomThatCannotBeFollowedIsGone) {
  Welcome();
  const RoomHandle room = Follow("a");
  proto::BrokerMessage message;
  message.mutable_subscribed()->add_failed_handles(SubscribedNow().at(0));
  message.mutable_subscribed()->mutable_error()->set_code(
      proto::ERROR_CODE_LIMIT);
  Hear(message);
  EXPECT_THAT(follower_.Take(),
              ElementsAre(absl::StrCat(room.value(), " RESOURCE_EXHAUSTED")));
  Forget();
  Welcome();
  EXPECT_THAT(SubscribedNow(), IsEmpty());
}

TEST_F(LinkCoreTest, ConsumedBytesAreReportedInTime) {
  Welcome();
  Follow("a");
  const std::vector<uint32_t> wire = SubscribedNow();
  Found(wire, 0);
  const std::string packet(kPacketBytesMax, 'x');
  size_t bytes = Hear(Delivery(wire[0], 1, 0, packet), packet);
  bytes += Hear(Delivery(wire[0], 2, 1, packet), packet);
  EXPECT_THAT(Said(), IsEmpty());
  bytes += Hear(Delivery(wire[0], 3, 2, packet), packet);
  auto sent = Take();
  ASSERT_THAT(sent, SizeIs(1));  // More than a quarter of the credit.
  EXPECT_EQ(sent[0].consumed_bytes(), bytes);
  Forget();
  Welcome();
  sent = Take();  // A new session counts anew.
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent[0].consumed_bytes(), 0u);
}

// ---- History ----

TEST_F(LinkCoreTest, ReadsAreAskedAgainInANewSession) {
  Welcome();
  std::vector<absl::Status> done;
  HistoryRequest request;
  request.room = RoomKey::Make("/", "a").value();
  request.events_max = 5;
  link_.Read(request, [&](absl::StatusOr<HistoryPage> page) {
    done.push_back(page.status());
  });
  EXPECT_THAT(Said(), ElementsAre(Body::kRead));
  Forget();
  Welcome();
  const auto sent = Take();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].read().limit(), 5u);
  EXPECT_EQ(sent[0].read().before(), 0u);
  proto::BrokerMessage answer;
  answer.mutable_read_answer()->set_request(sent[0].read().request());
  Hear(answer);
  Hear(answer);
  EXPECT_THAT(done, ElementsAre(IsOk()));
}

}  // namespace
}  // namespace roomlog
