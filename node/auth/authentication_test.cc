#include "node/auth/authentication.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/application/room_application.h"
#include "node/auth/auth_limits.h"
#include "node/auth/room_access.h"
#include "node/auth/signing_key.h"
#include "node/server/server_core.h"
#include "node/server/server_loop.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_socket.h"
#include "test/fakes/shared_backplanes.h"

namespace roomlog {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr absl::string_view kOk = R"("ok":true)";
constexpr absl::string_view kForbidden = R"("code":"forbidden")";
constexpr absl::string_view kLimit = R"("code":"limit")";

// An edge with the room application, whose clients must show tokens.
class AuthenticationTest : public ::testing::Test {
 protected:
  void Start(AuthenticationOptions options, SocketLimits limits = {}) {
    auto keys =
        std::make_shared<const KeySet>(*KeySet::FromSecret(key_.FileText()));
    authentication_ = std::make_unique<Authentication>(
        std::move(options), [keys] { return keys; }, clock_);
    access_ = std::make_unique<RoomAccess>(limits, clock_);
    application_ = std::make_unique<RoomApplication>("node", access_.get());
    auto core = std::make_shared<ServerCore>();
    core->follow_namespaces = false;
    auto rules = std::make_shared<NamespaceRules>();
    core->patterns.emplace_back([](absl::string_view) { return true; }, rules);
    const Namespace all(core, rules, "");
    authentication_->Protect(all);
    application_->Serve(all);
    const auto port = std::make_shared<LoopPort>(
        [](LoopPort::Task task) { std::move(task)(); });
    loop_ = std::make_unique<ServerLoop>(core, 0, "loop", backplanes_.Add(),
                                         clock_, port);
    core->loops.push_back({port, loop_.get()});
    backplanes_.set_follower(0, &loop_->follower());
  }
  void Start(absl::string_view grants) {
    AuthenticationOptions options;
    options.grants = *Grants::Parse(grants);
    options.tokens.leeway = absl::ZeroDuration();
    Start(std::move(options));
  }

  // Valid for 100 s from now; `more` are claims such as `,"iss":"x"`.
  std::string TokenOf(absl::string_view user, absl::string_view more = "",
                      int seconds = 100) const {
    return key_.Token(absl::StrCat(R"({"sub":")", user, R"(","exp":)",
                                   absl::ToUnixSeconds(clock_.Now()) + seconds,
                                   more, "}"));
  }

  FakeSocket& ConnectWith(absl::string_view auth,
                          std::string name_space = "/") {
    wires_.push_back(std::make_unique<FakeSocket>(
        absl::StrCat("123456789012345678", 10 + wires_.size()),
        std::move(name_space)));
    wires_.back()->set_auth(std::string(auth));
    loop_->OnConnect(*wires_.back());
    return *wires_.back();
  }
  FakeSocket& Connect(absl::string_view token, std::string name_space = "/") {
    return ConnectWith(absl::StrCat(R"({"token":")", token, R"("})"),
                       std::move(name_space));
  }

  // Sends an event, a JSON array, and returns the answer to it.
  std::string Ask(FakeSocket& wire, const std::string& event) {
    wire.TakeSent();
    const size_t end = event.find('"', 2);
    loop_->OnEvent(wire, {.name = absl::string_view(event).substr(2, end - 2),
                          .arguments = event,
                          .ack_id = 7});
    backplanes_.Settle();
    std::string answer;
    for (const std::string& sent : wire.TakeSent()) {
      if (absl::StartsWith(sent, "7[") || absl::StartsWith(sent, "37[")) {
        answer += sent;
      }
    }
    return answer;
  }
  std::string Renew(FakeSocket& wire, absl::string_view token) {
    return Ask(wire,
               absl::StrCat(R"(["auth:renew",{"token":")", token, R"("}])"));
  }

  void Pass(absl::Duration time) {
    clock_.Advance(time);
    loop_->timers().Run(clock_.Steady());
  }

