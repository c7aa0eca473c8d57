#include "sessions/last_seen.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

MemberChange Change(std::string user, std::vector<std::string> joined,
                    std::vector<std::string> left) {
  MemberChange change;
  change.name_space = "/";
  change.user = std::move(user);
  change.joined = std::move(joined);
  change.left = std::move(left);
  return change;
}

class LastSeenTest : public ::testing::Test {
 protected:
  void Apply(const MemberChange& change, int64_t now_ms) {
    rows_.clear();
    seen_.Apply(change, now_ms, &rows_);
  }
  void Come(std::string user) {
    Apply(Change(std::move(user), {"", "hall"}, {}), 1);
    seen_.Written();
  }
  void Go(std::string user, int64_t now_ms) {
    Apply(Change(std::move(user), {}, {"", "hall"}), now_ms);
    seen_.Written();
  }
  std::optional<int64_t> Of(absl::string_view user) const {
    return seen_.Of("/", user);
  }
  static StateChange Row(absl::string_view user,
                         std::optional<std::string> value) {
    return {LastSeen::RowKey("/", user), std::move(value)};
  }

  LastSeen seen_{2};
  std::vector<StateChange> rows_;
};

TEST_F(LastSeenTest, IsWhenTheLastSocketLeftTheNamespace) {
  EXPECT_EQ(Of("ann"), std::nullopt);
  Come("ann");
  Come("ann");
  EXPECT_EQ(Of("ann"), std::nullopt);
  Go("ann", 50);
  EXPECT_THAT(rows_, IsEmpty());
  EXPECT_EQ(Of("ann"), std::nullopt);
  Go("ann", 60);
  EXPECT_THAT(rows_, ElementsAre(Row("ann", "60")));
  EXPECT_THAT(Of("ann"), Optional(60));
  EXPECT_EQ(seen_.Of("/other", "ann"), std::nullopt);
  Come("ann");
  EXPECT_EQ(Of("ann"), std::nullopt);
}

TEST_F(LastSeenTest, ARoomIsNotTheNamespaceAndNobodyNoUser) {
  Come("ann");
  Apply(Change("ann", {}, {"hall"}), 70);
  Apply(Change("", {}, {"", "hall"}), 70);
  EXPECT_THAT(rows_, IsEmpty());
  EXPECT_EQ(Of("ann"), std::nullopt);
}

TEST_F(LastSeenTest, ForgetsWhoIsAwayForLongest) {
  for (const char* user : {"ann", "bob", "cas"}) Come(user);
  Go("bob", 50);
  Go("ann", 60);
  Go("cas", 70);
  EXPECT_THAT(rows_, ElementsAre(Row("cas", "70"), Row("bob", std::nullopt)));
  EXPECT_EQ(Of("bob"), std::nullopt);
  EXPECT_THAT(Of("ann"), Optional(60));
  EXPECT_THAT(Of("cas"), Optional(70));
}

TEST_F(LastSeenTest, TakesBackWhatWasNotWritten) {
  for (const char* user : {"ann", "bob", "cas"}) Come(user);
  Go("bob", 50);
  Go("ann", 60);
  Apply(Change("cas", {}, {""}), 70);
  Apply(Change("ann", {""}, {}), 71);
  seen_.Undo();
  EXPECT_THAT(Of("bob"), Optional(50));
  EXPECT_THAT(Of("ann"), Optional(60));
  EXPECT_EQ(Of("cas"), std::nullopt);
  Go("cas", 80);
  EXPECT_THAT(Of("cas"), Optional(80));
}

TEST_F(LastSeenTest, IsLoadedFromItsRowsAndFromWhoIsThere) {
  Come("ann");
  Go("ann", 50);
  Come("bob");
  Go("bob", 60);
  LastSeen loaded(2);
  seen_.ForEachRow([&](const StateChange& row) {
    EXPECT_TRUE(LastSeen::IsRow(row.key));
    EXPECT_THAT(loaded.Load(row.key, *row.value), IsOk());
  });
  loaded.LoadMember(Change("bob", {""}, {}));
  EXPECT_THAT(loaded.Of("/", "ann"), Optional(50));
  EXPECT_EQ(loaded.Of("/", "bob"), std::nullopt);
  loaded.Apply(Change("bob", {}, {""}), 90, &rows_);
  EXPECT_THAT(loaded.Of("/", "bob"), Optional(90));
}

TEST_F(LastSeenTest, RefusesRowsThatAreNone) {
  const std::string key = LastSeen::RowKey("/", "ann");
  for (const char* value : {"", "x", "0", "-1", "99999999999999999999"}) {
    EXPECT_THAT(seen_.Load(key, value), StatusIs(absl::StatusCode::kDataLoss));
  }
  EXPECT_THAT(seen_.Load("x/", "5"), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace roomlog
