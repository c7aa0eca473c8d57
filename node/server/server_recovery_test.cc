// Clients that are cut off and come back, on two servers and one log.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "node/server/server_loop.h"
#include "node/socketio/packet.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_socket.h"
#include "test/fakes/shared_backplanes.h"

namespace roomlog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// A server of one loop, whose program is the test.
struct TestServer {
  explicit TestServer(uint64_t id) : core(std::make_shared<ServerCore>()) {
    core->server_id = id;
    core->recovery.emplace();
    core->log = [this](absl::string_view line) { log.emplace_back(line); };
    rules = std::make_shared<NamespaceRules>();
    core->namespaces["/"] = rules;
  }

  Namespace io() { return Namespace(core, loop ? nullptr : rules, "/"); }

  void Start(SharedBackplanes& backplanes, size_t index, const Clock& clock) {
    const auto port = std::make_shared<LoopPort>(
        [](LoopPort::Task task) { std::move(task)(); });
    loop = std::make_unique<ServerLoop>(core, 0, absl::StrCat("loop", index),
                                        backplanes.Add(), clock, port);
    core->loops.push_back({port, loop.get()});
    backplanes.set_follower(index, &loop->follower());
  }

  std::shared_ptr<ServerCore> core;
  std::shared_ptr<NamespaceRules> rules;
  std::unique_ptr<ServerLoop> loop;
  std::vector<std::string> log;
};

// What the official client does with what it is told (socket.io-client 4.8).
class OfficialClient {
 public:
  // Takes in what its wire was sent since the last time.
  void TakeIn(FakeSocket& wire) {
    if (wire.accepted() && !wire.private_id().empty()) {
      private_id_ = wire.private_id();
    }
    for (const std::string& packet : wire.TakeSent()) {
      const absl::StatusOr<Packet> decoded = DecodePacket(packet);
      if (!decoded.ok() || decoded->type != PacketType::kEvent) continue;
      const Value arguments = ParseJson(decoded->data).value_or(Value());
      events.push_back(std::string(arguments[0].AsString()));
      // With an acknowledgement the last argument is a function.
      if (decoded->ack_id.has_value() || arguments.size() == 0) continue;
      const Value& last = arguments[arguments.size() - 1];
      if (!private_id_.empty() && last.is_string()) {
        offset_ = std::string(last.AsString());
      }
    }
  }
  std::string auth() const {
    if (private_id_.empty()) return "{}";
    if (offset_.empty()) return absl::StrCat(R"({"pid":")", private_id_, "\"}");
    return absl::StrCat(R"({"pid":")", private_id_, R"(","offset":")", offset_,
                        "\"}");
  }
  const std::string& offset() const { return offset_; }

  std::vector<std::string> events;

 private:
  std::string private_id_;
  std::string offset_;
};

class ServerRecoveryTest : public ::testing::Test {
 protected:
  ServerRecoveryTest() {
    for (TestServer* const server : {&a_, &b_}) {
      server->io().OnConnection([this](Socket& socket) {
        sockets_[socket.id()] = &socket;
        connections_.push_back(absl::StrCat(
            socket.recovered() ? "recovered" : "new",
            socket.recovery_gap() == nullptr ? "" : " after ",
            socket.recovery_gap() == nullptr
                ? ""
                : SessionGapReasonName(socket.recovery_gap()->reason)));
        socket.OnDisconnect([this](absl::string_view reason) {
          connections_.push_back(absl::StrCat("gone: ", reason));
        });
      });
    }
  }

  void Start() {
    a_.Start(backplanes_, 0, clock_);
    b_.Start(backplanes_, 1, clock_);
    Settle();
  }
  void Settle() {
    backplanes_.Settle();
    RunTimers();
    backplanes_.Settle();
  }
  void RunTimers() {
    a_.loop->timers().Run(clock_.Steady());
    b_.loop->timers().Run(clock_.Steady());
  }
  void Advance(absl::Duration by) {
    clock_.Advance(by);
    Settle();
  }

