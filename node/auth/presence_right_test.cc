// Who may be told who is in a room.
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/auth/edge_with_tokens.h"

namespace roomlog {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr absl::string_view kOk = R"("ok":true)";
constexpr absl::string_view kForbidden = R"("code":"forbidden")";
constexpr absl::string_view kLimit = R"("code":"limit")";
constexpr absl::string_view kWatch = R"(,{"watch":true})";

class PresenceRightTest : public EdgeWithTokens {
 protected:
  PresenceRightTest() { recovery_.emplace(); }

  std::string Presence(FakeSocket& wire, absl::string_view room,
                       absl::string_view options = "") {
    return Ask(wire,
               absl::StrCat(R"(["presence",")", room, "\"", options, "]"));
  }
};

TEST_F(PresenceRightTest, NobodyIsToldWithoutTheRight) {
  Start("join,publish,history=*;presence=open");
  FakeSocket& ann = Connect(TokenOf("ann"));
  for (const absl::string_view options :
       {absl::string_view(""), absl::string_view(R"(,{"list":"users"})"),
        kWatch, absl::string_view(R"(,{"watch":false})")}) {
    EXPECT_THAT(Presence(ann, "secret", options), HasSubstr(kForbidden));
    EXPECT_THAT(Presence(ann, "", options), HasSubstr(kForbidden));
  }
  EXPECT_THAT(Presence(ann, "open"), HasSubstr(kOk));
  // It may watch; only, nobody keeps a feed here.
  EXPECT_THAT(Presence(ann, "open", kWatch), HasSubstr("bad_room"));
}

TEST_F(PresenceRightTest, TheRightIsThatOfTheToken) {
  Start("");
  FakeSocket& ann = Connect(TokenOf("ann", R"(,"roomlog":{"presence":["*"]})"));
  EXPECT_THAT(Presence(ann, "lobby"), HasSubstr(kOk));
  EXPECT_THAT(Presence(ann, ""), HasSubstr(kOk));
  EXPECT_THAT(Presence(Connect(TokenOf("bob")), "lobby"),
              HasSubstr(kForbidden));
}

TEST_F(PresenceRightTest, ANewerTokenThatGrantsLessEndsTheWatch) {
  Start("join=*");
  FakeSocket& ann =
      Connect(TokenOf("ann", R"(,"roomlog":{"presence":["a","b"]})"));
  for (const absl::string_view room : {"a", "b"}) latest_->WatchPresence(room);
  Settle();
  EXPECT_THAT(
      Renew(ann, TokenOf("ann", R"(,"roomlog":{"presence":["b","c"]})")),
      HasSubstr(R"("left":[],"unwatched":["a"])"));
  EXPECT_THAT(latest_->WatchedRooms(), ElementsAre("b"));
}

TEST_F(PresenceRightTest, AndOneThatComesWhileTheBrokerIsAskedForbidsIt) {
  Start("");
  FakeSocket& ann = Connect(TokenOf("ann", R"(,"roomlog":{"presence":["a"]})"));
  const std::string watch = R"(["presence","a",{"watch":true}])";
  loop_->OnEvent(ann, {.name = "presence", .arguments = watch, .ack_id = 8});
  const std::string renew =
      absl::StrCat(R"(["auth:renew",{"token":")", TokenOf("ann"), R"("}])");
  loop_->OnEvent(ann, {.name = "auth:renew", .arguments = renew, .ack_id = 9});
  Settle();
  EXPECT_THAT(ann.TakeSent(),
              Contains(AllOf(StartsWith("8["), HasSubstr(kForbidden))));
}

TEST_F(PresenceRightTest, WhoComesBackWatchesWhatIsGrantedNow) {
  Start("");
  const std::string both = R"(,"roomlog":{"presence":["a","b"]})";
  FakeSocket& first = Connect(TokenOf("ann", both));
  for (const absl::string_view room : {"a", "b"}) latest_->WatchPresence(room);
  Settle();
  loop_->OnDisconnect(first, "transport close");
  Settle();
  FakeSocket& second =
      ComeBack(TokenOf("ann", R"(,"roomlog":{"presence":["b"]})"), first);
  EXPECT_EQ(second.id(), first.id());
  EXPECT_THAT(latest_->WatchedRooms(), ElementsAre("b"));
  EXPECT_THAT(second.TakeSent(),
              Contains(AllOf(HasSubstr("roomlog:left"),
                             HasSubstr(R"("rooms":[],"unwatched":["a"])"))));
}

TEST_F(PresenceRightTest, AWatchedRoomCountsAsARoom) {
  AuthenticationOptions options;
  options.grants = *Grants::Parse("all=*");
  Start(std::move(options), {.rooms_max = 2});
  FakeSocket& ann = Connect(TokenOf("ann"));
  for (const absl::string_view room : {"a", "b"}) latest_->WatchPresence(room);
  Settle();
  EXPECT_THAT(Ask(ann, R"(["join","a"])"), HasSubstr(kLimit));
  EXPECT_THAT(Presence(ann, "c", kWatch), HasSubstr(kLimit));
  EXPECT_THAT(Presence(ann, "b", kWatch), Not(HasSubstr(kLimit)));
  EXPECT_THAT(Presence(ann, "b", R"(,{"watch":false})"), HasSubstr(kOk));
  EXPECT_THAT(Ask(ann, R"(["join","a"])"), HasSubstr(kOk));
}

TEST_F(PresenceRightTest, TheUserIsTheOneOfTheToken) {
  Start("join,presence=*");
  FakeSocket& ann = Connect(TokenOf("ann"));
  EXPECT_THAT(Ask(ann, R"(["join","lobby"])"), HasSubstr(kOk));
  EXPECT_THAT(Presence(ann, "lobby", R"(,{"list":"users"})"),
              HasSubstr(R"({"user":"ann","sockets":1,"away":false})"));
}

}  // namespace
}  // namespace roomlog
