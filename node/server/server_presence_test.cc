// Who is in a room, as programs of two servers and one log see it.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "node/server/server_loop.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_socket.h"
#include "test/fakes/shared_backplanes.h"

namespace roomlog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using What = PresenceQuery::What;

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

class ServerPresenceTest : public ::testing::Test {
 protected:
  ServerPresenceTest() {
    size_t index = 0;
    for (TestServer* const server : {&a_, &b_}) {
      server->io().Use([](Socket& socket, const Next& next) {
        socket.SetUser(socket.Handshake().auth["user"].AsString());
        next();
      });
      server->io().OnConnection([this](Socket& socket) {
        sockets_[socket.id()] = &socket;
        socket.Join("lobby");
      });
      server->io().OnPresence("lobby", [this, index](const PresenceChange& c) {
        heard_.push_back(absl::StrCat(
            index, ": ", c.user, c.has_joined ? " joins " : " leaves ", c.room,
            c.is_first_or_last ? " alone " : " ", c.socket_id, " ", c.sockets,
            " of ", c.users, " @", c.position.offset.value()));
      });
      server->Start(backplanes_, index++, clock_);
    }
    backplanes_.Settle();
  }

  FakeSocket& Connect(TestServer& server, absl::string_view user) {
    wires_.push_back(std::make_unique<FakeSocket>(
        absl::StrCat("1234567890123456-s", 10 + wires_.size())));
    wires_.back()->set_auth(absl::StrCat(R"({"user":")", user, "\"}"));
    server.loop->OnConnect(*wires_.back());
    backplanes_.Settle();
    return *wires_.back();
  }
  void Cut(TestServer& server, FakeSocket& wire, absl::string_view reason) {
    server.loop->OnDisconnect(wire, reason);
    backplanes_.Settle();
  }
  // "3 of 2: ann*2 bob*1(away)"
  std::string Presence(TestServer& server, absl::string_view room,
                       PresenceQuery query = {}) {
    std::string words = "no answer";
    server.io().Presence(
        room, std::move(query), [&](absl::StatusOr<MembersPage> page) {
          if (!page.ok()) {
            words = absl::StatusCodeToString(page.status().code());
            return;
          }
          words = absl::StrCat(page->socket_count, " of ", page->user_count);
          for (const MembersPage::User& user : page->users) {
            absl::StrAppend(&words, " ", user.name, "*", user.sockets,
                            user.is_away ? "(away)" : "");
          }
          for (const MembersPage::Socket& socket : page->sockets) {
            absl::StrAppend(&words, " ", socket.id.substr(17), socket.user);
          }
          if (page->more) absl::StrAppend(&words, " ..");
        });
    backplanes_.Settle();
    return words;
  }

  FakeClock clock_;
  SharedBackplanes backplanes_;
  TestServer a_{1};
  TestServer b_{2};
  std::map<std::string, Socket*> sockets_;
  std::vector<std::string> heard_;  // By the handlers of presence.
  std::vector<std::unique_ptr<FakeSocket>> wires_;
};

TEST_F(ServerPresenceTest, EveryServerTellsTheSame) {
  Connect(a_, "ann");
  Connect(b_, "ann");
  FakeSocket& bob = Connect(b_, "bob");
  Connect(a_, "");
  for (TestServer* const server : {&a_, &b_}) {
    EXPECT_EQ(Presence(*server, "lobby"), "4 of 2");
    EXPECT_EQ(Presence(*server, "lobby", {.what = What::kUsers}),
              "4 of 2 ann*2 bob*1");
    EXPECT_EQ(Presence(*server, "", {.what = What::kUsers, .limit = 1}),
              "4 of 2 ann*2 ..");
    EXPECT_EQ(
        Presence(*server, "lobby", {.what = What::kSockets, .after = bob.id()}),
        "4 of 2 s13");
    EXPECT_EQ(Presence(*server, "hall"), "0 of 0");
  }
  EXPECT_EQ(Presence(a_, std::string(300, 'x')), "INVALID_ARGUMENT");
}

