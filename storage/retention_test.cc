#include "storage/retention.h"

#include <limits>

#include "base/limits.h"
#include "base/user_room.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::HasSubstr;

RoomKey Room(absl::string_view name_space, absl::string_view room) {
  return RoomKey::Make(name_space, room).value();
}

TEST(RetentionRulesTest, ReadsEachBound) {
  const struct {
    const char* bounds;
    Retention want;
  } cases[] = {
      {"age:24h", {.age_max = absl::Hours(24)}},
      {"age:1h30m", {.age_max = absl::Minutes(90)}},
      {"age:7d", {.age_max = absl::Hours(7 * 24)}},
      {"age:0.5d", {.age_max = absl::Hours(12)}},
      {"age:inf", {.age_max = absl::InfiniteDuration()}},
      {"events:1000", {.events_max = 1000}},
      {"bytes:4096", {.bytes_max = 4096}},
      {"bytes:3KiB", {.bytes_max = 3 << 10}},
      {"bytes:64MiB", {.bytes_max = 64 << 20}},
      {"bytes:2GiB", {.bytes_max = uint64_t{2} << 30}},
      {"bytes:1TiB", {.bytes_max = uint64_t{1} << 40}},
      {"bytes:64MiB,age:2s,events:9",
       {.age_max = absl::Seconds(2), .events_max = 9, .bytes_max = 64 << 20}},
  };
  for (const auto& [bounds, want] : cases) {
    const absl::StatusOr<RetentionRules> rules =
        RetentionRules::Parse({std::string("*=") + bounds});
    ASSERT_THAT(rules, IsOk()) << bounds;
    EXPECT_EQ(rules->For(Room("/", "a")), want) << bounds;
  }
}

TEST(RetentionRulesTest, MatchesNamespaceAndRoom) {
  const struct {
    const char* patterns;
    const char* name_space;
    const char* room;
    bool matches;
  } cases[] = {
      {"*", "/chat", "any", true},
      {"*:*", "/", "", true},
      {"/chat:room-*", "/chat", "room-", true},
      {"/chat:room-*", "/chat", "room-7", true},
      {"/chat:room-*", "/chat", "a room-7", false},
      {"/chat:room-*", "/chats", "room-7", false},
      {"/:", "/", "", true},
      {"/:", "/", "a", false},
      {"/:?", "/", "a", true},
      {"/:?", "/", "", false},
      {"/:??", "/", "é", true},  // Bytes, not characters.
      {"/:*-*-x", "/", "a-b-c-x", true},
      {"/:*-*-x", "/", "a-x", false},
      {"/:*a*b", "/", "xaxbxab", true},
      {"/:*?", "/", "abc", true},
      {"/:a:b=c", "/", "a:b=c", true},  // Only the first : and last = divide.
      {"/:a*b", "/", "a*b", true},
      {"/:a*b", "/", "a*c", false},
      {"/:*", "/", "*x*", true},
  };
  for (const auto& [patterns, name_space, room, matches] : cases) {
    const absl::StatusOr<RetentionRules> rules =
        RetentionRules::Parse({std::string(patterns) + "=events:7"});
    ASSERT_THAT(rules, IsOk()) << patterns;
    EXPECT_EQ(rules->For(Room(name_space, room)).events_max == 7, matches)
        << patterns << " on " << name_space << " " << room;
  }
}

TEST(RetentionRulesTest, TheFirstThatMatchesCounts) {
  const absl::StatusOr<RetentionRules> rules =
      RetentionRules::Parse({"/:vip=events:1", "/:*=events:2", "*=events:3"});
  ASSERT_THAT(rules, IsOk());
  EXPECT_EQ(rules->For(Room("/", "vip")).events_max, 1u);
  EXPECT_EQ(rules->For(Room("/", "other")).events_max, 2u);
  EXPECT_EQ(rules->For(Room("/x", "vip")).events_max, 3u);
  EXPECT_EQ(RetentionRules().For(Room("/", "vip")), Retention());
}

TEST(RetentionRulesTest, HostilePatternsTakeNoTimeToSpeakOf) {
  std::string pattern = "/:";
  for (int i = 0; i < 100; ++i) pattern += "*a";
  const absl::StatusOr<RetentionRules> rules =
      RetentionRules::Parse({pattern + "b=events:7"});
  ASSERT_THAT(rules, IsOk());
  EXPECT_NE(rules->For(Room("/", std::string(255, 'a'))).events_max, 7u);
}

