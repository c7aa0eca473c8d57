#include "node/engineio/engine_session.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A session whose client and whose application are the test.
class EngineSessionTest : public ::testing::Test {
 protected:
  struct Transport final : EngineTransport {
    void Send(SharedFramePtr frame) override {
      sent.emplace_back(frame->payload());
    }
    void Close() override { sent.emplace_back("(closed)"); }
    void Fail() override { sent.emplace_back("(failed)"); }
    size_t queued_bytes() const override { return 0; }
    void WantTurn() override { wants_turn = true; }

    std::vector<std::string> sent;
    bool wants_turn = false;
  };

  struct Handler final : EngineHandler {
    void OnText(absl::string_view message) override {
      heard.emplace_back(message);
    }
    void OnBinary(absl::string_view message) override {
      heard.emplace_back("binary: " + std::string(message));
    }
    void OnDrained() override { heard.emplace_back("(drained)"); }
    void OnAllHeard() override { heard.emplace_back("(all heard)"); }
    void OnTurn() override {}
    void OnClose(absl::string_view reason) override {
      heard.emplace_back("close: " + std::string(reason));
    }
    absl::Duration deadline() const override { return own_deadline; }
    void OnTick(absl::Duration) override { ++ticks; }

    std::vector<std::string> heard;
    absl::Duration own_deadline = absl::InfiniteDuration();
    int ticks = 0;
  };

  EngineSessionTest() {
    session_.Open(handler_);
    sent_at_open_ = transport_.sent;
    transport_.sent.clear();
  }

  void ClientSays(absl::string_view packet) { session_.OnText(packet, now_); }

  // Lets time pass, tick by tick as the session asks, then ends the turn.
  void Advance(absl::Duration by) {
    const absl::Duration end = now_ + by;
    while (session_.deadline() <= end) {
      now_ = session_.deadline();
      session_.OnTick(now_);
    }
    now_ = end;
    session_.OnTurn();
  }

  absl::Duration now_ = absl::Hours(5);
  Transport transport_;
  Handler handler_;
  EngineSession session_{"the-id",
                         {.ping_interval = absl::Milliseconds(300),
                          .ping_timeout = absl::Milliseconds(200)},
                         1000,
                         transport_,
                         now_};
  std::vector<std::string> sent_at_open_;
};

TEST_F(EngineSessionTest, OpensWithTheFiveKeys) {
  EXPECT_THAT(
      sent_at_open_,
      ElementsAre(
          R"(0{"sid":"the-id","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000})"));
}

TEST_F(EngineSessionTest, CarriesMessagesBothWays) {
  ClientSays("4hello");
  ClientSays("4");
  session_.OnBinary("bytes");
  session_.Send(MakeFrame("there"));
  EXPECT_THAT(handler_.heard, ElementsAre("hello", "", "binary: bytes"));
  EXPECT_THAT(transport_.sent, ElementsAre("4there"));
}

TEST_F(EngineSessionTest, AnswersEachPacketAsTheGoldenTableSays) {
  struct Case {
    std::string packet;
    std::string reason;  // Of the close; empty: ignored.
  };
  const std::vector<Case> cases = {
      {"0", ""},
      {"3", ""},
      {"3probe", ""},
      {"5", ""},
      {"6", ""},
      {"1", "transport close"},
      {"2", "transport error"},
      {"2probe", "transport error"},
      {"", "parse error"},
      {"7", "parse error"},
      {"x", "parse error"},
      {"\x04", "parse error"},
      {"bAAAA", "parse error"},
  };
  for (const Case& one : cases) {
    Transport transport;
    Handler handler;
    EngineSession session("id", {}, 1000, transport, now_);
    session.Open(handler);
    transport.sent.clear();
    session.OnText(one.packet, now_);
    session.OnTurn();
    if (one.reason.empty()) {
      EXPECT_TRUE(session.is_open()) << one.packet;
      EXPECT_THAT(transport.sent, IsEmpty()) << one.packet;
      EXPECT_THAT(handler.heard, IsEmpty()) << one.packet;
    } else {
      EXPECT_THAT(transport.sent, ElementsAre("(failed)")) << one.packet;
      EXPECT_THAT(handler.heard, ElementsAre("close: " + one.reason));
    }
  }
}

TEST_F(EngineSessionTest, PingsAnIntervalAfterTheLastPong) {
  Advance(absl::Milliseconds(299));
  EXPECT_THAT(transport_.sent, IsEmpty());
  Advance(absl::Milliseconds(1));
  EXPECT_THAT(transport_.sent, ElementsAre("2"));
  Advance(absl::Milliseconds(199));
  ClientSays("3");
  Advance(absl::Milliseconds(299));
  EXPECT_THAT(transport_.sent, ElementsAre("2"));
  Advance(absl::Milliseconds(1));
  EXPECT_THAT(transport_.sent, ElementsAre("2", "2"));
  EXPECT_TRUE(session_.is_open());
}

TEST_F(EngineSessionTest, ClosesWhenNoPongCameInTime) {
  Advance(absl::Milliseconds(499));
  EXPECT_TRUE(session_.is_open());
  Advance(absl::Milliseconds(1));
  EXPECT_THAT(transport_.sent, ElementsAre("2", "(failed)"));
  EXPECT_THAT(handler_.heard, ElementsAre("close: ping timeout"));
  EXPECT_EQ(session_.deadline(), absl::InfiniteDuration());
}