  FakeSocket& Begin(TestServer& server, const std::string& auth,
                    bool is_breakable = true) {
    wires_.push_back(std::make_unique<FakeSocket>(absl::StrCat(
        "1234567890123456-", &server == &a_ ? "A" : "B", 10 + wires_.size())));
    wires_.back()->set_auth(auth);
    wires_.back()->set_breakable(is_breakable);
    server.loop->OnConnect(*wires_.back());
    return *wires_.back();
  }
  FakeSocket& Connect(TestServer& server, const std::string& auth = "{}",
                      bool is_breakable = true) {
    FakeSocket& wire = Begin(server, auth, is_breakable);
    Settle();
    return wire;
  }
  Socket& SocketOf(const FakeSocket& wire) { return *sockets_.at(wire.id()); }
  void Cut(TestServer& server, FakeSocket& wire) {
    server.loop->OnDisconnect(wire, "transport close");
    Settle();
  }

  FakeClock clock_;
  SharedBackplanes backplanes_;
  TestServer a_{1};
  TestServer b_{2};
  std::map<std::string, Socket*> sockets_;
  std::vector<std::string> connections_;
  std::vector<std::unique_ptr<FakeSocket>> wires_;
};

TEST_F(ServerRecoveryTest, AClientIsToldItsPrivateIdAndComesBackAnywhere) {
  Start();
  FakeSocket& first = Connect(a_);
  ASSERT_TRUE(first.accepted());
  EXPECT_THAT(first.private_id(), SizeIs(20));
  SocketOf(first).Join("room");
  SocketOf(first).Data() = Value("kept");
  Settle();
  a_.io().To("room").Emit("before", 1);
  Settle();
  OfficialClient ann;
  ann.TakeIn(first);
  Cut(a_, first);
  b_.io().To("room").Emit("missed", 1);
  a_.io().To("room").Emit("missed too", 2);
  b_.io().To("another").Emit("not for her");
  Settle();

  FakeSocket& second = Connect(b_, ann.auth());
  EXPECT_EQ(second.id(), first.id());
  EXPECT_EQ(second.private_id(), first.private_id());
  EXPECT_THAT(second.before_connect(),
              ElementsAre(HasSubstr(R"(["missed",1,)"),
                          HasSubstr(R"(["missed too",2,)")));
  Socket& socket = SocketOf(second);
  EXPECT_TRUE(socket.recovered());
  EXPECT_EQ(socket.recovery_gap(), nullptr);
  EXPECT_EQ(std::as_const(socket).Data(), Value("kept"));
  EXPECT_THAT(socket.Rooms(), ElementsAre(first.id(), "room"));
  EXPECT_THAT(connections_,
              ElementsAre("new", "gone: transport close", "recovered"));

  a_.io().To("room").Emit("live", 3);
  Settle();
  ann.TakeIn(second);
  EXPECT_THAT(ann.events,
              ElementsAre("before", "missed", "missed too", "live"));
}

TEST_F(ServerRecoveryTest, RecoversAgainAndAgainAndBeforeAnyEvent) {
  Start();
  OfficialClient ann;
  FakeSocket* wire = &Connect(a_);
  ann.TakeIn(*wire);
  const std::string id = wire->id();
  for (int i = 0; i < 20; ++i) {
    TestServer& here = i % 2 == 0 ? a_ : b_;
    TestServer& next = i % 2 == 0 ? b_ : a_;
    Cut(here, *wire);
    if (i > 2) {
      here.io().Emit("n", i);
      Settle();
    }
    wire = &Connect(next, ann.auth());
    ASSERT_EQ(wire->id(), id) << i;
    ASSERT_FALSE(wire->is_cut_off()) << i;
    ann.TakeIn(*wire);
  }
  EXPECT_THAT(ann.events, SizeIs(17));
}

TEST_F(ServerRecoveryTest, WhoLeavesByItselfDoesNotComeBack) {
  for (absl::string_view reason :
       {"client namespace disconnect", "server namespace disconnect",
        "parse error"}) {
    if (a_.loop == nullptr) Start();
    FakeSocket& first = Connect(a_);
    OfficialClient ann;
    ann.TakeIn(first);
    a_.loop->OnDisconnect(first, reason);
    Settle();
    FakeSocket& second = Connect(a_, ann.auth());
    EXPECT_NE(second.id(), first.id()) << reason;
    EXPECT_NE(second.private_id(), first.private_id()) << reason;
    EXPECT_EQ(connections_.back(), "new after expired") << reason;
  }
}

