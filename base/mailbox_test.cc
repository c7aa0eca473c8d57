#include "base/mailbox.h"

#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(MailboxTest, GivesMessagesInOrder) {
  Mailbox<int> mailbox(10);
  for (const int message : {1, 2, 3}) EXPECT_TRUE(mailbox.Put(message));
  std::vector<int> got;
  EXPECT_EQ(mailbox.Take(2, &got), 2u);
  EXPECT_THAT(got, ElementsAre(1, 2));
  EXPECT_EQ(mailbox.Take(2, &got), 1u);
  EXPECT_THAT(got, ElementsAre(1, 2, 3));
  EXPECT_EQ(mailbox.Take(2, &got), 0u);
}

TEST(MailboxTest, RefusesAndKeepsTheMessageWhenFull) {
  Mailbox<std::unique_ptr<int>> mailbox(1);
  EXPECT_TRUE(mailbox.TryPut(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(mailbox.TryPut(std::move(second)));
  EXPECT_NE(second, nullptr);
}

TEST(MailboxTest, PutWaitsUntilThereIsRoom) {
  Mailbox<int> mailbox(1);
  ASSERT_TRUE(mailbox.Put(1));
  std::thread putter([&] { EXPECT_TRUE(mailbox.Put(2)); });
  std::vector<int> got;
  while (got.size() < 2) mailbox.Take(1, &got);
  putter.join();
  EXPECT_THAT(got, ElementsAre(1, 2));
}

TEST(MailboxTest, ClosingWakesEverybodyAndKeepsWhatIsIn) {
  Mailbox<int> mailbox(1);
  ASSERT_TRUE(mailbox.Put(1));
  std::thread putter([&] { EXPECT_FALSE(mailbox.Put(2)); });
  mailbox.Close();
  putter.join();
  EXPECT_FALSE(mailbox.TryPut(3));
  EXPECT_FALSE(mailbox.Finished());
  std::vector<int> got;
  mailbox.Take(10, &got);
  EXPECT_THAT(got, ElementsAre(1));
  EXPECT_TRUE(mailbox.Finished());
}

TEST(MailboxTest, WakesWhoeverWaitsOnceItIsClosed) {
  Mailbox<int> mailbox(1);
  mailbox.Close();
  std::vector<int> got;
  mailbox.Take(1, &got);  // Another thread's, before this one waits.
  mailbox.Wait(absl::InfiniteDuration());
  EXPECT_TRUE(mailbox.Finished());
}

TEST(MailboxTest, LosesNothingBetweenManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 10000;
  Mailbox<int> mailbox(16);
  std::vector<std::thread> putters;
  putters.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    putters.emplace_back([&, i] {
      for (int n = 0; n < kEach; ++n) mailbox.Put(i * kEach + n);
    });
  }
  std::vector<int> next(kThreads, 0);
  std::vector<int> got;
  int count = 0;
  while (count < kThreads * kEach) {
    mailbox.Wait(absl::InfiniteDuration());
    got.clear();
    count += static_cast<int>(mailbox.Take(100, &got));
    for (const int message : got) {
      EXPECT_EQ(message % kEach, next[message / kEach]++);
    }
  }
  for (std::thread& putter : putters) putter.join();
  got.clear();
  mailbox.Take(1, &got);
  EXPECT_THAT(got, IsEmpty());
}

}  // namespace
}  // namespace roomlog
