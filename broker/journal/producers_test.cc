#include "broker/journal/producers.h"

#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "broker/journal/batch_story.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Forgotten = std::vector<std::pair<ProducerId, PublishNumber>>;

constexpr ProducerId kAnn(7);
constexpr ProducerId kBen(8);

ProducerAnswers Answers(ProducerId producer, uint64_t first,
                        std::vector<AnswerRun> runs, int64_t time_ms = 1000) {
  return {producer, PublishNumber(first), std::move(runs), time_ms};
}

AnswerRun Numbers(uint32_t count, uint64_t first_offset,
                  bool duplicate = false) {
  return {count, Offset(first_offset), duplicate};
}

std::vector<std::string> Repeated(const Producers& producers, uint64_t first,
                                  uint32_t count) {
  std::vector<PublishedRun> runs;
  producers.Repeat(kAnn, PublishNumber(first), count, &runs);
  return InWords(runs);
}

// Numbers 1 to 3, 4 (a duplicate), 5 and 6 (refused), 7 and 8 in two commits.
Producers Example() {
  Producers producers;
  producers.Add(
      Answers(kAnn, 1, {Numbers(3, 100), Numbers(1, 50, true), Numbers(2, 0)}),
      absl::OkStatus());
  producers.Add(Answers(kAnn, 7, {Numbers(2, 200)}), absl::OkStatus());
  return producers;
}

TEST(ProducersTest, CountsEachProducerForItself) {
  Producers producers = Example();
  producers.Add(Answers(kBen, 1, {Numbers(1, 300)}), absl::OkStatus());
  EXPECT_EQ(producers.Through(kAnn), PublishNumber(8));
  EXPECT_EQ(producers.Through(kBen), PublishNumber(1));
  EXPECT_EQ(producers.Through(ProducerId(9)), PublishNumber(0));
  EXPECT_EQ(producers.size(), 2u);
}

TEST(ProducersTest, RepeatsAnyPartOfWhatItAnswered) {
  const Producers producers = Example();
  const std::vector<
      std::pair<std::pair<uint64_t, uint32_t>, std::vector<std::string>>>
      cases = {
          {{1, 8},
           {"1-3 at 100", "4 was at 50", "5-6 INVALID_ARGUMENT", "7-8 at 200"}},
          {{1, 1}, {"1 at 100"}},
          {{2, 1}, {"2 at 101"}},
          {{3, 2}, {"3 at 102", "4 was at 50"}},
          {{4, 1}, {"4 was at 50"}},
          {{6, 2}, {"6 INVALID_ARGUMENT", "7 at 200"}},
          {{8, 1}, {"8 at 201"}},
      };
  for (const auto& [asked, want] : cases) {
    EXPECT_EQ(Repeated(producers, asked.first, asked.second), want)
        << asked.second << " from " << asked.first;
  }
}

TEST(ProducersTest, RepeatsTheFailureOfACommit) {
  Producers producers = Example();
  producers.Add(Answers(kAnn, 9, {Numbers(2, 300), Numbers(1, 400)}),
                absl::ResourceExhaustedError("the disk is full"));
  producers.Add(Answers(kAnn, 12, {Numbers(1, 500)}), absl::OkStatus());
  EXPECT_THAT(Repeated(producers, 8, 5),
              ElementsAre("8 at 201", "9-11 RESOURCE_EXHAUSTED", "12 at 500"));
  EXPECT_THAT(Repeated(producers, 10, 1), ElementsAre("10 RESOURCE_EXHAUSTED"));
}

TEST(ProducersTest, SaysWhichAnswersAreLost) {
  // As after a restart: errors were kept in memory only.
  Producers producers;
  producers.Load(Answers(kAnn, 3, {Numbers(2, 100)}));
  producers.Load(Answers(kAnn, 7, {Numbers(1, 200)}));
  EXPECT_EQ(producers.Through(kAnn), PublishNumber(7));
  EXPECT_THAT(Repeated(producers, 1, 7),
              ElementsAre("1-2 UNAVAILABLE", "3-4 at 100", "5-6 UNAVAILABLE",
                          "7 at 200"));
  EXPECT_THAT(Repeated(producers, 5, 1), ElementsAre("5 UNAVAILABLE"));
}