TEST_F(ServerRecoveryTest, AnOffsetThatIsNoneMakesANewSession) {
  Start();
  FakeSocket& first = Connect(a_);
  const std::string auth =
      absl::StrCat(R"({"pid":")", first.private_id(), R"(","offset":"what?"})");
  Cut(a_, first);
  FakeSocket& second = Connect(b_, auth);
  EXPECT_NE(second.private_id(), first.private_id());
  EXPECT_EQ(connections_.back(), "new after bad_offset");
  // The session is closed.
  FakeSocket& third =
      Connect(a_, absl::StrCat(R"({"pid":")", first.private_id(), "\"}"));
  EXPECT_EQ(connections_.back(), "new after expired");
  EXPECT_TRUE(third.accepted());
}

TEST_F(ServerRecoveryTest, PrivateIdsThatAreNone) {
  Start();
  for (absl::string_view auth :
       {R"({"pid":"short"})", R"({"pid":"12345678901234567890"})"}) {
    EXPECT_TRUE(Connect(a_, std::string(auth)).accepted());
    EXPECT_EQ(connections_.back(), "new after expired") << auth;
  }
  Connect(a_, R"({"pid":5})");
  EXPECT_EQ(connections_.back(), "new");
}

TEST_F(ServerRecoveryTest, WithoutRecoveryPrivateIdsAreIgnored) {
  a_.core->recovery.reset();
  Start();
  FakeSocket& wire = Connect(a_, R"({"pid":"12345678901234567890"})");
  EXPECT_TRUE(wire.accepted());
  EXPECT_EQ(wire.private_id(), "");
  EXPECT_EQ(connections_.back(), "new");
}

TEST_F(ServerRecoveryTest, ABrokerThatDoesNotAnswerHoldsUpNobodyForLong) {
  Start();
  backplanes_.Hold(0, true);
  FakeSocket& wire = Connect(a_);
  EXPECT_FALSE(wire.accepted());
  Advance(kSessionOpenTime);
  EXPECT_TRUE(wire.accepted());
  EXPECT_EQ(wire.private_id(), "");
  // Nothing hangs on it that it was opened late.
  backplanes_.Hold(0, false);
  Settle();
  Cut(a_, wire);
  EXPECT_EQ(a_.loop->socket_count(), 0u);
}

TEST_F(ServerRecoveryTest, AClientWaitsForItsSessionWhileTheBrokerIsAway) {
  Start();
  FakeSocket& first = Connect(a_);
  OfficialClient ann;
  ann.TakeIn(first);
  Cut(a_, first);
  backplanes_.Hold(1, true);
  FakeSocket& second = Connect(b_, ann.auth());
  Advance(kSessionRestoreTime - absl::Seconds(1));
  EXPECT_FALSE(second.accepted());
  backplanes_.Hold(1, false);
  Settle();
  EXPECT_EQ(second.id(), first.id());
  EXPECT_EQ(connections_.back(), "recovered");

  Cut(b_, second);
  backplanes_.Hold(1, true);
  FakeSocket& third = Connect(b_, ann.auth());
  Advance(kSessionRestoreTime);
  Advance(kSessionOpenTime);
  EXPECT_TRUE(third.accepted());
  EXPECT_EQ(connections_.back(), "new after unavailable");
}

TEST_F(ServerRecoveryTest, AClientThatGoesWhileItIsRestoredMayComeAgain) {
  Start();
  FakeSocket& first = Connect(a_);
  OfficialClient ann;
  ann.TakeIn(first);
  Cut(a_, first);
  FakeSocket& second = Begin(b_, ann.auth());
  b_.loop->OnDisconnect(second, "transport close");
  Settle();
  FakeSocket& third = Connect(a_, ann.auth());
  EXPECT_EQ(third.id(), first.id());
}

TEST_F(ServerRecoveryTest, ALaterConnectionFencesTheOneBefore) {
  for (bool same_server : {true, false}) {
    if (a_.loop == nullptr) Start();
    FakeSocket& first = Connect(a_);
    OfficialClient ann;
    ann.TakeIn(first);
    FakeSocket& second = Connect(same_server ? a_ : b_, ann.auth());
    EXPECT_EQ(second.id(), first.id());
    // It is not told to go: if its client is there it comes back.
    EXPECT_TRUE(first.is_cut_off());
    EXPECT_FALSE(first.disconnected());
    EXPECT_THAT(connections_, Contains("gone: forced close"));
    EXPECT_EQ(connections_.back(),
              same_server ? "recovered" : connections_.back());
    SocketOf(second);
    a_.io().To(second.id()).Emit("you");
    Settle();
    EXPECT_THAT(first.TakeSent(), IsEmpty());
    EXPECT_THAT(second.TakeSent(), ElementsAre(HasSubstr("you")));
    connections_.clear();
  }
}

