#include "node/engineio/polling_transport.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "node/engineio/engine_limits.h"
#include "node/engineio/fake_exchange.h"

namespace roomlog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// A transport whose client and whose session are the test. Turns end when the
// test says so.
class PollingTransportTest : public ::testing::Test {
 protected:
  struct Owner final : PollingOwner {
    void OnPolledText(absl::string_view packet) override {
      heard.emplace_back(packet);
      if (packet == "4fail") polling->Fail();
    }
    void OnPolledBinary(absl::string_view message) override {
      heard.push_back("binary " + std::string(message));
    }
    void OnPollingClosed(absl::string_view reason) override {
      heard.push_back("closed " + std::string(reason));
    }
    void OnPollingDrained() override { heard.emplace_back("drained"); }
    void OnPollingWantsTurn() override { wants_turn = true; }

    PollingTransport* polling = nullptr;
    std::vector<std::string> heard;
    bool wants_turn = false;
  };

  PollingTransportTest() { owner_.polling = &polling_; }

  std::shared_ptr<FakeExchange> Poll(absl::string_view accept_encoding = "") {
    auto exchange = std::make_shared<FakeExchange>();
    if (!accept_encoding.empty()) {
      exchange->AddHeader("Accept-Encoding", accept_encoding);
    }
    polling_.OnPoll(exchange);
    return exchange;
  }

  std::shared_ptr<FakeExchange> Post() {
    auto exchange = std::make_shared<FakeExchange>();
    polling_.OnPost(exchange);
    return exchange;
  }

  std::string Post(absl::string_view body) {
    const auto exchange = Post();
    exchange->Body(body);
    return exchange->Told();
  }

  absl::Duration now_ = absl::Hours(1);
  const PollingRules rules_ = {.message_bytes_max = 5000,
                               .headers_of = [](const HttpRequest&) {
                                 return HttpHeaders{{"X-Any", "x"}};
                               }};
  Owner owner_;
  PollingTransport polling_{rules_, owner_, {{"Set-Cookie", "io=1"}}};
};

TEST_F(PollingTransportTest, AnswersAPollWithAllThatIsQueued) {
  polling_.Send(MakeFrame("one"));
  polling_.Send(MakeBinaryFrame("\x01\x02"));
  const auto poll = Poll();
  EXPECT_EQ(poll->Told(), "pending");  // Until the end of the turn.
  polling_.Send(MakeFrame("three"));
  polling_.Flush();
  EXPECT_EQ(poll->Told(),
            "200 4one\x1e"
            "bAQI=\x1e"
            "4three");
  EXPECT_EQ(poll->answer().content_type, "text/plain; charset=UTF-8");
  EXPECT_THAT(poll->answer().headers,
              Contains(Pair("Cache-Control", "no-store")));
  EXPECT_THAT(poll->answer().headers, Contains(Pair("X-Any", "x")));
  EXPECT_THAT(poll->answer().headers, Contains(Pair("Set-Cookie", "io=1")));
  EXPECT_EQ(polling_.queued_bytes(), 0);
  EXPECT_THAT(owner_.heard, ElementsAre("drained"));

  const auto next = Poll();
  polling_.Flush();
  EXPECT_EQ(next->Told(), "pending");
  polling_.Send(MakeFrame("four"));
  EXPECT_TRUE(owner_.wants_turn);
  polling_.Flush();
  EXPECT_EQ(next->Told(), "200 4four");
  EXPECT_THAT(next->answer().headers,
              ::testing::Not(Contains(Pair("Set-Cookie", "io=1"))));
}

TEST_F(PollingTransportTest, CompressesWhatIsLarge) {
  polling_.Send(MakeFrame(std::string(kCompressedAnswerBytesMin, 'x')));
  const auto poll = Poll("gzip");
  polling_.Flush();
  EXPECT_THAT(poll->answer().headers,
              Contains(Pair("Content-Encoding", "gzip")));
  EXPECT_LT(poll->answer().body.size(), kCompressedAnswerBytesMin);
}

