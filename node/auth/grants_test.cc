#include "node/auth/grants.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/auth/auth_limits.h"
#include "node/auth/permissions.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

TEST(RoomPatternTest, SpeaksOfTheRoomsThatItFits) {
  struct Case {
    absl::string_view pattern, name_space, room, user;
    bool fits;
  };
  for (const Case& c : std::vector<Case>{
           {"lobby", "/", "lobby", "ann", true},
           {"lobby", "/", "lobby2", "ann", false},
           {"lobby", "/", "Lobby", "ann", false},
           {"lobby", "/chat", "lobby", "ann", false},
           {"chat/*", "/", "chat/1", "ann", true},
           {"chat/*", "/", "chat/", "ann", true},
           {"chat/*", "/", "chat", "ann", false},
           {"chat/*", "/", "xchat/1", "ann", false},
           {"*", "/", "anything at all", "ann", true},
           {"*", "/chat", "anything at all", "ann", false},
           {"*-*-x", "/", "a-b-c-x", "ann", true},
           {"*-*-x", "/", "a-x", "ann", false},
           {"/chat:*", "/chat", "lobby", "ann", true},
           {"/chat:*", "/", "lobby", "ann", false},
           {"/*:lobby", "/chat", "lobby", "ann", true},
           {"/*:lobby", "/", "lobby", "ann", true},
           {"/:/a:b", "/", "/a:b", "ann", true},
           {"a:b", "/", "a:b", "ann", true},
           {"/a", "/", "/a", "ann", true},
           {"user/{sub}", "/", "user/ann", "ann", true},
           {"user/{sub}", "/", "user/bob", "ann", false},
           {"user/{sub}", "/", "user/", "", false},
           {"user/{sub}/*", "/", "user/ann/x", "ann", true},
           {"{sub}", "/", "ann", "ann", true},
           {"{sub}-{sub}", "/", "ann-ann", "ann", true},
           // A user's name is a name, not a pattern.
           {"user/{sub}", "/", "user/ann", "*", false},
           {"user/{sub}", "/", "user/*", "*", true},
           {"user/{sub}", "/", "user/ann", "{sub}", false},
           // Nobody is given a name that would open another one's rooms.
           {"user/{sub}/*", "/", "user/ann/x/y", "ann/x", false},
           {"u-{sub}/*", "/", "u-ann/x/y", "ann/x", false},
           {"*/{sub}", "/", "a/x/ann", "x/ann", false},
           {"dm:{sub}:*", "/", "dm:ann:bob", "ann", true},
           {"dm:{sub}:*", "/", "dm:ann:bob:x", "ann:bob", false},
       }) {
    const absl::StatusOr<RoomPattern> pattern = RoomPattern::Parse(c.pattern);
    ASSERT_THAT(pattern, IsOk()) << c.pattern;
    EXPECT_EQ(pattern->Matches(c.name_space, c.room, c.user), c.fits)
        << c.pattern << " " << c.name_space << ":" << c.room << " " << c.user;
  }
}

TEST(RoomPatternTest, RefusesWhatIsNoPattern) {
  const std::string too_long(kRoomPatternBytesMax + 1, 'a');
  for (const absl::string_view text :
       {absl::string_view(""), absl::string_view("a\0b", 3),
        absl::string_view(too_long), absl::string_view("/chat:"),
        absl::string_view("{user}"), absl::string_view("{sub"),
        absl::string_view("sub}"), absl::string_view("{sub}*"),
        absl::string_view("*{sub}"), absl::string_view("{sub}{sub}"),
        absl::string_view("/{sub}:*")}) {
    EXPECT_THAT(RoomPattern::Parse(text), StatusIs(kInvalid)) << text;
  }
}

TEST(RoomPatternTest, TakesNoLongTimeHoweverItIsMade) {
  std::string stars;
  for (int i = 0; i < 100; ++i) stars += "*a";
  EXPECT_FALSE(
      RoomPattern::Parse(stars)->Matches("/", std::string(255, 'a') + "b", ""));
}

TEST(GrantsTest, ReadsTheConfiguration) {
  const absl::StatusOr<Grants> grants = Grants::Parse(
      " join, history = chat/* , lobby ; publish=user/{sub}/*;all=/own:{sub};");
  ASSERT_THAT(grants, IsOk());
  struct Case {
    Right right;
    absl::string_view name_space, room;
    bool allowed;
  };
  for (const Case& c : std::vector<Case>{
           {Right::kJoin, "/", "chat/1", true},
           {Right::kHistory, "/", "lobby", true},
           {Right::kPublish, "/", "lobby", false},
           {Right::kPresence, "/", "lobby", false},
           {Right::kPublish, "/", "user/ann/x", true},
           {Right::kPublish, "/", "user/bob/x", false},
           {Right::kJoin, "/own", "ann", true},
           {Right::kPresence, "/own", "ann", true},
           {Right::kPresence, "/own", "bob", false},
       }) {
    EXPECT_EQ(grants->Allow(c.right, c.name_space, c.room, "ann"), c.allowed)
        << NameOf(c.right) << " " << c.room;
  }
}

TEST(GrantsTest, GrantsNothingUnlessTold) {
  for (const Right right : kRights) {
    EXPECT_FALSE(Grants().Allow(right, "/", "lobby", "ann"));
    EXPECT_FALSE(Grants::Parse("")->Allow(right, "/", "lobby", "ann"));
  }
}

TEST(GrantsTest, RefusesWhatIsNoRule) {
  std::string many = "join=x";
  for (size_t i = 0; i < kRoomPatternsMax; ++i) many += ",x";
  for (const absl::string_view text :
       {"join", "jion=x", "=x", "join=", "join=x,,y", "join,=x",
        "join=x;publish", "join={user}", many.c_str()}) {
    EXPECT_THAT(Grants::Parse(text), StatusIs(kInvalid)) << text;
  }
}

TEST(PermissionsTest, AddWhatTheTokenGrantsToWhatTheConfigurationDoes) {
  const auto configured =
      std::make_shared<const Grants>(*Grants::Parse("join=user/{sub}"));
  const Permissions permissions("ann", configured,
                                *Grants::Parse("join=chat/*"));
  EXPECT_TRUE(permissions.May(Right::kJoin, "/", "user/ann"));
  EXPECT_TRUE(permissions.May(Right::kJoin, "/", "chat/1"));
  EXPECT_FALSE(permissions.May(Right::kJoin, "/", "user/bob"));
  EXPECT_FALSE(permissions.May(Right::kPublish, "/", "chat/1"));
}

}  // namespace
}  // namespace roomlog