TEST_F(EngineSessionTest, TellsAPollerThatItMayUpgrade) {
  Transport transport;
  EngineSession session("id", {}, 1000, transport, now_);
  session.Open(handler_, /*can_upgrade=*/true);
  EXPECT_THAT(transport.sent,
              ElementsAre(::testing::HasSubstr(R"("upgrades":["websocket"])")));
}

TEST_F(EngineSessionTest, CountsThePongsTimeFromWhenThePingWasDue) {
  now_ += absl::Milliseconds(320);
  session_.OnTick(now_);
  EXPECT_EQ(session_.deadline(), now_ + absl::Milliseconds(180));
}

TEST_F(EngineSessionTest, LeavesTimeForAPongHoweverLateTheLoopIs) {
  now_ += absl::Hours(1);
  session_.OnTick(now_);
  EXPECT_THAT(transport_.sent, ElementsAre("2"));
  EXPECT_EQ(session_.deadline(), now_ + absl::Milliseconds(100));
}

TEST_F(EngineSessionTest, WaitsForNoPongOfTheOtherTransport) {
  Advance(absl::Milliseconds(300));
  Advance(absl::Milliseconds(100));
  session_.OnUpgraded(now_);
  EXPECT_EQ(session_.deadline(), now_ + absl::Milliseconds(300));
  Advance(absl::Milliseconds(299));
  EXPECT_THAT(transport_.sent, ElementsAre("2"));
  Advance(absl::Milliseconds(1));
  EXPECT_THAT(transport_.sent, ElementsAre("2", "2"));
}

TEST_F(EngineSessionTest, PingsWhenItWouldHaveDespiteAnUpgrade) {
  Advance(absl::Milliseconds(200));
  session_.OnUpgraded(now_);
  Advance(absl::Milliseconds(100));
  EXPECT_THAT(transport_.sent, ElementsAre("2"));
}

TEST_F(EngineSessionTest, WhoAnswersAPingHasHeardAllBeforeIt) {
  session_.AskIfHeard();
  EXPECT_THAT(transport_.sent, ElementsAre("2"));
  EXPECT_THAT(handler_.heard, IsEmpty());
  ClientSays("3");
  EXPECT_THAT(handler_.heard, ElementsAre("(all heard)"));
  ClientSays("3");
  EXPECT_THAT(handler_.heard, ElementsAre("(all heard)"));
}

TEST_F(EngineSessionTest, ThePongOfAnEarlierPingProvesNothing) {
  Advance(absl::Milliseconds(300));
  session_.AskIfHeard();
  EXPECT_THAT(transport_.sent, ElementsAre("2", "2"));
  ClientSays("3");
  EXPECT_THAT(handler_.heard, IsEmpty());
  ClientSays("3");
  EXPECT_THAT(handler_.heard, ElementsAre("(all heard)"));
}

TEST_F(EngineSessionTest, WhoIsAskedAndDoesNotAnswerIsGone) {
  session_.AskIfHeard();
  Advance(absl::Milliseconds(500));
  EXPECT_THAT(handler_.heard, ElementsAre("close: ping timeout"));
}

TEST_F(EngineSessionTest, OtherMessagesAreNoPong) {
  Advance(absl::Milliseconds(300));
  ClientSays("4still here");
  Advance(absl::Milliseconds(200));
  EXPECT_FALSE(session_.is_open());
}

TEST_F(EngineSessionTest, PongThatNobodyAskedForChangesNothing) {
  Advance(absl::Milliseconds(200));
  ClientSays("3");
  Advance(absl::Milliseconds(100));
  EXPECT_THAT(transport_.sent, ElementsAre("2"));
}

TEST_F(EngineSessionTest, TellsOfTheEndOnceAtTheEndOfTheTurn) {
  session_.Close("forced close");
  session_.OnTransportClosed("transport close");
  session_.Close("forced server close");
  EXPECT_THAT(handler_.heard, IsEmpty());
  EXPECT_TRUE(transport_.wants_turn);
  ClientSays("4late");
  session_.OnBinary("late");
  session_.OnDrained();
  session_.Send(MakeFrame("late"));
  session_.OnTick(now_ + absl::Hours(1));
  session_.OnTurn();
  session_.OnTurn();
  EXPECT_THAT(handler_.heard, ElementsAre("close: forced close"));
  EXPECT_THAT(transport_.sent, ElementsAre("(closed)"));
}

TEST_F(EngineSessionTest, DoesNotCloseATransportThatIsGone) {
  session_.OnTransportClosed("transport error");
  session_.OnTurn();
  EXPECT_THAT(handler_.heard, ElementsAre("close: transport error"));
  EXPECT_THAT(transport_.sent, IsEmpty());
}

TEST_F(EngineSessionTest, KeepsItsHandlersDeadlineToo) {
  handler_.own_deadline = now_ + absl::Milliseconds(10);
  EXPECT_EQ(session_.deadline(), now_ + absl::Milliseconds(10));
  session_.OnTick(now_ + absl::Milliseconds(10));
  EXPECT_EQ(handler_.ticks, 1);
}

}  // namespace
}  // namespace roomlog