TEST_F(PollingTransportTest, TakesPostsApart) {
  EXPECT_EQ(Post("4one\x1e"
                 "bAQI\x1e"
                 "3"),
            "200 ok");
  EXPECT_THAT(owner_.heard, ElementsAre("4one", "binary \x01\x02", "3"));
  const auto post = Post();
  EXPECT_TRUE(post->asks_body());
  post->Body("4two");
  EXPECT_EQ(post->answer().content_type, "text/html");
  EXPECT_THAT(post->answer().headers, Contains(Pair("X-Any", "x")));
}

TEST_F(PollingTransportTest, HearsNothingBehindWhatEndsIt) {
  EXPECT_EQ(Post("4fail\x1e"
                 "4never"),
            "200 ok");
  EXPECT_THAT(owner_.heard, ElementsAre("4fail"));
  EXPECT_TRUE(polling_.is_over());
}

TEST_F(PollingTransportTest, EndsByTheClientsClose) {
  const auto poll = Poll();
  EXPECT_EQ(Post("4one\x1e"
                 "1\x1e"
                 "4never"),
            "200 ok");
  EXPECT_EQ(poll->Told(), "200 6");
  EXPECT_THAT(owner_.heard, ElementsAre("4one", "closed transport close"));
}

TEST_F(PollingTransportTest, RefusesASecondRequestOfAKind) {
  const auto first = Poll();
  EXPECT_EQ(Poll()->Told(), "400 ");
  EXPECT_EQ(first->Told(), "200 1");
  EXPECT_EQ(Poll()->Told(), "400 ");
  EXPECT_THAT(owner_.heard, ElementsAre("closed transport error"));
}

TEST_F(PollingTransportTest, EndsByAPollThatIsAskedAgainAfterItsAnswer) {
  const auto ask = [this](absl::string_view target) {
    auto exchange = std::make_shared<FakeExchange>();
    exchange->set_request("GET", target);
    polling_.OnPoll(exchange);
    polling_.Flush();
    return exchange->Told();
  };
  // Without a stamp nobody can tell.
  polling_.Send(MakeFrame("one"));
  EXPECT_EQ(ask("/engine.io/?sid=x"), "200 4one");
  polling_.Send(MakeFrame("two"));
  EXPECT_EQ(ask("/engine.io/?sid=x"), "200 4two");
  polling_.Send(MakeFrame("three"));
  EXPECT_EQ(ask("/engine.io/?sid=x&t=a"), "200 4three");
  polling_.Send(MakeFrame("four"));
  EXPECT_EQ(ask("/engine.io/?sid=x&t=b"), "200 4four");
  polling_.Send(MakeFrame("five"));
  EXPECT_EQ(ask("/engine.io/?sid=x&t=b"), "400 ");
  EXPECT_THAT(owner_.heard, Contains("closed transport error"));
}

TEST_F(PollingTransportTest, RefusesASecondPost) {
  const auto poll = Poll();
  const auto first = Post();
  EXPECT_EQ(Post()->Told(), "400 ");
  EXPECT_EQ(first->Told(), "400 ");
  EXPECT_EQ(poll->Told(), "200 1");
  EXPECT_THAT(owner_.heard, ElementsAre("closed transport error"));
}

TEST_F(PollingTransportTest, RefusesOctets) {
  const auto post = std::make_shared<FakeExchange>();
  post->AddHeader("Content-Type", "application/octet-stream");
  polling_.OnPost(post);
  EXPECT_EQ(post->Told(), "400 ");
  EXPECT_TRUE(polling_.is_over());
}

TEST_F(PollingTransportTest, SurvivesABodyThatIsTooLarge) {
  EXPECT_EQ(Post(std::string(5001, 'x')), "413 ");
  EXPECT_FALSE(polling_.is_over());
  EXPECT_EQ(Post("4one"), "200 ok");
}