TEST(ProducersTest, SettlingForgetsWholeRowsButNeverTheLast) {
  const std::vector<std::pair<uint64_t, Forgotten>> cases = {
      {0, {}},
      {5, {}},  // Part of the first row is still open.
      {6, {{kAnn, PublishNumber(1)}}},
      {7, {{kAnn, PublishNumber(1)}}},
      {8, {{kAnn, PublishNumber(1)}}},
  };
  for (const auto& [answered, want] : cases) {
    Producers producers = Example();
    Forgotten forgotten;
    producers.Settle(kAnn, PublishNumber(answered), &forgotten);
    EXPECT_EQ(forgotten, want) << answered;
    EXPECT_EQ(producers.Through(kAnn), PublishNumber(8)) << answered;
    EXPECT_THAT(Repeated(producers, 8, 1), ElementsAre("8 at 201")) << answered;
  }
}

TEST(ProducersTest, SettlingBeyondWhatIsKnownCountsOnFromThere) {
  Producers producers;
  Forgotten forgotten;
  producers.Settle(kAnn, PublishNumber(41), &forgotten);
  EXPECT_EQ(producers.Through(kAnn), PublishNumber(41));
  EXPECT_THAT(forgotten, IsEmpty());
}

TEST(ProducersTest, RowsThatTheLogNeverHadAreNotForgottenInIt) {
  Producers producers;
  producers.Add(Answers(kAnn, 1, {Numbers(1, 100)}),
                absl::UnavailableError("it does not write"));
  producers.Add(Answers(kAnn, 2, {Numbers(1, 101)}), absl::OkStatus());
  Forgotten forgotten;
  producers.Settle(kAnn, PublishNumber(1), &forgotten);
  EXPECT_THAT(forgotten, IsEmpty());
}

TEST(ProducersTest, ForgetsThoseSilentTooLong) {
  Producers producers = Example();
  producers.Add(Answers(kBen, 1, {Numbers(1, 300)}, 2000), absl::OkStatus());
  Forgotten forgotten;
  producers.Expire(1000, &forgotten);
  EXPECT_EQ(producers.size(), 2u);
  producers.Expire(1001, &forgotten);
  EXPECT_THAT(forgotten, ElementsAre(std::make_pair(kAnn, PublishNumber(1)),
                                     std::make_pair(kAnn, PublishNumber(7))));
  EXPECT_EQ(producers.Through(kAnn), PublishNumber(0));
  EXPECT_EQ(producers.Through(kBen), PublishNumber(1));
}

TEST(ProducersTest, BeyondTheBoundForgetsTheLongestSilent) {
  Producers producers;
  for (uint64_t i = 1; i <= kProducersMax + 3; ++i) {
    producers.Add(Answers(ProducerId(i), 1, {Numbers(1, i)}, 1000 + i),
                  absl::OkStatus());
  }
  Forgotten forgotten;
  producers.Expire(0, &forgotten);
  EXPECT_EQ(producers.size(), kProducersMax);
  EXPECT_THAT(forgotten, SizeIs(3));
  EXPECT_EQ(producers.Through(ProducerId(3)), PublishNumber(0));
  EXPECT_EQ(producers.Through(ProducerId(4)), PublishNumber(1));
}

// All that one commit takes from many producers has the same time.
TEST(ProducersTest, KeepsItsBoundAmongThoseSilentEquallyLong) {
  Producers producers;
  for (uint64_t i = 1; i <= kProducersMax + 3; ++i) {
    producers.Add(Answers(ProducerId(i), 1, {Numbers(1, i)}), absl::OkStatus());
  }
  Forgotten forgotten;
  producers.Expire(0, &forgotten);
  EXPECT_EQ(producers.size(), kProducersMax);
  EXPECT_THAT(forgotten, SizeIs(3));
}

}  // namespace
}  // namespace roomlog