  const SigningKey key_{SignatureAlgorithm::kHs256};
  FakeClock clock_;
  SharedBackplanes backplanes_;
  std::unique_ptr<Authentication> authentication_;
  std::unique_ptr<RoomAccess> access_;
  std::unique_ptr<RoomApplication> application_;
  std::vector<std::unique_ptr<FakeSocket>> wires_;
  std::unique_ptr<ServerLoop> loop_;
};

TEST_F(AuthenticationTest, LetsInWhoShowsAToken) {
  Start("");
  EXPECT_TRUE(Connect(TokenOf("ann")).accepted());
  EXPECT_TRUE(Connect(TokenOf("ann"), "/chat").accepted());
}

TEST_F(AuthenticationTest, RefusesEverybodyElseAndSaysWhy) {
  Start("all=*");
  const std::vector<std::pair<std::string, absl::string_view>> cases = {
      {"{}", "token_missing"},
      {R"({"token":""})", "token_missing"},
      {R"({"token":5})", "token_missing"},
      {R"({"token":{"a":1}})", "token_missing"},
      {R"({"token":"x"})", "token_invalid"},
      {absl::StrCat(R"({"token":")",
                    SigningKey(SignatureAlgorithm::kHs256)
                        .Token(R"({"sub":"ann","exp":9e9})"),
                    R"("})"),
       "token_invalid"},
      {absl::StrCat(R"({"token":")", TokenOf("ann", "", 0), R"("})"),
       "token_expired"},
  };
  for (const auto& [auth, code] : cases) {
    for (const std::string name_space : {"/", "/chat"}) {
      FakeSocket& wire = ConnectWith(auth, name_space);
      EXPECT_FALSE(wire.accepted()) << auth;
      EXPECT_THAT(wire.refusal(), HasSubstr(absl::StrCat("\"", code, "\"")));
    }
  }
}

TEST_F(AuthenticationTest, ForbidsWhatNobodyGranted) {
  Start("");
  FakeSocket& ann = Connect(TokenOf("ann"));
  for (const char* event :
       {R"(["join","lobby"])", R"(["publish","lobby","m",1])",
        R"(["history","lobby"])", R"(["join","lobby",{"last":1}])"}) {
    EXPECT_THAT(Ask(ann, event), HasSubstr(kForbidden)) << event;
  }
  EXPECT_THAT(Ask(ann, R"(["node"])"), HasSubstr(kOk));
  EXPECT_THAT(Ask(ann, R"(["leave","lobby"])"), HasSubstr(kOk));
  EXPECT_THAT(Ask(ann, R"(["join",""])"), HasSubstr("bad_room"));
}

TEST_F(AuthenticationTest, AllowsWhatConfigurationAndTokenGrant) {
  Start("join,history=chat/*;publish=user/{sub}");
  FakeSocket& ann = Connect(TokenOf(
      "ann", R"(,"roomlog":{"publish":["chat/1"],"join":["/own:*","solo"]})"));
  const std::vector<std::pair<const char*, absl::string_view>> cases = {
      {R"(["join","chat/1"])", kOk},
      {R"(["join","chat/1",{"last":1}])", kOk},
      {R"(["history","chat/1"])", kOk},
      {R"(["publish","chat/1","m",1])", kOk},
      {R"(["publish","chat/2","m",1])", kForbidden},
      {R"(["publish","user/ann","m",1])", kOk},
      {R"(["publish","user/bob","m",1])", kForbidden},
      {R"(["join","solo"])", kOk},
      {R"(["join","solo",{"last":0}])", kForbidden},
      {R"(["join","solo",{"from":"start"}])", kForbidden},
      {R"(["join","x"])", kForbidden},
  };
  for (const auto& [event, want] : cases) {
    EXPECT_THAT(Ask(ann, event), HasSubstr(want)) << event;
  }
  FakeSocket& own =
      Connect(TokenOf("ann", R"(,"roomlog":{"join":["/own:*"]})"), "/own");
  EXPECT_THAT(Ask(own, R"(["join","x"])"), HasSubstr(kOk));
  EXPECT_THAT(Ask(own, R"(["join","chat/1"])"), HasSubstr(kOk));
  EXPECT_THAT(Ask(own, R"(["publish","chat/1","m",1])"), HasSubstr(kForbidden));
}

