#include "node/auth/user_table.h"

#include "gtest/gtest.h"

namespace roomlog {
namespace {

TEST(EventBucketTest, LetsABurstThroughAndThenTheRate) {
  EventBucket bucket({.per_second = 2, .burst = 3}, absl::Seconds(100));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(absl::Seconds(100)));
  EXPECT_FALSE(bucket.Take(absl::Seconds(100)));
  EXPECT_FALSE(bucket.Take(absl::Seconds(100.4)));
  EXPECT_TRUE(bucket.Take(absl::Seconds(100.5)));
  EXPECT_FALSE(bucket.Take(absl::Seconds(100.5)));
  // It holds no more than a burst, however long it was left alone.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(absl::Seconds(1000)));
  EXPECT_FALSE(bucket.Take(absl::Seconds(1000)));
}

TEST(EventBucketTest, WithoutARateLetsEverythingThrough) {
  EventBucket bucket(EventRate(), absl::ZeroDuration());
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(bucket.Take(absl::ZeroDuration()));
}

TEST(UserTableTest, BoundsTheSocketsOfEachUser) {
  UserTable users({.sockets_max = 2});
  auto a1 = users.Enter("ann", absl::ZeroDuration());
  auto a2 = users.Enter("ann", absl::ZeroDuration());
  EXPECT_EQ(users.Enter("ann", absl::ZeroDuration()), nullptr);
  EXPECT_NE(users.Enter("bob", absl::ZeroDuration()), nullptr);
  a1.reset();
  a1 = users.Enter("ann", absl::ZeroDuration());
  EXPECT_NE(a1, nullptr);
}

TEST(UserTableTest, ForgetsAUserWithTheLastSocket) {
  UserTable users({});
  auto a1 = users.Enter("ann", absl::ZeroDuration());
  auto a2 = users.Enter("ann", absl::ZeroDuration());
  EXPECT_EQ(users.size(), 1);
  a1.reset();
  EXPECT_EQ(users.size(), 1);
  a2.reset();
  EXPECT_EQ(users.size(), 0);
}

TEST(UserTableTest, CountsRoomsAndEventsOfAllSocketsTogether) {
  UserTable users({.events = {.per_second = 1, .burst = 2}, .rooms_max = 3});
  const auto a1 = users.Enter("ann", absl::ZeroDuration());
  auto a2 = users.Enter("ann", absl::ZeroDuration());
  EXPECT_TRUE(a1->TakeRoom());
  EXPECT_TRUE(a2->TakeRoom());
  EXPECT_TRUE(a2->TakeRoom());
  EXPECT_FALSE(a1->TakeRoom());
  a2->SetRooms(1);
  EXPECT_TRUE(a1->TakeRoom());
  EXPECT_FALSE(a1->TakeRoom());
  a2.reset();
  EXPECT_TRUE(a1->TakeRoom());
  EXPECT_TRUE(a1->TakeEvent(absl::ZeroDuration()));
  const auto a3 = users.Enter("ann", absl::ZeroDuration());
  EXPECT_TRUE(a3->TakeEvent(absl::ZeroDuration()));
  EXPECT_FALSE(a1->TakeEvent(absl::ZeroDuration()));
}

}  // namespace
}  // namespace roomlog
