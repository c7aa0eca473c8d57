#include "users/user_expiries.h"

#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class UserExpiriesTest : public ::testing::Test {
 protected:
  void Set(const std::string& room, int64_t expires_ms) {
    expiries_.Set(room, expires_ms, &rows_);
  }
  std::string FirstDue(int64_t now_ms) {
    return expiries_.FirstDue(now_ms).value_or("none");
  }

  UserExpiries expiries_;
  std::vector<StateChange> rows_;
};

TEST_F(UserExpiriesTest, EndsWhatIsDueTheEarliestFirst) {
  Set("bob", 20);
  Set("ann", 10);
  EXPECT_EQ(FirstDue(9), "none");
  EXPECT_EQ(FirstDue(10), "ann");
  Set("ann", 0);
  EXPECT_EQ(FirstDue(15), "none");
  EXPECT_EQ(FirstDue(25), "bob");
}

TEST_F(UserExpiriesTest, ALaterTimeTakesThePlaceOfTheEarlier) {
  Set("ann", 10);
  Set("ann", 30);
  EXPECT_EQ(FirstDue(20), "none");
  EXPECT_EQ(FirstDue(30), "ann");
}

TEST_F(UserExpiriesTest, WritesARowForEachChangeAndReadsThemAgain) {
  Set("ann", 10);
  Set("ann", 10);
  Set("bob", 20);
  Set("ann", 0);
  EXPECT_THAT(rows_,
              ElementsAre(StateChange{"xann", "10"}, StateChange{"xbob", "20"},
                          StateChange{"xann", std::nullopt}));
  UserExpiries later;
  EXPECT_THAT(later.Load("xbob", "20"), IsOk());
  EXPECT_EQ(later.FirstDue(20), "bob");
}

TEST_F(UserExpiriesTest, WhatWasNotWrittenIsTakenBack) {
  Set("ann", 10);
  expiries_.Written();
  Set("ann", 20);
  Set("ann", 0);
  Set("bob", 5);
  expiries_.Undo();
  EXPECT_EQ(FirstDue(9), "none");
  EXPECT_EQ(FirstDue(10), "ann");
  EXPECT_EQ(expiries_.size(), 1u);
}

TEST_F(UserExpiriesTest, RefusesADamagedRow) {
  EXPECT_FALSE(expiries_.Load("xann", "soon").ok());
  EXPECT_FALSE(expiries_.Load("yann", "10").ok());
  EXPECT_FALSE(expiries_.FirstDue(100).has_value());
}

}  // namespace
}  // namespace roomlog