// Else it would be told that it is in a room, and come back without it.
TEST_F(ServerRecoveryTest, WhoseSessionIsAnothersIsNotToldOfAJoin) {
  Start();
  FakeSocket& first = Connect(a_);
  OfficialClient ann;
  ann.TakeIn(first);
  backplanes_.Hold(0, true);  // The notice that it is fenced does not arrive.
  bool joined = false;
  SocketOf(first).Join(
      "room", FromNow{},
      [&](const absl::StatusOr<Joined>& answer) { joined = answer.ok(); });
  Connect(b_, ann.auth());
  backplanes_.Hold(0, false);
  Settle();
  EXPECT_FALSE(joined);
  EXPECT_TRUE(first.is_cut_off());
}

TEST_F(ServerRecoveryTest, MiddlewaresRunAgainUnlessTheyAreSkipped) {
  std::vector<std::string> seen;
  for (TestServer* const server : {&a_, &b_}) {
    server->io().Use([&](Socket& socket, const Next& next) {
      seen.push_back(absl::StrCat(socket.id(), " ", socket.recovered()));
      next();
    });
  }
  b_.core->recovery->skip_middlewares = true;
  Start();
  FakeSocket& first = Connect(a_);
  OfficialClient ann;
  ann.TakeIn(first);
  Cut(a_, first);
  FakeSocket& second = Connect(b_, ann.auth());
  Cut(b_, second);
  Connect(a_, ann.auth());
  EXPECT_THAT(seen, ElementsAre(absl::StrCat(first.id(), " 0"),
                                absl::StrCat(first.id(), " 1")));
}

TEST_F(ServerRecoveryTest, WhoIsRefusedMayComeBackLater) {
  bool refuses = false;
  for (TestServer* const server : {&a_, &b_}) {
    server->io().Use([&](Socket& socket, const Next& next) {
      (void)socket;
      if (refuses) return next("later");
      next();
    });
  }
  Start();
  FakeSocket& first = Connect(a_);
  OfficialClient ann;
  ann.TakeIn(first);
  Cut(a_, first);
  refuses = true;
  EXPECT_EQ(Connect(b_, ann.auth()).refusal(), "later");
  refuses = false;
  EXPECT_EQ(Connect(b_, ann.auth()).id(), first.id());
}

// Over a WebSocket a client may keep some of what it was sent before CONNECT.
TEST_F(ServerRecoveryTest, WhoMayHaveGotAPartIsAskedToSayWhatItHas) {
  Start();
  FakeSocket& first = Connect(a_);
  OfficialClient ann;
  ann.TakeIn(first);
  Cut(a_, first);
  a_.io().Emit("one", 1);
  a_.io().Emit("two", 2);
  Settle();
  // It got "one" and was cut off before CONNECT, so it does not know that.
  FakeSocket& second = Connect(b_, ann.auth(), /*is_breakable=*/true);
  ASSERT_THAT(second.before_connect(), SizeIs(2));
  const std::string one = second.before_connect()[0];
  Cut(b_, second);

  FakeSocket& third = Connect(b_, ann.auth());
  EXPECT_THAT(third.TakeSent(), IsEmpty());
  EXPECT_EQ(third.private_id(), first.private_id());
  EXPECT_EQ(third.id(), first.id());
  EXPECT_TRUE(third.asks_if_heard());
  EXPECT_FALSE(third.is_cut_off());
  b_.loop->OnAllHeard(third);
  EXPECT_TRUE(third.is_cut_off());
  b_.loop->OnDisconnect(third, "forced close");
  Settle();

  // CONNECT has made it take in what it kept.
  FakeSocket kept("12345678901234567890");
  kept.Accept(first.private_id());
  kept.Send(MakeFrame(one));
  ann.TakeIn(kept);
  FakeSocket& fourth = Connect(a_, ann.auth());
  EXPECT_FALSE(fourth.is_cut_off());
  ann.TakeIn(fourth);
  EXPECT_THAT(ann.events, ElementsAre("one", "two"));
}