TEST_F(AuthenticationTest, ClosesASocketWhenItsTokenEnds) {
  Start("all=*");
  FakeSocket& ann = Connect(TokenOf("ann"));
  Pass(absl::Seconds(60));
  Pass(absl::Seconds(39));
  EXPECT_FALSE(ann.disconnected());
  ann.TakeSent();
  Pass(absl::Seconds(1));
  EXPECT_TRUE(ann.disconnected());
  EXPECT_THAT(ann.TakeSent(),
              ElementsAre(AllOf(StartsWith(R"(2["roomlog:closed",)"),
                                HasSubstr(R"("code":"token_expired")"))));
}

TEST_F(AuthenticationTest, KeepsASocketThatRenewsItsToken) {
  Start("all=*");
  FakeSocket& ann = Connect(TokenOf("ann"));
  Pass(absl::Seconds(60));
  EXPECT_THAT(Renew(ann, TokenOf("ann")),
              AllOf(HasSubstr(kOk), HasSubstr(R"("left":[])")));
  Pass(absl::Seconds(60));
  Pass(absl::Seconds(39));
  EXPECT_FALSE(ann.disconnected());
  Pass(absl::Seconds(1));
  EXPECT_TRUE(ann.disconnected());
}

TEST_F(AuthenticationTest, EndsEarlierIfTheNewerTokenDoes) {
  Start("all=*");
  FakeSocket& ann = Connect(TokenOf("ann", "", 1000));
  EXPECT_THAT(Renew(ann, TokenOf("ann", "", 10)), HasSubstr(kOk));
  Pass(absl::Seconds(9));
  EXPECT_FALSE(ann.disconnected());
  Pass(absl::Seconds(1));
  EXPECT_TRUE(ann.disconnected());
}

TEST_F(AuthenticationTest, KeepsTheOldTokenIfTheNewOneIsRefused) {
  Start("all=*");
  FakeSocket& ann = Connect(TokenOf("ann"));
  EXPECT_THAT(Renew(ann, TokenOf("bob")), HasSubstr("token_invalid"));
  EXPECT_THAT(Renew(ann, "x"), HasSubstr("token_invalid"));
  EXPECT_THAT(Renew(ann, TokenOf("ann", "", -1)), HasSubstr("token_expired"));
  EXPECT_THAT(Ask(ann, R"(["auth:renew"])"), HasSubstr("token_missing"));
  EXPECT_THAT(Ask(ann, R"(["join","lobby"])"), HasSubstr(kOk));
  Pass(absl::Seconds(60));
  Pass(absl::Seconds(40));
  EXPECT_TRUE(ann.disconnected());
}

TEST_F(AuthenticationTest, TakesAClientOutOfRoomsThatANewerTokenDoesNotGrant) {
  Start("");
  FakeSocket& ann = Connect(TokenOf("ann", R"(,"roomlog":{"join":["a","b"]})"));
  EXPECT_THAT(Ask(ann, R"(["join","a"])"), HasSubstr(kOk));
  EXPECT_THAT(Ask(ann, R"(["join","b"])"), HasSubstr(kOk));
  EXPECT_THAT(Renew(ann, TokenOf("ann", R"(,"roomlog":{"join":["b"]})")),
              HasSubstr(R"("left":["a"])"));
  EXPECT_THAT(Ask(ann, R"(["join","a"])"), HasSubstr(kForbidden));
  EXPECT_THAT(Ask(ann, R"(["join","b"])"), HasSubstr(kOk));
}

