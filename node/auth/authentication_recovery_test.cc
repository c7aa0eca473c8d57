// Clients that come back are held to the tokens that they show then.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/auth/authentication.h"
#include "node/auth/edge_with_tokens.h"

namespace roomlog {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr absl::string_view kOk = R"("ok":true)";
constexpr absl::string_view kForbidden = R"("code":"forbidden")";

class AuthenticationRecoveryTest : public EdgeWithTokens {
 protected:
  AuthenticationRecoveryTest() { recovery_.emplace(); }

  static std::string Joins(absl::string_view rooms) {
    return absl::StrCat(R"(,"roomlog":{"join":[)", rooms, R"(],"history":[)",
                        rooms, "]}");
  }
  void Join(FakeSocket& wire, absl::string_view room,
            absl::string_view options = "{}") {
    EXPECT_THAT(
        Ask(wire, absl::StrCat(R"(["join",")", room, R"(",)", options, "]")),
        HasSubstr(kOk));
  }
  void Publish(FakeSocket& wire, absl::string_view room, int number) {
    EXPECT_THAT(Ask(wire, absl::StrCat(R"(["publish",")", room, R"(","m",)",
                                       number, "]")),
                HasSubstr(kOk));
  }
  void Cut(FakeSocket& wire) {
    loop_->OnDisconnect(wire, "transport close");
    Settle();
  }
};

TEST_F(AuthenticationRecoveryTest, GivesBackASessionToItsUser) {
  Start("all=*");
  FakeSocket& first = Connect(TokenOf("ann"));
  FakeSocket& ben = Connect(TokenOf("ben"));
  Join(first, "lobby");
  Cut(first);
  Publish(ben, "lobby", 1);
  FakeSocket& second = ComeBack(TokenOf("ann"), first);
  EXPECT_EQ(second.id(), first.id());
  EXPECT_THAT(second.before_connect(), ElementsAre(HasSubstr(R"(["m",1,)")));
}

TEST_F(AuthenticationRecoveryTest, GivesNobodyElsesSessionBack) {
  Start("all=*");
  for (const bool is_there : {true, false}) {
    SCOPED_TRACE(is_there);
    FakeSocket& ann = Connect(TokenOf("ann"));
    FakeSocket& ben = Connect(TokenOf("ben"));
    Join(ann, "lobby");
    if (!is_there) Cut(ann);
    Publish(ben, "lobby", 1);
    FakeSocket& bob = ComeBack(TokenOf("bob"), ann);
    EXPECT_TRUE(bob.accepted());
    EXPECT_NE(bob.id(), ann.id());
    EXPECT_NE(bob.private_id(), ann.private_id());
    EXPECT_THAT(bob.before_connect(), IsEmpty());
    EXPECT_THAT(bob.TakeSent(), ElementsAre(AllOf(HasSubstr("roomlog:gap"),
                                                  HasSubstr("expired"))));
    EXPECT_FALSE(ann.disconnected());
    EXPECT_FALSE(ann.is_cut_off());
    for (const std::string& token :
         {std::string("x"), TokenOf("ann", "", 0),
          SigningKey(SignatureAlgorithm::kHs256)
              .Token(R"({"sub":"ann","exp":9e9})")}) {
      FakeSocket& nobody = ComeBack(token, ann);
      EXPECT_FALSE(nobody.accepted());
      EXPECT_FALSE(nobody.is_cut_off());
      EXPECT_THAT(nobody.refusal(), HasSubstr("token_"));
      EXPECT_FALSE(ann.disconnected());
    }
    if (is_there) Cut(ann);
    EXPECT_EQ(ComeBack(TokenOf("ann"), ann).id(), ann.id());
  }
}

TEST_F(AuthenticationRecoveryTest, HoldsWhoComesBackToWhatIsGrantedNow) {
  Start("publish=*");
  FakeSocket& first = Connect(TokenOf("ann", Joins(R"("open","secret")")));
  FakeSocket& ben = Connect(TokenOf("ben"));
  Join(first, "open");
  Join(first, "secret");
  Cut(first);
  Publish(ben, "secret", 1);
  Publish(ben, "open", 2);
  FakeSocket& second = ComeBack(TokenOf("ann", Joins(R"("open")")), first);
  EXPECT_EQ(second.id(), first.id());
  EXPECT_THAT(second.before_connect(), ElementsAre(HasSubstr(R"(["m",2,)")));
  EXPECT_THAT(second.TakeSent(),
              Contains(AllOf(HasSubstr("roomlog:left"), HasSubstr(kForbidden),
                             HasSubstr(R"("rooms":["secret"])"))));
  Publish(ben, "secret", 3);
  Publish(ben, "open", 4);
  EXPECT_THAT(second.TakeSent(), ElementsAre(HasSubstr(R"(["m",4,)")));
  EXPECT_THAT(Ask(second, R"(["join","secret"])"), HasSubstr(kForbidden));

  // For good, whatever is granted later.
  Cut(second);
  Publish(ben, "secret", 5);
  FakeSocket& third =
      ComeBack(TokenOf("ann", Joins(R"("open","secret")")), second);
  EXPECT_EQ(third.id(), first.id());
  EXPECT_THAT(third.before_connect(), Each(Not(HasSubstr(R"(["m",5,)"))));
}

TEST_F(AuthenticationRecoveryTest, WhoMayNotReadHistoryGetsNoneThatWasOwed) {
  Start("publish=*");
  const std::string joins = R"(,"roomlog":{"join":["a","b"])";
  FakeSocket& ben = Connect(TokenOf("ben"));
  Publish(ben, "a", 1);
  FakeSocket& first =
      Connect(TokenOf("ann", absl::StrCat(joins, R"(,"history":["a"]})")));
  Join(first, "a", R"({"last":1})");
  Join(first, "b");
  Cut(first);
  FakeSocket& second =
      ComeBack(TokenOf("ann", absl::StrCat(joins, "}")), first);
  EXPECT_EQ(second.id(), first.id());
  EXPECT_THAT(second.before_connect(), IsEmpty());
  EXPECT_THAT(second.TakeSent(), Contains(HasSubstr(R"("rooms":["a"])")));
}

TEST_F(AuthenticationRecoveryTest, LeavesRoomsToProgramsThatWantIt) {
  AuthenticationOptions options;
  options.keeps_rooms_to_grants = false;
  options.grants = *Grants::Parse("publish=*");
  EdgeWithTokens::Start(std::move(options));
  FakeSocket& first = Connect(TokenOf("ann", Joins(R"("room")")));
  FakeSocket& ben = Connect(TokenOf("ben"));
  Join(first, "room");
  Cut(first);
  Publish(ben, "room", 1);
  FakeSocket& second = ComeBack(TokenOf("ann"), first);
  EXPECT_THAT(second.before_connect(), ElementsAre(HasSubstr(R"(["m",1,)")));
}

// Whether or not the program's middlewares are run again.
TEST_F(AuthenticationRecoveryTest, IsNotSkippedWithMiddlewares) {
  recovery_->skip_middlewares = true;
  Start("");
  FakeSocket& first = Connect(TokenOf("ann", Joins(R"("room")")));
  Join(first, "room");
  Cut(first);
  EXPECT_THAT(ComeBack("x", first).refusal(), HasSubstr("token_invalid"));
  FakeSocket& second = ComeBack(TokenOf("ann"), first);
  EXPECT_EQ(second.id(), first.id());
  EXPECT_THAT(Ask(second, R"(["join","room"])"), HasSubstr(kForbidden));
}

TEST_F(AuthenticationRecoveryTest, ClosesWhoHasComeBackWhenTheNewTokenEnds) {
  Start("all=*");
  FakeSocket& first = Connect(TokenOf("ann", "", 1000));
  Cut(first);
  FakeSocket& second = ComeBack(TokenOf("ann", "", 50), first);
  EXPECT_EQ(second.id(), first.id());
  Pass(absl::Seconds(49));
  EXPECT_FALSE(second.disconnected());
  second.TakeSent();
  Pass(absl::Seconds(1));
  EXPECT_THAT(second.TakeSent(),
              ElementsAre(AllOf(HasSubstr("roomlog:closed"),
                                HasSubstr("token_expired"))));
  EXPECT_TRUE(second.disconnected());
  // Its session is over with it.
  loop_->OnDisconnect(second, "server namespace disconnect");
  Settle();
  EXPECT_NE(ComeBack(TokenOf("ann"), second).id(), first.id());
}

TEST_F(AuthenticationRecoveryTest, KeepsWhoHasComeBackAndRenews) {
  Start("all=*");
  FakeSocket& first = Connect(TokenOf("ann", "", 50));
  Cut(first);
  FakeSocket& second = ComeBack(TokenOf("ann", "", 50), first);
  EXPECT_THAT(Renew(second, TokenOf("ann", "", 90)), HasSubstr(kOk));
  Pass(absl::Seconds(60));
  Pass(absl::Seconds(29));
  EXPECT_FALSE(second.disconnected());
  Pass(absl::Seconds(1));
  EXPECT_TRUE(second.disconnected());
}

// A token that ended while the client was away is of no use for coming back;
// the session waits for a newer one.
TEST_F(AuthenticationRecoveryTest, ATokenThatHasEndedBringsNobodyBack) {
  Start("all=*");
  const std::string token = TokenOf("ann", "", 10);
  FakeSocket& first = Connect(token);
  Cut(first);
  Pass(absl::Seconds(10));
  EXPECT_THAT(ComeBack(token, first).refusal(), HasSubstr("token_expired"));
  EXPECT_EQ(ComeBack(TokenOf("ann"), first).id(), first.id());
}

// The connection before may not have been found to be dead.
TEST_F(AuthenticationRecoveryTest, WhoComesBackTakesNoSecondPlace) {
  AuthenticationOptions options;
  options.grants = *Grants::Parse("all=*");
  options.users.sockets_max = 1;
  options.users.rooms_max = 2;
  EdgeWithTokens::Start(std::move(options));
  FakeSocket* ann = &Connect(TokenOf("ann"));
  Join(*ann, "a");
  for (int i = 0; i < 3; ++i) {
    FakeSocket& next = ComeBack(TokenOf("ann"), *ann);
    EXPECT_EQ(next.refusal(), "");
    ASSERT_EQ(next.id(), ann->id());
    ann = &next;
  }
  Join(*ann, "b");
  EXPECT_THAT(Ask(*ann, R"(["join","c"])"), HasSubstr(R"("code":"limit")"));
  EXPECT_THAT(Connect(TokenOf("ann")).refusal(), HasSubstr("limit"));
}

// More was said than is kept, or sent again.
TEST_F(AuthenticationRecoveryTest, NorDoesWhoMustBeginAnew) {
  AuthenticationOptions options;
  options.grants = *Grants::Parse("all=*");
  options.users.sockets_max = 1;
  EdgeWithTokens::Start(std::move(options));
  FakeSocket& first = Connect(TokenOf("ann"));
  FakeSocket& ben = Connect(TokenOf("ben"));
  Join(first, "lobby");
  Cut(first);
  for (size_t i = 0; i <= kRecoveryEventsMax; ++i) {
    Publish(ben, "lobby", static_cast<int>(i));
  }
  FakeSocket& second = ComeBack(TokenOf("ann"), first);
  EXPECT_EQ(second.refusal(), "");
  EXPECT_TRUE(second.accepted());
  EXPECT_NE(second.id(), first.id());
  EXPECT_THAT(second.TakeSent(),
              ElementsAre(AllOf(HasSubstr("roomlog:gap"), HasSubstr("lobby"))));
}

}  // namespace
}  // namespace roomlog