// The connection may be lost before CONNECT arrives.
TEST_F(ServerRecoveryTest, WhoHasNotHeardConnectIsAskedAgain) {
  Start();
  FakeSocket& first = Connect(a_);
  OfficialClient ann;
  ann.TakeIn(first);
  Cut(a_, first);
  a_.io().Emit("one", 1);
  Settle();
  FakeSocket& second = Connect(b_, ann.auth(), /*is_breakable=*/true);
  ASSERT_THAT(second.before_connect(), SizeIs(1));
  Cut(b_, second);
  for (int i = 0; i < 3; ++i) {
    FakeSocket& unheard = Connect(b_, ann.auth());
    EXPECT_TRUE(unheard.asks_if_heard());
    EXPECT_THAT(unheard.TakeSent(), IsEmpty());
    Cut(b_, unheard);
  }
  FakeSocket& heard = Connect(a_, ann.auth());
  a_.loop->OnAllHeard(heard);
  Cut(a_, heard);
  // It had kept nothing.
  FakeSocket& last = Connect(b_, ann.auth());
  EXPECT_FALSE(last.asks_if_heard());
  EXPECT_THAT(last.before_connect(), SizeIs(1));
}

TEST_F(ServerRecoveryTest, APolledAnswerComesWholeOrNotAtAll) {
  Start();
  FakeSocket& first = Connect(a_);
  OfficialClient ann;
  ann.TakeIn(first);
  Cut(a_, first);
  a_.io().Emit("one", 1);
  Settle();
  FakeSocket& second = Connect(b_, ann.auth(), /*is_breakable=*/false);
  Cut(b_, second);
  FakeSocket& third = Connect(b_, ann.auth(), /*is_breakable=*/false);
  EXPECT_FALSE(third.is_cut_off());
  EXPECT_THAT(third.before_connect(), SizeIs(1));
}