TEST(RetentionRulesTest, RefusesWhatIsNotARuleAndSaysWhy) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "no \"=\""},
      {"/:room", "no \"=\""},
      {"room=events:1", "not namespace:room"},
      {":room=events:1", "empty name"},
      {"*=", "none of"},
      {"*=events", "none of"},
      {"*=size:1", "none of"},
      {"*=events:1,", "none of"},
      {"*=events:", "not a number"},
      {"*=events:-1", "not a number"},
      {"*=events:+1", "not a number"},
      {"*=events: 1", "not a number"},
      {"*=events:1k", "not a number"},
      {"*=events:18446744073709551616", "not a number"},
      {"*=events:0", "keeps nothing"},
      {"*=bytes:0", "keeps nothing"},
      {"*=bytes:1MB", "not a number"},
      {"*=bytes:16777216TiB", "64 bits"},
      {"*=age:", "not a duration"},
      {"*=age:7", "not a duration"},
      {"*=age:d", "not a duration"},
      {"*=age:nand", "not a duration"},
      {"*=age:infd", "not a duration"},
      {"*=age:0s", "keeps nothing"},
      {"*=age:-1h", "keeps nothing"},
      {"*=age:1us", "keeps nothing"},
  };
  for (const auto& [rule, why] : cases) {
    const absl::StatusOr<RetentionRules> rules = RetentionRules::Parse({rule});
    EXPECT_THAT(rules, StatusIs(absl::StatusCode::kInvalidArgument)) << rule;
    EXPECT_THAT(std::string(rules.status().message()), HasSubstr(why)) << rule;
    EXPECT_THAT(std::string(rules.status().message()), HasSubstr(rule));
  }
}

TEST(RetentionTest, WhatIsKeptOfAUserNeverGrowsTooOld) {
  const RetentionRules rules = RetentionRules::Parse({"*=age:1h"}).value();
  const Retention& user =
      rules.For(RoomKey::Make("/", UserRoomOf("ann")).value());
  EXPECT_EQ(user.age_max, absl::InfiniteDuration());
  EXPECT_EQ(user.events_max, kUserEventsKept);
}

TEST(RetentionTest, IsExceededPastAnEighthOrSixtyFourEvents) {
  const Retention many = {.events_max = 8000, .bytes_max = 8'000'000};
  EXPECT_FALSE(many.Exceeded(9000, 9000));
  EXPECT_TRUE(many.Exceeded(9001, 9001));
  EXPECT_FALSE(many.Exceeded(8000, 9'000'000));
  EXPECT_TRUE(many.Exceeded(8000, 9'000'001));
  const Retention few = {.events_max = 10, .bytes_max = 1000};
  EXPECT_FALSE(few.Exceeded(74, 74));
  EXPECT_TRUE(few.Exceeded(75, 75));
  EXPECT_FALSE(few.Exceeded(10, 1000));
  EXPECT_FALSE(Retention{.bytes_max = 1}.Exceeded(64, 6400));
  EXPECT_TRUE(Retention{.bytes_max = 1}.Exceeded(66, 6600));
  EXPECT_FALSE(few.Exceeded(0, 0));
}

TEST(RetentionTest, AgesDoNotOverflow) {
  constexpr int64_t kLow = std::numeric_limits<int64_t>::min();
  constexpr int64_t kHigh = std::numeric_limits<int64_t>::max();
  const Retention forever = {.age_max = absl::InfiniteDuration()};
  EXPECT_FALSE(forever.Outlived(kLow, 0));
  EXPECT_LE(forever.ExpiredBefore(0), -kHigh);
  const Retention day = {.age_max = absl::Hours(24)};
  EXPECT_EQ(day.ExpiredBefore(86'400'001), 1);
  EXPECT_EQ(day.ExpiredBefore(kLow), kLow);
  EXPECT_FALSE(day.Outlived(1, 86'400'001 + 10'800'000));
  EXPECT_TRUE(day.Outlived(0, 86'400'001 + 10'800'000));
}

}  // namespace
}  // namespace roomlog
