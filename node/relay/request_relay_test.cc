#include "node/relay/request_relay.h"

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "node/engineio/fake_exchange.h"
#include "node/relay/relay_limits.h"
#include "test/fakes/fake_clock.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr size_t kBodyMax = 1'000'000;

// Two nodes, and what they say to each other, until Settle() or lost.
class RequestRelayTest : public ::testing::Test {
 protected:
  struct Node {
    std::vector<std::shared_ptr<HttpExchange>> served;
    std::unique_ptr<RequestRelay> relay;
  };
  struct Message {
    std::string room;
    std::string bytes;
    RequestRelay::Said said;
  };

  RequestRelayTest() {
    Start(here_, NodeTag(1));
    Start(there_, NodeTag(2));
  }

  void Start(Node& node, NodeTag tag) {
    node.relay = std::make_unique<RequestRelay>(
        RequestRelay::Options{
            .node = tag, .loop_index = 0, .body_bytes_max = kBodyMax},
        clock_,
        [this](std::string room, std::string bytes, RequestRelay::Said said) {
          messages_.push_back(
              {std::move(room), std::move(bytes), std::move(said)});
        },
        [&node](std::shared_ptr<HttpExchange> exchange) {
          node.served.push_back(std::move(exchange));
        });
  }

  void Settle() {
    while (!messages_.empty()) {
      Message message = std::move(messages_.front());
      messages_.pop_front();
      size_t heard = 0;
      for (Node* node : {&here_, &there_}) {
        if (node->relay == nullptr || node->relay->room() != message.room) {
          continue;
        }
        node->relay->OnHeard(message.bytes);
        ++heard;
      }
      if (message.said != nullptr) std::move(message.said)(heard);
    }
  }
  void Check() {
    clock_.Advance(kRelayCheckInterval + absl::Seconds(1));
    for (Node* node : {&here_, &there_}) {
      if (node->relay != nullptr) node->relay->OnTick();
    }
    Settle();
  }

  // A client asks here for a session of the node there.
  std::shared_ptr<FakeExchange> Ask(const char* method) {
    auto exchange = std::make_shared<FakeExchange>();
    exchange->set_request(method, "/socket.io/?sid=x");
    here_.relay->HandOn(NodeTag(2), 0, exchange);
    return exchange;
  }
  HttpExchange& Served() { return *there_.served.back(); }

  // Keeps what the session's owner is told.
  struct Session final : ExchangeOwner {
    void OnBody(HttpExchange&, absl::string_view body) override {
      told.emplace_back(body);
    }
    void OnBodyTooLarge(HttpExchange&) override { told.push_back("too large"); }
    void OnAborted(HttpExchange&) override { told.push_back("aborted"); }
    std::vector<std::string> told;
  };

  FakeClock clock_;
  std::deque<Message> messages_;
  Node here_;
  Node there_;
  Session session_;
};

const char kUnknown[] = R"(400 {"code":1,"message":"Session ID unknown"})";

TEST_F(RequestRelayTest, APollIsAnsweredByTheNodeThatHasTheSession) {
  const auto poll = std::make_shared<FakeExchange>();
  poll->set_request("GET", "/socket.io/?sid=x");
  poll->AddHeader("Origin", "http://a.example");
  here_.relay->HandOn(NodeTag(2), 0, poll);
  Settle();
  ASSERT_EQ(there_.served.size(), 1u);
  EXPECT_EQ(Served().request().method, "GET");
  EXPECT_EQ(Served().request().target, "/socket.io/?sid=x");
  EXPECT_EQ(Served().request().headers.Find("origin"), "http://a.example");
  EXPECT_EQ(poll->Told(), "pending");
  HttpAnswer answer = TextAnswer(200, "4hello");
  answer.headers.emplace_back("Vary", "Origin");
  Served().Answer(std::move(answer));
  Settle();
  EXPECT_EQ(poll->Told(), "200 4hello");
  EXPECT_THAT(
      poll->answer().headers,
      ElementsAre(std::pair<std::string, std::string>("Vary", "Origin")));
  EXPECT_EQ(here_.relay->handed_on(), 0u);
  EXPECT_EQ(there_.relay->taken(), 0u);
}

TEST_F(RequestRelayTest, BodiesOfAnySizeComeWhole) {
  std::string body(kBodyMax, 'x');
  body.front() = 'a';
  body.back() = 'z';
  const auto post = Ask("POST");
  post->Body(body);
  Settle();
  ASSERT_EQ(there_.served.size(), 1u);
  Served().SetOwner(&session_);
  Served().ReadBody(kBodyMax);
  EXPECT_EQ(session_.told, std::vector<std::string>{body});
  Served().Answer(TextAnswer(200, body));
  Settle();
  EXPECT_EQ(post->Told(), "200 " + body);
}

TEST_F(RequestRelayTest, ABodyThatIsTooLargeGoesNowhere) {
  const auto post = Ask("POST");
  post->Body(std::string(kBodyMax + 1, 'x'));
  EXPECT_THAT(post->Told(), StartsWith("413"));
  EXPECT_THAT(messages_, IsEmpty());
  EXPECT_EQ(here_.relay->handed_on(), 0u);
}

