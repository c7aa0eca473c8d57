#include "sessions/presence_feed.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

MemberChange Change(std::string socket, std::string user,
                    std::vector<std::string> joined,
                    std::vector<std::string> left = {}) {
  MemberChange change;
  change.name_space = "/";
  change.socket_id = std::move(socket);
  change.user = std::move(user);
  change.joined = std::move(joined);
  change.left = std::move(left);
  return change;
}

class PresenceFeedTest : public ::testing::Test {
 protected:
  // "<room>: <packet>", with NUL as |.
  std::vector<std::string> Apply(const MemberChange& change) {
    std::vector<PresenceFeed::Event> events;
    feed_.Apply(change, &events);
    std::vector<std::string> words;
    for (const PresenceFeed::Event& event : events) {
      words.push_back(absl::StrCat(
          absl::StrReplaceAll(event.room, {{std::string(1, 0), "|"}}), " ",
          event.packet));
    }
    return words;
  }
  static std::string Told(absl::string_view change, absl::string_view socket,
                          absl::string_view user, absl::string_view edge,
                          int sockets, int users) {
    return absl::StrCat(
        "/|$roomlog/presence/lobby 2[\"roomlog:presence\",{\"room\":\"lobby\","
        "\"change\":\"",
        change, "\",\"socket\":\"", socket, "\",\"user\":", user, ",", edge,
        ",\"sockets\":", sockets, ",\"users\":", users, "}]");
  }

  PresenceFeed feed_{*PresenceRules::Parse({"/:lobby", "/:"})};
};

TEST_F(PresenceFeedTest, TellsEachSocketAndWhichIsItsUsersFirstAndLast) {
  EXPECT_THAT(
      Apply(Change("s1", "ann", {"hall", "lobby"})),
      ElementsAre(Told("join", "s1", R"("ann")", R"("first":true)", 1, 1)));
  EXPECT_THAT(
      Apply(Change("s2", "ann", {"lobby"})),
      ElementsAre(Told("join", "s2", R"("ann")", R"("first":false)", 2, 1)));
  EXPECT_THAT(
      Apply(Change("s3", "", {"lobby"})),
      ElementsAre(Told("join", "s3", "null", R"("first":false)", 3, 1)));
  EXPECT_THAT(
      Apply(Change("s1", "ann", {}, {"lobby"})),
      ElementsAre(Told("leave", "s1", R"("ann")", R"("last":false)", 2, 1)));
  EXPECT_THAT(
      Apply(Change("s2", "ann", {}, {"lobby"})),
      ElementsAre(Told("leave", "s2", R"("ann")", R"("last":true)", 1, 0)));
  EXPECT_THAT(
      Apply(Change("s3", "", {}, {"hall", "lobby"})),
      ElementsAre(Told("leave", "s3", "null", R"("last":false)", 0, 0)));
}

TEST_F(PresenceFeedTest, WhatWasNotWrittenWasNotTold) {
  Apply(Change("s1", "ann", {"lobby"}));
  feed_.Written();
  Apply(Change("s1", "ann", {}, {"lobby"}));
  Apply(Change("s2", "bob", {"lobby"}));
  feed_.Undo();
  EXPECT_THAT(
      Apply(Change("s3", "ann", {"lobby"})),
      ElementsAre(Told("join", "s3", R"("ann")", R"("first":false)", 2, 1)));
}

TEST_F(PresenceFeedTest, WhoWasThereInAnEarlierLifeIsCounted) {
  feed_.Load(Change("s1", "ann", {"lobby"}));
  feed_.Undo();
  EXPECT_THAT(
      Apply(Change("s1", "ann", {}, {"lobby"})),
      ElementsAre(Told("leave", "s1", R"("ann")", R"("last":true)", 0, 0)));
}

TEST_F(PresenceFeedTest, NamesAreQuotedAndNamespacesNamed) {
  PresenceFeed feed(*PresenceRules::Parse({"/ch*:*"}));
  MemberChange change = Change("s1", "a\"\n\\", {"r\""});
  change.name_space = "/chat";
  std::vector<PresenceFeed::Event> events;
  feed.Apply(change, &events);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].packet,
            R"(2/chat,["roomlog:presence",{"room":"r\"","change":"join",)"
            R"("socket":"s1","user":"a\"\u000a\\","first":true,)"
            R"("sockets":1,"users":1}])");
}

TEST(PresenceRulesTest, SaysWhichRoomsHaveAFeed) {
  const PresenceRules rules =
      *PresenceRules::Parse({"/:lobby", "/chat:room-*", "/all:*"});
  struct Case {
    const char* name_space;
    std::string room;
    bool has_feed;
  };
  const std::vector<Case> cases = {
      {"/", "lobby", true},
      {"/", "lobby2", false},
      {"/", "", false},
      {"/chat", "room-7", true},
      {"/chat", "lobby", false},
      {"/all", "", true},
      {"/all", "anything", true},
      {"/all", "$roomlog/presence/x", false},
      {"/all", std::string(237, 'x'), true},
      {"/all", std::string(238, 'x'), false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(rules.HasFeed(c.name_space, c.room), c.has_feed)
        << c.name_space << " " << c.room;
  }
  EXPECT_TRUE(PresenceRules::Parse({"*"})->HasFeed("/x", "y"));
  EXPECT_FALSE(PresenceRules().HasFeed("/", "lobby"));
  for (const char* const wrong : {"", "lobby", ":lobby"}) {
    EXPECT_THAT(PresenceRules::Parse({wrong}),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << wrong;
  }
}

}  // namespace
}  // namespace roomlog