TEST_F(PollingTransportTest, EndsWhenARequestIsCutOff) {
  Poll()->Abort();
  EXPECT_TRUE(polling_.is_over());
  EXPECT_THAT(owner_.heard, ElementsAre("closed transport error"));
}

TEST_F(PollingTransportTest, EndsWhenAPostIsCutOff) {
  const auto poll = Poll();
  Post()->Abort();
  EXPECT_EQ(poll->Told(), "200 1");
  EXPECT_THAT(owner_.heard, ElementsAre("closed transport error"));
}

TEST_F(PollingTransportTest, EndsByWhatIsNoUtf8) {
  EXPECT_EQ(Post("4\xff"), "200 ok");
  EXPECT_THAT(owner_.heard, ElementsAre("closed parse error"));
}

TEST_F(PollingTransportTest, ClosesAPendingPollAtOnce) {
  const auto poll = Poll();
  polling_.Close(now_);
  polling_.Flush();
  EXPECT_EQ(poll->Told(), "200 1");
  EXPECT_TRUE(polling_.is_over());
}

TEST_F(PollingTransportTest, ClosesByTheNextPoll) {
  polling_.Close(now_);
  polling_.Flush();
  EXPECT_FALSE(polling_.is_over());
  EXPECT_EQ(Post("4late"), "200 ok");
  EXPECT_THAT(owner_.heard, IsEmpty());
  const auto poll = Poll();
  polling_.Flush();
  EXPECT_EQ(poll->Told(),
            "200 6\x1e"
            "1");
  EXPECT_TRUE(polling_.is_over());
}

TEST_F(PollingTransportTest, LeavesNoPostUnansweredWhenItCloses) {
  const auto post = Post();
  polling_.Close(now_);
  const auto poll = Poll();
  polling_.Flush();
  EXPECT_TRUE(polling_.is_over());
  EXPECT_EQ(post->Told(), "400 ");
  EXPECT_TRUE(post->answer().closes);
}

// Not in one answer: see Flush().
TEST_F(PollingTransportTest, ClosesBehindWhatIsQueued) {
  polling_.Send(MakeFrame("last"));
  polling_.Close(now_);
  polling_.Send(MakeFrame("never"));
  const auto poll = Poll();
  polling_.Flush();
  EXPECT_EQ(poll->Told(), "200 4last");
  EXPECT_FALSE(polling_.is_over());
  const auto next = Poll();
  polling_.Flush();
  EXPECT_EQ(next->Told(),
            "200 6\x1e"
            "1");
  EXPECT_TRUE(polling_.is_over());
}

TEST_F(PollingTransportTest, ForgetsWhoDoesNotPollAnyMore) {
  polling_.Close(now_);
  EXPECT_EQ(polling_.deadline(), now_ + kPollingCloseTime);
  polling_.OnTick(now_ + kPollingCloseTime - absl::Milliseconds(1));
  EXPECT_FALSE(polling_.is_over());
  polling_.OnTick(now_ + kPollingCloseTime);
  EXPECT_TRUE(polling_.is_over());
}

TEST_F(PollingTransportTest, LetsAPollGoForAnUpgrade) {
  polling_.FlushNoop();
  const auto poll = Poll();
  polling_.FlushNoop();
  EXPECT_EQ(poll->Told(), "200 6");
  const auto next = Poll();
  polling_.Send(MakeFrame("queued"));
  EXPECT_THAT(polling_.Release(), ::testing::SizeIs(1));
  EXPECT_EQ(next->Told(), "200 6");
  EXPECT_TRUE(polling_.is_over());
  EXPECT_THAT(owner_.heard, IsEmpty());
}

TEST_F(PollingTransportTest, TakesNoMoreThanAClientMayHave) {
  const SharedFramePtr large = MakeFrame(std::string(size_t{1} << 20, 'x'));
  int taken = 0;
  while (polling_.Send(large)) ++taken;
  EXPECT_EQ(taken, 3);
  EXPECT_TRUE(polling_.Send(MakeFrame("small")));
}

}  // namespace
}  // namespace roomlog
