#include "node/server/server_loop.h"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_socket.h"
#include "test/fakes/shared_backplanes.h"

namespace roomlog {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// A server of one loop, whose program is the test.
struct TestServer {
  explicit TestServer(uint64_t id) : core(std::make_shared<ServerCore>()) {
    core->server_id = id;
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

// Two servers on one log. Each socket "12345678901234567-A0" is the first of
// server A.
class ServerLoopTest : public ::testing::Test {
 protected:
  ServerLoopTest() {
    for (TestServer* const server : {&a_, &b_}) {
      server->io().OnConnection(
          [this](Socket& socket) { sockets_[socket.id()] = &socket; });
    }
  }

  void Start() {
    a_.Start(backplanes_, 0, clock_);
    b_.Start(backplanes_, 1, clock_);
    backplanes_.Settle();
  }

  FakeSocket& Connect(TestServer& server, std::string name_space = "/") {
    wires_.push_back(std::make_unique<FakeSocket>(
        absl::StrCat("1234567890123456-", &server == &a_ ? "A" : "B",
                     10 + wires_.size()),
        std::move(name_space)));
    server.loop->OnConnect(*wires_.back());
    backplanes_.Settle();
    return *wires_.back();
  }

  Socket& SocketOf(const FakeSocket& wire) { return *sockets_.at(wire.id()); }

  void Say(TestServer& server, FakeSocket& wire, std::string json,
           std::optional<uint64_t> ack_id = std::nullopt) {
    const size_t end = json.find('"', 2);
    server.loop->OnEvent(wire, {json.substr(2, end - 2), json, ack_id, {}});
  }

  void Advance(absl::Duration by) {
    clock_.Advance(by);
    a_.loop->timers().Run(clock_.Steady());
    b_.loop->timers().Run(clock_.Steady());
  }

  FakeClock clock_;
  SharedBackplanes backplanes_;
  TestServer a_{1};
  TestServer b_{2};
  std::map<std::string, Socket*> sockets_;
  std::vector<std::unique_ptr<FakeSocket>> wires_;
};

TEST_F(ServerLoopTest, HandlersHearTheirEventsAndAnswer) {
  std::vector<std::string> heard;
  a_.io().OnConnection([&](Socket& socket) {
    socket.OnAny([&](absl::string_view event, const Args& args) {
      heard.push_back(absl::StrCat("any ", event, " ", args.size()));
    });
    socket.On("hi", [&](const Args& args, const Ack& ack) {
      heard.push_back(args[0].ToJson());
      ack("there", 2);
      ack("once only");
    });
    socket.On("hi", [&] { heard.push_back("again"); });
    socket.OnDisconnecting([&](absl::string_view reason) {
      heard.push_back(
          absl::StrCat("disconnecting ", reason, " ", socket.Rooms().size()));
    });
    socket.OnDisconnect([&](absl::string_view reason) {
      heard.push_back(
          absl::StrCat("disconnect ", reason, " ", socket.Rooms().size()));
    });
  });
  Start();
  FakeSocket& ann = Connect(a_);
  EXPECT_TRUE(ann.accepted());
  Say(a_, ann, R"(["hi",{"a":1}])", 7);
  Say(a_, ann, R"(["unheard"])");
  SocketOf(ann).Join("room");
  EXPECT_THAT(ann.TakeSent(), ElementsAre(R"(37["there",2])"));
  a_.loop->OnDisconnect(ann, "transport close");
  EXPECT_THAT(heard,
              ElementsAre("any hi 1", R"({"a":1})", "again", "any unheard 0",
                          "disconnecting transport close 2",
                          "disconnect transport close 1"));
  EXPECT_EQ(a_.loop->socket_count(), 0u);
}

TEST_F(ServerLoopTest, AHandlerThatThrowsHurtsNobody) {
  a_.io().OnConnection([&](Socket& socket) {
    socket.On("throw", [] { throw std::runtime_error("on purpose"); });
    socket.On("throw", [&socket] { socket.Emit("still here"); });
    socket.On("slow", [&] { clock_.Advance(absl::Seconds(1)); });
  });
  Start();
  FakeSocket& ann = Connect(a_);
  Say(a_, ann, R"(["throw"])");
  Say(a_, ann, R"(["slow"])");
  EXPECT_THAT(ann.TakeSent(), ElementsAre(R"(2["still here"])"));
  EXPECT_THAT(a_.log,
              ElementsAre(HasSubstr(R"("throw" in / threw: on purpose)"),
                          HasSubstr(R"("slow" in / held up its loop)")));
}

TEST_F(ServerLoopTest, MiddlewareMayRefuseAndTakeItsTime) {
  std::vector<Next> waiting;
  a_.io().Use([&](Socket&, const Next& next) { waiting.push_back(next); });
  a_.io().Use([](Socket& socket, const Next& next) {
    socket.Emit("second");
    next();
  });
  Start();
  FakeSocket& ann = Connect(a_);
  FakeSocket& bob = Connect(a_);
  FakeSocket& eve = Connect(a_);
  EXPECT_FALSE(ann.accepted());
  waiting[1]("not you", Value::ObjectOf({{"code", 7}}));
  waiting[1]();
  a_.loop->OnDisconnect(eve, "transport close");
  waiting[2]();
  waiting[0]();
  EXPECT_TRUE(ann.accepted());
  EXPECT_THAT(ann.TakeSent(), ElementsAre(R"(2["second"])"));
  EXPECT_EQ(bob.refusal(), R"(not you{"code":7})");
  EXPECT_FALSE(eve.accepted());
  EXPECT_EQ(a_.loop->socket_count(), 1u);
  EXPECT_THAT(sockets_, SizeIs(1));
}

TEST_F(ServerLoopTest, PatternsTakeNamespacesThatWereNotNamed) {
  auto rules = std::make_shared<NamespaceRules>();
  a_.core->patterns.emplace_back(
      [](absl::string_view name) { return name.size() > 3; }, rules);
  rules->on_connection.push_back(
      [](Socket& socket) { socket.Emit("in", socket.name_space().name()); });
  Start();
  EXPECT_EQ(Connect(a_, "/no").refusal(), "Invalid namespace");
  EXPECT_EQ(Connect(a_, "/$node").refusal(), "Invalid namespace");
  EXPECT_THAT(Connect(a_, "/yes").TakeSent(),
              ElementsAre(R"(2/yes,["in","/yes"])"));
}

TEST_F(ServerLoopTest, EmitReachesEverybodyOnceAndInOneOrder) {
  Start();
  FakeSocket& ann = Connect(a_);
  FakeSocket& bob = Connect(b_);
  SocketOf(ann).Join("x");
  SocketOf(bob).Join({"x", "y"});
  backplanes_.Settle();
  a_.io().Emit("all", 1);
  b_.io().To("x").To("y").Emit("both", Value::Binary("bytes"));
  SocketOf(ann).To("x").Emit("others");
  SocketOf(bob).Broadcast().Emit("others too");
  a_.io().Except("y").Emit("not y");
  a_.io().To(bob.id()).Emit("bob alone");
  a_.io().To("nobody").Emit("never");
  a_.io().Emit("connect");  // Reserved: logged, not sent.
  backplanes_.Settle();
  const std::string both = R"(51-["both",{"_placeholder":true,"num":0}])";
  EXPECT_THAT(ann.TakeSent(),
              ElementsAre(R"(2["all",1])", both, "bytes", R"(2["others too"])",
                          R"(2["not y"])"));
  EXPECT_THAT(bob.TakeSent(),
              ElementsAre(R"(2["all",1])", both, "bytes", R"(2["others"])",
                          R"(2["bob alone"])"));
  EXPECT_THAT(a_.log, ElementsAre(HasSubstr("reserved")));
}

TEST_F(ServerLoopTest, VolatileEventsPassByWhoDoesNotKeepUp) {
  Start();
  FakeSocket& ann = Connect(a_);
  FakeSocket& slow = Connect(b_);
  slow.StopReading();
  slow.QueueBytes(kVolatileQueueBytesMax + 1);
  a_.io().Volatile().Emit("v");
  a_.io().Emit("e");
  SocketOf(slow).Volatile().Emit("v");
  backplanes_.Settle();
  EXPECT_THAT(ann.TakeSent(), ElementsAre(R"(2["v"])", R"(2["e"])"));
  EXPECT_THAT(slow.TakeSent(), ElementsAre(R"(2["e"])"));
}

TEST_F(ServerLoopTest, LocalEventsStayHere) {
  Start();
  FakeSocket& ann = Connect(a_);
  FakeSocket& bob = Connect(b_);
  a_.io().Local().Emit("here");
  EXPECT_THAT(ann.TakeSent(), ElementsAre(R"(2["here"])"));  // At once.
  backplanes_.Settle();
  EXPECT_THAT(bob.TakeSent(), IsEmpty());
}

TEST_F(ServerLoopTest, ASlowClientReadsOnFromTheLog) {
  Start();
  FakeSocket& slow = Connect(b_);
  slow.StopReading();
  slow.QueueBytes(kClientBufferBytesMax + 1);
  a_.io().Emit("one");
  a_.io().To(slow.id()).Emit("two");
  a_.io().Except(slow.id()).Emit("not for it");
  backplanes_.Settle();
  EXPECT_THAT(slow.TakeSent(), IsEmpty());
  slow.Read(*b_.loop);
  backplanes_.Settle();
  EXPECT_THAT(slow.TakeSent(), ElementsAre(R"(2["one"])", R"(2["two"])"));
}

TEST_F(ServerLoopTest, AsksOneClient) {
  Start();
  FakeSocket& ann = Connect(a_);
  std::vector<std::string> answers;
  const auto note = [&](const absl::StatusOr<Values>& answer) {
    answers.push_back(answer.ok() ? Value(*answer).ToJson()
                                  : std::string(answer.status().message()));
  };
  SocketOf(ann).Emit("q", 1, note);
  SocketOf(ann).Timeout(absl::Seconds(1)).Emit("q", 2, note);
  SocketOf(ann).Emit("q", 3, note);
  EXPECT_THAT(ann.TakeSent(),
              ElementsAre(R"(21["q",1])", R"(22["q",2])", R"(23["q",3])"));
  a_.loop->OnAck(ann, {1, R"(["yes",true])", {}});
  a_.loop->OnAck(ann, {1, R"(["twice"])", {}});
  a_.loop->OnAck(ann, {99, R"(["unasked"])", {}});
  Advance(absl::Seconds(1));
  a_.loop->OnAck(ann, {2, R"(["too late"])", {}});
  a_.loop->OnDisconnect(ann, "transport close");
  EXPECT_THAT(answers, ElementsAre(R"(["yes",true])", "operation has timed out",
                                   "socket has been disconnected"));
}

TEST_F(ServerLoopTest, AsksAllClientsOfTheCluster) {
  Start();
  FakeSocket& ann = Connect(a_);
  FakeSocket& bob = Connect(b_);
  std::vector<std::string> answers;
  const auto note = [&](const absl::Status& status, const Values& values) {
    answers.push_back(absl::StrCat(status.message(), Value(values).ToJson()));
  };
  a_.io().Emit("q", note);
  backplanes_.Settle();
  EXPECT_THAT(ann.TakeSent(), ElementsAre(R"(21["q"])"));
  EXPECT_THAT(bob.TakeSent(), ElementsAre(R"(21["q"])"));
  b_.loop->OnAck(bob, {1, R"(["bob",1])", {}});
  backplanes_.Settle();
  EXPECT_THAT(answers, IsEmpty());
  a_.loop->OnAck(ann, {1, R"(["ann"])", {}});
  backplanes_.Settle();
  EXPECT_THAT(answers, ElementsAre(R"(["bob","ann"])"));

  // Nobody is in the room, so there is nothing to wait for.
  a_.io().To("nobody").Emit("q", note);
  backplanes_.Settle();
  EXPECT_THAT(answers.back(), "[]");

  a_.io().Timeout(absl::Seconds(2)).Emit("q", note);
  backplanes_.Settle();
  b_.loop->OnAck(bob, {2, R"(["bob"])", {}});
  backplanes_.Settle();
  Advance(absl::Seconds(2));
  EXPECT_EQ(answers.back(), R"(operation has timed out["bob"])");
}

TEST_F(ServerLoopTest, FindsSocketsOnAllNodes) {
  Start();
  FakeSocket& ann = Connect(a_);
  FakeSocket& bob = Connect(b_);
  SocketOf(bob).Join("x");
  SocketOf(bob).Data().Set("name", "bob");
  std::vector<std::string> found;
  absl::Status status;
  const auto note = [&](const absl::Status& its_status,
                        const std::vector<RemoteSocket>& sockets) {
    status = its_status;
    found.clear();
    for (const RemoteSocket& socket : sockets) {
      found.push_back(absl::StrCat(socket.id, " ", socket.rooms.size(), " ",
                                   socket.data.ToJson()));
    }
  };
  const std::string ann_found = absl::StrCat(ann.id(), " 1 null");
  const std::string bob_found = absl::StrCat(bob.id(), R"( 2 {"name":"bob"})");
  a_.io().FetchSockets(note);
  backplanes_.Settle();
  EXPECT_THAT(found, UnorderedElementsAre(ann_found, bob_found));
  a_.io().In("x").FetchSockets(note);
  backplanes_.Settle();
  EXPECT_THAT(found, ElementsAre(bob_found));
  b_.io().Except("x").FetchSockets(note);
  backplanes_.Settle();
  EXPECT_THAT(found, ElementsAre(ann_found));

  backplanes_.Hold(1, true);
  a_.io().FetchSockets(note);
  backplanes_.Settle();
  Advance(kClusterRequestTime);
  EXPECT_EQ(status.message(),
            "timeout reached: only 1 responses received out of 2");
  EXPECT_THAT(found, ElementsAre(ann_found));
}

TEST_F(ServerLoopTest, MovesSocketsInOneOrderWithEvents) {
  Start();
  FakeSocket& ann = Connect(a_);
  FakeSocket& bob = Connect(b_);
  a_.io().To("x").Emit("before");
  a_.io().SocketsJoin({"x"});
  a_.io().To("x").Emit("in");
  backplanes_.Settle();
  EXPECT_THAT(ann.TakeSent(), ElementsAre(R"(2["in"])"));
  EXPECT_THAT(bob.TakeSent(), ElementsAre(R"(2["in"])"));
  b_.io().In(ann.id()).SocketsLeave({"x"});
  b_.io().To("x").Emit("bob's");
  backplanes_.Settle();
  EXPECT_THAT(bob.TakeSent(), ElementsAre(R"(2["bob's"])"));
  EXPECT_THAT(SocketOf(ann).Rooms(), ElementsAre(ann.id()));
  a_.io().In("x").DisconnectSockets();
  backplanes_.Settle();
  EXPECT_TRUE(bob.disconnected());
  EXPECT_FALSE(ann.disconnected());
  EXPECT_THAT(ann.TakeSent(), IsEmpty());
}

TEST_F(ServerLoopTest, WhoIsDisconnectedHearsWhatWasSaidBefore) {
  Start();
  FakeSocket& ann = Connect(a_);
  SocketOf(ann).Join("room");
  backplanes_.Settle();
  a_.io().To("room").Emit("bye");
  SocketOf(ann).Disconnect();
  a_.io().To("room").Emit("too late");
  Say(a_, ann, R"(["unheard"])");
  EXPECT_FALSE(ann.disconnected());
  backplanes_.Settle();
  EXPECT_TRUE(ann.disconnected());
  EXPECT_THAT(ann.TakeSent(), ElementsAre(R"(2["bye"])"));
}

TEST_F(ServerLoopTest, WhoIsDisconnectedGoesAtOnceIfNothingWasSaid) {
  Start();
  FakeSocket& ann = Connect(a_);
  SocketOf(ann).Disconnect();
  EXPECT_TRUE(ann.disconnected());
}

TEST_F(ServerLoopTest, WhoIsDisconnectedDoesNotWaitForABrokerThatIsAway) {
  Start();
  FakeSocket& ann = Connect(a_);
  a_.io().Emit("lost");
  SocketOf(ann).Disconnect();
  Advance(kLastWordsTime);  // Nothing is told meanwhile.
  EXPECT_TRUE(ann.disconnected());
}

TEST_F(ServerLoopTest, ServersTalkToEachOther) {
  std::vector<std::string> heard;
  for (TestServer* const server : {&a_, &b_}) {
    server->io().On("tell", [&heard, server](const Args& args) {
      heard.push_back(absl::StrCat(server->core->server_id, args[0].ToJson(),
                                   args[1].AsBinary()));
    });
    server->io().On("ask", [server](const Args&, const Ack& ack) {
      ack(server->core->server_id);
    });
    server->io().On("never", [](const Args&, const Ack&) {});
  }
  Start();
  a_.io().ServerSideEmit("tell", 5, Value::Binary("bytes"));
  backplanes_.Settle();
  EXPECT_THAT(heard, ElementsAre("25bytes"));
  std::string answer;
  const auto note = [&](const absl::Status& status, const Values& values) {
    answer = absl::StrCat(status.message(), Value(values).ToJson());
  };
  b_.io().ServerSideEmit("ask", note);
  backplanes_.Settle();
  EXPECT_EQ(answer, "[1]");
  a_.io().ServerSideEmit("unheard of", note);
  backplanes_.Settle();
  EXPECT_EQ(answer, "[]");
  a_.io().ServerSideEmit("never", note);
  backplanes_.Settle();
  Advance(kClusterRequestTime);
  EXPECT_EQ(answer, "timeout reached: only 0 responses received out of 1[]");
}

TEST_F(ServerLoopTest, RoomsHaveAHistory) {
  Start();
  FakeSocket& ann = Connect(a_);
  std::vector<bool> duplicates;
  const auto note = [&](absl::StatusOr<Published> published) {
    duplicates.push_back(published->duplicate);
  };
  a_.io().Publish("r", "m", Value::ObjectOf({{"n", 1}}), {.id = "one"}, note);
  a_.io().Publish("r", "m", 2, {.id = "one"}, note);
  a_.io().Publish("r", "m", 2, {}, nullptr);
  backplanes_.Settle();
  EXPECT_THAT(duplicates, ElementsAre(false, true));
  size_t replayed = 0;
  SocketOf(ann).Join("r", LastEvents{5}, [&](absl::StatusOr<Joined> joined) {
    replayed = joined->replayed;
    SocketOf(ann).Emit("joined");
  });
  backplanes_.Settle();
  EXPECT_EQ(replayed, 2u);
  EXPECT_THAT(
      ann.TakeSent(),
      ElementsAre(R"(2["m",{"n":1},{"room":"r","id":"one","time":1},"e-1"])",
                  R"(2["m",2,{"room":"r","id":null,"time":3},"e-2"])",
                  R"(2["joined"])"));
  std::string events;
  a_.io().History(
      {.room = *RoomKey::Make("/", "r"), .limit = 1},
      [&](absl::StatusOr<HistoryAnswer> page) { events = page->events_json; });
  backplanes_.Settle();
  EXPECT_THAT(events, HasSubstr(R"("data":2,)"));
}

TEST_F(ServerLoopTest, WhatAJoinMakesAHandlerDoIsDone) {
  Start();
  FakeSocket& ann = Connect(a_);
  std::vector<std::string> heard;
  SocketOf(ann).Join("r", FromNow{}, [&](absl::StatusOr<Joined>) {
    heard.push_back("joined");
    SocketOf(ann).Leave("r", [&](absl::StatusOr<Joined>) {
      heard.push_back("left");
      SocketOf(ann).Join("r", FromStart{}, [&](absl::StatusOr<Joined>) {
        heard.push_back("joined again");
      });
    });
  });
  backplanes_.Settle();
  EXPECT_THAT(heard, ElementsAre("joined", "left", "joined again"));
  EXPECT_THAT(SocketOf(ann).Rooms(), ElementsAre(ann.id(), "r"));
  absl::Status refused;
  SocketOf(ann).Join("", FromNow{}, [&](absl::StatusOr<Joined> joined) {
    refused = joined.status();
  });
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ServerLoopTest, WhoAsksAgainOfAClientThatIsGoneHearsNoMore) {
  Start();
  FakeSocket& ann = Connect(a_);
  int failures = 0;
  const std::function<void()> ask = [&] {
    SocketOf(ann)
        .Timeout(absl::Seconds(5))
        .Emit("q", [&](const absl::StatusOr<Values>& answer) {
          if (!answer.ok() && ++failures < 100) ask();
        });
  };
  ask();
  a_.loop->OnDisconnect(ann, "transport close");
  EXPECT_EQ(failures, 1);
}

TEST_F(ServerLoopTest, WhoJoinsAgainWaitsForTheNextTry) {
  Start();
  FakeSocket& ann = Connect(a_);
  int failures = 0;
  const std::function<void()> join = [&] {
    SocketOf(ann).Join("r", FromNow{}, [&](absl::StatusOr<Joined> joined) {
      if (!joined.ok() && ++failures < 100) join();
    });
  };
  join();
  // The loop's own room has the first handle, and "/" the second.
  a_.loop->follower().OnFollowFailed(RoomHandle(3),
                                     absl::UnavailableError("no broker"));
  EXPECT_EQ(failures, 1);
}

TEST_F(ServerLoopTest, AJoinMayMakeAnotherSocketLeave) {
  Start();
  FakeSocket& ann = Connect(a_);
  FakeSocket& bob = Connect(a_);
  SocketOf(ann).Join("r", FromNow{},
                     [&](absl::StatusOr<Joined>) { SocketOf(bob).Leave("r"); });
  SocketOf(bob).Join("r");
  backplanes_.Settle();
  a_.io().To("r").Emit("e");
  backplanes_.Settle();
  EXPECT_THAT(ann.TakeSent(), ElementsAre(R"(2["e"])"));
  EXPECT_THAT(bob.TakeSent(), IsEmpty());
}

TEST_F(ServerLoopTest, AJoinInANewEpochMayMakeAnotherSocketLeave) {
  Start();
  FakeSocket& ann = Connect(a_);
  FakeSocket& bob = Connect(a_);
  SocketOf(ann).Join("r");
  SocketOf(bob).Join("r");
  a_.io().Publish("r", "m", 1, {}, nullptr);
  backplanes_.Settle();
  // The read of it is under way when the log begins anew.
  SocketOf(ann).Join("r", FromStart{},
                     [&](absl::StatusOr<Joined>) { SocketOf(bob).Leave("r"); });
  ann.TakeSent();
  bob.TakeSent();
  a_.loop->follower().OnFollowing(RoomHandle(3), {Epoch(0xf), Offset(0)});
  EXPECT_THAT(SocketOf(ann).Rooms(), ElementsAre(ann.id(), "r"));
  EXPECT_THAT(SocketOf(bob).Rooms(), ElementsAre(bob.id()));
  EXPECT_THAT(ann.TakeSent(), ElementsAre(HasSubstr("roomlog:gap")));
  EXPECT_THAT(bob.TakeSent(), IsEmpty());  // It had left by then.
}

TEST_F(ServerLoopTest, RequestsOfAClientThatDoesNotReadAreBounded) {
  Start();
  FakeSocket& ann = Connect(a_);
  ann.StopReading();
  ann.QueueBytes(kClientBufferBytesMax + 1);
  size_t answered = 0;
  size_t refused = 0;
  const auto note = [&](const auto& answer) {
    ++(absl::IsResourceExhausted(answer.status()) ? refused : answered);
  };
  const HistoryQuery query = {.room = *RoomKey::Make("/", "r"), .limit = 1};
  for (size_t i = 0; i < kUnansweredRequestsPerClientMax / 2; ++i) {
    SocketOf(ann).Join("r", FromNow{}, note);
    SocketOf(ann).History(query, note);
  }
  EXPECT_EQ(refused, 0u);
  SocketOf(ann).Join("r", FromNow{}, note);
  SocketOf(ann).History(query, note);
  EXPECT_EQ(refused, 2u);
  // What makes a difference is done all the same.
  SocketOf(ann).Leave("r", note);
  EXPECT_THAT(SocketOf(ann).Rooms(), ElementsAre(ann.id()));
  SocketOf(ann).Leave("r", note);
  EXPECT_EQ(refused, 3u);
  ann.Read(*a_.loop);
  backplanes_.Settle();
  EXPECT_EQ(answered, kUnansweredRequestsPerClientMax + 1);
  SocketOf(ann).Join("r", FromNow{}, note);
  backplanes_.Settle();
  EXPECT_EQ(answered, kUnansweredRequestsPerClientMax + 2);
}

TEST_F(ServerLoopTest, WhatIsToldOfARoomMayThrow) {
  Start();
  FakeSocket& ann = Connect(a_);
  const auto fail = [](const auto&) { throw std::runtime_error("oh"); };
  const HistoryQuery query = {.room = *RoomKey::Make("/", "r"), .limit = 1};
  SocketOf(ann).Join("r", FromNow{}, fail);
  SocketOf(ann).Join("", FromNow{}, fail);
  SocketOf(ann).History(query, fail);
  a_.io().Publish("r", "m", 1, {}, fail);
  a_.io().History(query, fail);
  backplanes_.Settle();
  SocketOf(ann).Leave("r", fail);
  EXPECT_THAT(a_.log, SizeIs(6));
  EXPECT_THAT(a_.log, Each(HasSubstr("threw: oh")));
  bool joined = false;
  SocketOf(ann).Join("r", FromNow{},
                     [&](absl::StatusOr<Joined>) { joined = true; });
  backplanes_.Settle();
  EXPECT_TRUE(joined);
}

TEST_F(ServerLoopTest, WhatWasForOthersIsNoGap) {
  Start();
  FakeSocket& ann = Connect(a_);
  FakeSocket& slow = Connect(a_);
  // So many that the log forgets the first.
  for (size_t i = 0; i <= kLocalRoomEventsMax; ++i) {
    a_.io().To(ann.id()).Emit("ann alone");
  }
  backplanes_.Settle();
  slow.StopReading();
  slow.QueueBytes(kClientBufferBytesMax + 1);
  a_.io().Emit("all");
  backplanes_.Settle();
  slow.Read(*a_.loop);
  backplanes_.Settle();
  EXPECT_THAT(slow.TakeSent(), ElementsAre(R"(2["all"])"));
}

TEST_F(ServerLoopTest, AGapBeginsAfterWhatWasForOthers) {
  Start();
  FakeSocket& ann = Connect(a_);
  FakeSocket& bob = Connect(a_);
  for (int i = 0; i < 3; ++i) a_.io().To(ann.id()).Emit("ann alone");
  backplanes_.Settle();
  a_.loop->follower().OnGap(RoomHandle(2), {Epoch(0xe), Offset(3)},
                            {Epoch(0xe), Offset(9)}, GapReason::kDamage);
  EXPECT_THAT(bob.TakeSent(), ElementsAre(HasSubstr(R"("from":"e-3")")));
  a_.loop->follower().OnGap(RoomHandle(2), {Epoch(0xe), Offset(9)},
                            {Epoch(0xf), Offset(0)}, GapReason::kEpoch);
  EXPECT_THAT(bob.TakeSent(), ElementsAre(HasSubstr(R"("from":"e-9")")));
}

TEST_F(ServerLoopTest, AVolatileQuestionThatIsNotAskedTimesOut) {
  Start();
  FakeSocket& slow = Connect(a_);
  slow.StopReading();
  slow.QueueBytes(kVolatileQueueBytesMax + 1);
  absl::Status status;
  SocketOf(slow)
      .Volatile()
      .Timeout(absl::Seconds(1))
      .Emit("q", [&](const absl::StatusOr<Values>& answer) {
        status = answer.status();
      });
  EXPECT_THAT(slow.TakeSent(), IsEmpty());
  Advance(absl::Seconds(1));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace roomlog