// Who renews without end costs a few timers, not one each time.
TEST_F(AuthenticationTest, ManyRenewalsLeaveNoTimersBehind) {
  Start("all=*");
  FakeSocket& ann = Connect(TokenOf("ann"));
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(Renew(ann, TokenOf("ann", "", i % 2 == 0 ? 10 : 50)),
                HasSubstr(kOk));
  }
  EXPECT_THAT(Renew(ann, TokenOf("ann", "", 50)), HasSubstr(kOk));
  Pass(absl::Seconds(49));
  EXPECT_FALSE(ann.disconnected());
  Pass(absl::Seconds(1));
  EXPECT_TRUE(ann.disconnected());
}

TEST_F(AuthenticationTest, BoundsTheSocketsOfAUser) {
  AuthenticationOptions options;
  options.users.sockets_max = 2;
  Start(std::move(options));
  FakeSocket& first = Connect(TokenOf("ann"));
  EXPECT_TRUE(Connect(TokenOf("ann")).accepted());
  FakeSocket& third = Connect(TokenOf("ann"));
  EXPECT_FALSE(third.accepted());
  EXPECT_THAT(third.refusal(), HasSubstr(R"("code":"limit")"));
  EXPECT_TRUE(Connect(TokenOf("bob")).accepted());
  loop_->OnDisconnect(first, "transport close");
  EXPECT_TRUE(Connect(TokenOf("ann")).accepted());
}

TEST_F(AuthenticationTest, BoundsTheEventsOfASocketAndOfAUser) {
  AuthenticationOptions options;
  options.users.events = {.per_second = 1, .burst = 5};
  Start(std::move(options), {.events = {.per_second = 1, .burst = 3}});
  FakeSocket& first = Connect(TokenOf("ann"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Ask(first, R"(["node"])"), HasSubstr(kOk));
  }
  EXPECT_THAT(Ask(first, R"(["node"])"),
              AllOf(HasSubstr(kLimit), HasSubstr("on this connection")));
  FakeSocket& second = Connect(TokenOf("ann"));
  EXPECT_THAT(Ask(second, R"(["what?"])"), HasSubstr("bad_request"));
  EXPECT_THAT(Ask(second, R"(["node"])"), HasSubstr(kOk));
  EXPECT_THAT(Ask(second, R"(["node"])"),
              AllOf(HasSubstr(kLimit), HasSubstr("user")));
  EXPECT_THAT(Renew(second, TokenOf("ann")), HasSubstr(kLimit));
  Pass(absl::Seconds(1));
  EXPECT_THAT(Ask(first, R"(["node"])"), HasSubstr(kOk));
}

TEST_F(AuthenticationTest, BoundsTheRoomsOfASocketAndOfAUser) {
  AuthenticationOptions options;
  options.grants = *Grants::Parse("all=*");
  options.users.rooms_max = 3;
  Start(std::move(options), {.rooms_max = 2});
  FakeSocket& first = Connect(TokenOf("ann"));
  FakeSocket& second = Connect(TokenOf("ann"));
  EXPECT_THAT(Ask(first, R"(["join","a"])"), HasSubstr(kOk));
  EXPECT_THAT(Ask(first, R"(["join","b"])"), HasSubstr(kOk));
  EXPECT_THAT(Ask(first, R"(["join","b"])"), HasSubstr(kOk));
  EXPECT_THAT(Ask(first, R"(["join","c"])"),
              AllOf(HasSubstr(kLimit), HasSubstr("the socket is in 2")));
  EXPECT_THAT(Ask(second, R"(["join","a"])"), HasSubstr(kOk));
  EXPECT_THAT(Ask(second, R"(["join","b"])"),
              AllOf(HasSubstr(kLimit), HasSubstr("the user")));
  loop_->OnDisconnect(first, "transport close");
  EXPECT_THAT(Ask(second, R"(["join","b"])"), HasSubstr(kOk));
}

}  // namespace
}  // namespace roomlog