TEST_F(ServerRecoveryTest, WhatOneSocketIsToldIsNotLostAndInOrder) {
  a_.io().OnConnection([](Socket& socket) {
    if (socket.recovered()) return;
    socket.Emit("first", 1);
    socket.Emit("question", [](const absl::StatusOr<Values>&) {});
    socket.Emit("bytes", Value::Binary("\x01\x02"));
    socket.Volatile().Emit("volatile");
    socket.Emit("last");
  });
  Start();
  FakeSocket& first = Connect(a_);
  OfficialClient ann;
  const std::vector<std::string> sent = first.TakeSent();
  ASSERT_THAT(sent, SizeIs(6));
  EXPECT_THAT(sent[0], HasSubstr(R"(["first",1,"e-)"));
  EXPECT_THAT(sent[1], testing::EndsWith(R"(["question"])"));
  EXPECT_THAT(sent[2], HasSubstr("bytes"));
  EXPECT_EQ(sent[3], "\x01\x02");
  EXPECT_THAT(sent[4], HasSubstr("volatile"));
  EXPECT_THAT(sent[5], HasSubstr(R"(["last","e-)"));

  // Nothing of it came: the logged ones come again, the others do not.
  Cut(a_, first);
  FakeSocket& second =
      Connect(b_, absl::StrCat(R"({"pid":")", first.private_id(), "\"}"));
  ASSERT_EQ(second.id(), first.id());
  ann.TakeIn(second);
  EXPECT_THAT(ann.events, ElementsAre("first", "bytes", "last"));
  EXPECT_THAT(second.before_connect(), Contains("\x01\x02"));

  // And what is said there, and once it is lost again.
  SocketOf(second).Emit("there");
  Settle();
  ann.TakeIn(second);
  SocketOf(second).Emit("at the end", "text");
  Cut(b_, second);
  FakeSocket& third = Connect(a_, ann.auth());
  ann.TakeIn(third);
  EXPECT_THAT(ann.events,
              ElementsAre("first", "bytes", "last", "there", "at the end"));
}

TEST_F(ServerRecoveryTest, WhoIsDisconnectedHearsWhatItWasToldBefore) {
  Start();
  for (const bool was_told_before : {false, true}) {
    SCOPED_TRACE(was_told_before);
    FakeSocket& wire = Connect(a_);
    OfficialClient ann;
    if (was_told_before) SocketOf(wire).Emit("welcome");
    Settle();
    ann.TakeIn(wire);
    ann.events.clear();
    SocketOf(wire).Emit("bye");
    SocketOf(wire).Disconnect();
    SocketOf(wire).Emit("too late");
    EXPECT_FALSE(wire.disconnected());
    Settle();
    EXPECT_TRUE(wire.disconnected());
    ann.TakeIn(wire);
    EXPECT_THAT(ann.events, ElementsAre("bye"));
  }
}

TEST_F(ServerRecoveryTest, WhoIsDisconnectedDoesNotWaitForABrokerThatIsAway) {
  Start();
  FakeSocket& wire = Connect(a_);
  SocketOf(wire).Emit("lost");
  SocketOf(wire).Disconnect();
  clock_.Advance(kLastWordsTime);
  RunTimers();  // The broker has said nothing meanwhile.
  EXPECT_TRUE(wire.disconnected());
}

TEST_F(ServerRecoveryTest, AQuestionIsAnsweredInItsPlace) {
  Start();
  FakeSocket& wire = Connect(a_);
  std::vector<std::string> answers;
  SocketOf(wire).Emit("tell", 1);
  SocketOf(wire).Emit("ask", 2, [&](const absl::StatusOr<Values>& answer) {
    answers.push_back(answer.ok() ? (*answer)[0].ToJson()
                                  : std::string(answer.status().message()));
  });
  Settle();
  const std::vector<std::string> sent = wire.TakeSent();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_THAT(sent[1], HasSubstr(R"(["ask",2])"));
  a_.loop->OnAck(wire, {.id = 1, .arguments = R"(["yes"])", .attachments = {}});
  EXPECT_THAT(answers, ElementsAre("\"yes\""));
}

// Whatever a client is told, what it then gives as its offset is a place.
TEST_F(ServerRecoveryTest, NoEventTakesTheClientsPlaceAway) {
  struct Arguments {
    absl::string_view name;
    Values values;
  };
  const std::vector<Arguments> arguments = {
      {"only a name", {}},
      {"ends in a string", {1, "text"}},
      {"ends in an object", {"text", Value::ObjectOf({{"a", 1}})}},
      {"has bytes", {Value::Binary("b"), "text"}},
      {"ends in bytes", {"text", Value::Binary("b")}},
  };
  using Say = std::function<void(Socket&, const Arguments& arguments)>;
  const std::vector<std::pair<absl::string_view, Say>> ways = {
      {"broadcast",
       [this](Socket&, const Arguments& said) {
         b_.io().To("room").EmitValues(said.name, said.values);
       }},
      {"volatile broadcast",
       [this](Socket&, const Arguments& said) {
         b_.io().To("room").Volatile().EmitValues(said.name, said.values);
       }},
      {"broadcast with acknowledgement",
       [this](Socket&, const Arguments& said) {
         b_.io().To("room").EmitValues(
             said.name, said.values, [](const absl::Status&, const Values&) {});
       }},
      {"local broadcast",
       [this](Socket&, const Arguments& said) {
         a_.io().Local().EmitValues(said.name, said.values);
       }},
      {"direct",
       [](Socket& socket, const Arguments& said) {
         socket.EmitValues(said.name, said.values, nullptr, {});
       }},
      {"volatile direct",
       [](Socket& socket, const Arguments& said) {
         socket.EmitValues(said.name, said.values, nullptr,
                           {.is_volatile = true});
       }},
      {"direct with acknowledgement",
       [](Socket& socket, const Arguments& said) {
         socket.EmitValues(said.name, said.values,
                           [](const absl::StatusOr<Values>&) {}, {});
       }},
  };
  Start();
  FakeSocket& wire = Connect(a_);
  SocketOf(wire).Join("room");
  Settle();
  OfficialClient ann;
  ann.TakeIn(wire);
  for (const auto& [way, say] : ways) {
    for (const Arguments& said : arguments) {
      const size_t before = ann.events.size();
      say(SocketOf(wire), said);
      Settle();
      ann.TakeIn(wire);
      EXPECT_EQ(ann.events.size(), before + 1) << way << ", " << said.name;
      if (ann.offset().empty()) continue;
      EXPECT_TRUE(ParseClientOffset(ann.offset()).ok())
          << way << ", " << said.name << ": " << ann.offset();
    }
  }
}

TEST_F(ServerRecoveryTest, WhatIsSaidBeforeConnectIsNoOffsetEither) {
  a_.io().Use([](Socket& socket, const Next& next) {
    socket.Emit("early");
    socket.Emit("early", "text");
    next();
  });
  Start();
  EXPECT_THAT(Connect(a_).TakeSent(),
              ElementsAre(R"(2["early",null])", R"(2["early","text",null])"));
}

TEST_F(ServerRecoveryTest, DataThatIsTooLargeMakesTheSocketUnrecoverable) {
  Start();
  FakeSocket& first = Connect(a_);
  SocketOf(first).Data() = Value(std::string(kSessionDataBytesMax, 'x'));
  Settle();
  EXPECT_THAT(a_.log, Contains(HasSubstr("cannot be recovered any more")));
  OfficialClient ann;
  ann.TakeIn(first);
  SocketOf(first).Emit("still there");
  Settle();
  EXPECT_THAT(first.TakeSent(), SizeIs(1));
  Cut(a_, first);
  Connect(a_, ann.auth());
  EXPECT_EQ(connections_.back(), "new after expired");
}

TEST_F(ServerRecoveryTest, DataIsToldOnceItHasChanged) {
  Start();
  FakeSocket& first = Connect(a_);
  OfficialClient ann;
  ann.TakeIn(first);
  SocketOf(first).Data() = Value(1);
  SocketOf(first).Data() = Value(2);
  // The connection is lost in the same turn.
  a_.loop->OnDisconnect(first, "transport close");
  Settle();
  FakeSocket& second = Connect(b_, ann.auth());
  EXPECT_EQ(std::as_const(SocketOf(second)).Data(), Value(2));
}

TEST_F(ServerRecoveryTest, OnceTheWindowIsOverTheProgramIsTold) {
  std::vector<std::string> expired;
  a_.io().OnSessionExpired([&](const ExpiredSession& session) {
    expired.push_back(
        absl::StrCat(session.socket_id, " ", session.data.ToJson()));
  });
  Start();
  FakeSocket& first = Connect(a_);
  OfficialClient ann;
  ann.TakeIn(first);
  SocketOf(first).Data() = Value(7);
  Settle();
  Cut(a_, first);
  backplanes_.Expire(absl::Minutes(2) - absl::Seconds(1));
  Settle();
  EXPECT_THAT(expired, IsEmpty());
  backplanes_.Expire(absl::Seconds(2));
  Settle();
  EXPECT_THAT(expired, ElementsAre(absl::StrCat(first.id(), " 7")));
  FakeSocket& second = Connect(b_, ann.auth());
  EXPECT_NE(second.id(), first.id());
  EXPECT_EQ(connections_.back(), "new after expired");
}

TEST_F(ServerRecoveryTest, AServerThatStopsLetsTheBrokerKnow) {
  Start();
  FakeSocket& wire = Connect(a_);
  a_.loop->OnDisconnect(wire, "server shutting down");
  bool is_known = false;
  a_.loop->WhenLossesAreKnown([&] { is_known = true; });
  EXPECT_FALSE(is_known);
  Settle();
  EXPECT_TRUE(is_known);

  // But it does not wait for ever.
  FakeSocket& another = Connect(a_);
  backplanes_.Hold(0, true);
  a_.loop->OnDisconnect(another, "server shutting down");
  is_known = false;
  a_.loop->WhenLossesAreKnown([&] { is_known = true; });
  Settle();
  EXPECT_FALSE(is_known);
  Advance(kSessionGoodbyeTime);
  EXPECT_TRUE(is_known);
}

TEST_F(ServerRecoveryTest, ReservedRoomsAreNobodys) {
  Start();
  FakeSocket& wire = Connect(a_);
  absl::StatusCode code = absl::StatusCode::kOk;
  SocketOf(wire).Join("$roomlog/direct/loop0/1",
                      [&](const absl::StatusOr<Joined>& joined) {
                        code = joined.status().code();
                      });
  Settle();
  EXPECT_EQ(code, absl::StatusCode::kInvalidArgument);
  b_.io().To(wire.id()).SocketsJoin({"$roomlog/x", "room"});
  Settle();
  EXPECT_THAT(SocketOf(wire).Rooms(), ElementsAre(wire.id(), "room"));
}

}  // namespace
}  // namespace roomlog