TEST_F(RequestRelayTest, ASessionOfNobodyIsUnknownAtOnce) {
  there_.relay.reset();
  const auto poll = Ask("GET");
  Settle();
  EXPECT_EQ(poll->Told(), kUnknown);
}

TEST_F(RequestRelayTest, WithoutABrokerItIsUnknownToo) {
  const auto poll = Ask("GET");
  std::move(messages_.front().said)(absl::UnavailableError("no broker"));
  EXPECT_EQ(poll->Told(), kUnknown);
  messages_.clear();
  const auto waiting = Ask("GET");
  clock_.Advance(kRelayHandOnTime + absl::Seconds(1));
  here_.relay->OnTick();
  EXPECT_EQ(waiting->Told(), kUnknown);
}

TEST_F(RequestRelayTest, WhoLeavesIsForgottenThere) {
  const auto poll = Ask("GET");
  Settle();
  Served().SetOwner(&session_);
  poll->Abort();
  Settle();
  EXPECT_THAT(session_.told, ElementsAre("aborted"));
  EXPECT_EQ(there_.relay->taken(), 0u);
  Served().Answer(TextAnswer(200, "late"));
  EXPECT_THAT(messages_, IsEmpty());
}

TEST_F(RequestRelayTest, ARequestThatWasLostIsGivenUp) {
  const auto poll = Ask("GET");
  std::move(messages_.front().said)(size_t{1});  // It was, and then the link.
  messages_.clear();
  Check();
  EXPECT_EQ(poll->Told(), kUnknown);
}

TEST_F(RequestRelayTest, ARequestWhoseAnswerWasLostIsGivenUp) {
  const auto poll = Ask("GET");
  Settle();
  Served().Answer(TextAnswer(200, "lost"));
  messages_.clear();
  Check();
  EXPECT_EQ(poll->Told(), kUnknown);
}

TEST_F(RequestRelayTest, ARequestIsGivenUpWhenItsNodeIsGone) {
  const auto poll = Ask("GET");
  Settle();
  Check();
  EXPECT_EQ(poll->Told(), "pending");
  there_.relay.reset();
  Check();
  EXPECT_EQ(poll->Told(), kUnknown);
}

TEST_F(RequestRelayTest, ABodyThatNeverComesWholeIsForgotten) {
  const auto post = Ask("POST");
  post->Body(std::string(2 * kRelayedPartBytesMax, 'x'));
  messages_.resize(1);
  Settle();
  EXPECT_EQ(there_.relay->taken(), 1u);
  clock_.Advance(kRelayHandOnTime);
  Check();
  EXPECT_EQ(there_.relay->taken(), 0u);
  EXPECT_THAT(there_.served, IsEmpty());
}

TEST_F(RequestRelayTest, FewBodiesArePutTogetherAtATime) {
  std::vector<std::shared_ptr<FakeExchange>> posts;
  for (size_t i = 0; i < kRelayedInPartsMax; ++i) {
    posts.push_back(Ask("POST"));
    posts.back()->Body(std::string(2 * kRelayedPartBytesMax, 'x'));
    messages_.pop_back();  // Its last part is on its way.
  }
  Settle();
  EXPECT_EQ(there_.relay->taken(), kRelayedInPartsMax);
  const auto large = Ask("POST");
  large->Body(std::string(2 * kRelayedPartBytesMax, 'x'));
  const auto small = Ask("POST");
  small->Body("small");
  Settle();
  EXPECT_EQ(large->Told(), "503 too many requests");
  EXPECT_EQ(there_.served.size(), 1u);
  posts[0]->Abort();
  Settle();
  const auto again = Ask("POST");
  again->Body(std::string(2 * kRelayedPartBytesMax, 'x'));
  Settle();
  EXPECT_EQ(there_.served.size(), 2u);
}

TEST_F(RequestRelayTest, FewAnswersArePutTogetherAtATime) {
  std::vector<std::shared_ptr<FakeExchange>> polls;
  for (size_t i = 0; i < kRelayedInPartsMax + 1; ++i) {
    polls.push_back(Ask("GET"));
    Settle();
    Served().Answer(
        TextAnswer(200, std::string(2 * kRelayedPartBytesMax, 'x')));
    messages_.pop_back();
    Settle();
  }
  EXPECT_EQ(polls.front()->Told(), "pending");
  EXPECT_EQ(polls.back()->Told(), kUnknown);
}

TEST_F(RequestRelayTest, NobodyElseCanAnswer) {
  const auto poll = Ask("GET");
  Settle();
  proto::Relay forged;
  forged.set_exchange(1);
  forged.set_from(RelayRoomOf(NodeTag(3), 0));
  forged.mutable_answer()->set_status(200);
  here_.relay->OnHeard(forged.SerializeAsString());
  here_.relay->OnHeard("garbage");
  EXPECT_EQ(poll->Told(), "pending");
}

TEST_F(RequestRelayTest, WhatIsLeftAtTheEndHarmsNobody) {
  const auto poll = Ask("GET");
  Settle();
  const auto served = there_.served.back();
  there_.relay.reset();
  served->Answer(TextAnswer(200, "late"));
  here_.relay.reset();
  EXPECT_EQ(poll->Told(), "pending");
}

}  // namespace
}  // namespace roomlog