TEST_F(ServerPresenceTest, WhoIsLostIsAwayAndWhoLeavesIsGone) {
  FakeSocket& ann = Connect(a_, "ann");
  FakeSocket& bob = Connect(a_, "bob");
  Cut(a_, ann, "transport close");
  EXPECT_EQ(Presence(b_, "lobby", {.what = What::kUsers}),
            "2 of 2 ann*1(away) bob*1");
  Cut(a_, bob, "client namespace disconnect");
  EXPECT_EQ(Presence(b_, "lobby", {.what = What::kUsers}),
            "1 of 1 ann*1(away)");
}

TEST_F(ServerPresenceTest, ProgramsHearOfEachComingAndGoing) {
  // Here nobody keeps a feed: what the broker would say is said by hand.
  const auto say = [this](absl::string_view body) {
    Position said;
    a_.loop->Publish(*RoomKey::Make("/", "$roomlog/presence/lobby"),
                     proto::EVENT_FLAG_ROOM_APPLICATION,
                     absl::StrCat(R"(2["roomlog:presence",)", body, "]"), "",
                     [&](const absl::StatusOr<Published>& published) {
                       said = published->position;
                     });
    backplanes_.Settle();
    return said.offset.value();
  };
  EXPECT_THAT(a_.log, Contains(HasSubstr("--presence_feed does not name it")));
  const uint64_t first =
      say(R"({"room":"lobby","change":"join","socket":"s1","user":"ann",)"
          R"("first":true,"sockets":1,"users":1})");
  const uint64_t second =
      say(R"({"room":"lobby","change":"leave","socket":"s2","user":null,)"
          R"("last":false,"sockets":0,"users":0})");
  say(R"({"change":"unknown"})");
  EXPECT_EQ(ParsePresenceEvent(
                R"(2/a[b,["roomlog:presence",{"change":"join","user":"bob"}])")
                ->user,
            "bob");
  EXPECT_THAT(heard_,
              UnorderedElementsAre(
                  absl::StrCat("0: ann joins lobby alone s1 1 of 1 @", first),
                  absl::StrCat("1: ann joins lobby alone s1 1 of 1 @", first),
                  absl::StrCat("0:  leaves lobby s2 0 of 0 @", second),
                  absl::StrCat("1:  leaves lobby s2 0 of 0 @", second)));
}

TEST_F(ServerPresenceTest, AUserIsAskedForByAName) {
  Connect(a_, "ann");
  EXPECT_EQ(Presence(b_, "", {.what = What::kUser, .user = "ann"}),
            "1 of 1 ann*1");
  // The broker would not understand it, and never hear of anything else again.
  for (const char* none : {"", "\xff"}) {
    EXPECT_EQ(Presence(b_, "", {.what = What::kUser, .user = none}),
              "INVALID_ARGUMENT");
  }
}

TEST_F(ServerPresenceTest, TheUserIsSetBeforeTheClientIsLetIn) {
  FakeSocket& ann = Connect(a_, "ann");
  Socket& socket = *sockets_.at(ann.id());
  EXPECT_EQ(socket.User(), "ann");
  socket.SetUser("bob");
  EXPECT_EQ(socket.User(), "ann");
  EXPECT_THAT(a_.log, Contains(HasSubstr("cannot be set")));
  // And to be a name at all.
  EXPECT_EQ(
      sockets_.at(Connect(a_, std::string(kUserNameBytesMax + 1, 'x')).id())
          ->User(),
      "");
}

TEST_F(ServerPresenceTest, WhoComesBackIsTheUserHeWas) {
  FakeSocket& ann = Connect(a_, "ann");
  Cut(a_, ann, "transport close");
  wires_.push_back(std::make_unique<FakeSocket>("1234567890123456-new"));
  wires_.back()->set_auth(
      absl::StrCat(R"({"user":"eve","pid":")", ann.private_id(), "\"}"));
  b_.loop->OnConnect(*wires_.back());
  backplanes_.Settle();
  EXPECT_EQ(sockets_.at(ann.id())->User(), "ann");
  EXPECT_EQ(Presence(b_, "lobby", {.what = What::kUsers}), "1 of 1 ann*1");
}

}  // namespace
}  // namespace roomlog
