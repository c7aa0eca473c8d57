#include "node/auth/authentication.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/auth/auth_limits.h"
#include "node/auth/edge_with_tokens.h"
#include "node/auth/signing_key.h"

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

using AuthenticationTest = EdgeWithTokens;

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

// Whose key is gone stays until its token ends, and renews by a newer one.
TEST_F(AuthenticationTest, AKeyIsReplacedWhileAClientIsConnected) {
  Start("all=*");
  FakeSocket& ann = Connect(TokenOf("ann"));
  const std::string old_token = TokenOf("ann", "", 500);
  const SigningKey next(SignatureAlgorithm::kEdDsa);
  keys_ =
      std::make_shared<const KeySet>(*KeySet::FromPublicKeys(next.FileText()));
  EXPECT_THAT(Ask(ann, R"(["join","lobby"])"), HasSubstr(kOk));
  EXPECT_THAT(Connect(old_token).refusal(), HasSubstr("token_invalid"));
  EXPECT_THAT(Renew(ann, old_token), HasSubstr("token_invalid"));
  const std::string new_token = next.Token(absl::StrCat(
      R"({"sub":"ann","exp":)", absl::ToUnixSeconds(clock_.Now()) + 200, "}"));
  EXPECT_TRUE(Connect(new_token).accepted());
  EXPECT_THAT(Renew(ann, new_token), HasSubstr(kOk));
  for (int i = 0; i < 3; ++i) Pass(absl::Seconds(50));
  EXPECT_FALSE(ann.disconnected());
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
