#include "broker/journal/local_journal.h"

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "broker/journal/batch_story.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/memory_disk.h"
#include "storage/memory_room_log.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using Kind = DurabilityChoice::Kind;

TEST(ParseDurabilityTest, ReadsEachKind) {
  const std::vector<
      std::pair<absl::string_view, std::pair<Kind, absl::Duration>>>
      cases = {
          {"fsync", {Kind::kFsync, absl::ZeroDuration()}},
          {"os", {Kind::kOs, absl::ZeroDuration()}},
          {"interval:1s", {Kind::kInterval, absl::Seconds(1)}},
          {"interval:1ms", {Kind::kInterval, absl::Milliseconds(1)}},
          {"interval:1.5h", {Kind::kInterval, absl::Minutes(90)}},
      };
  for (const auto& [text, want] : cases) {
    const absl::StatusOr<DurabilityChoice> choice = ParseDurability(text);
    ASSERT_THAT(choice, IsOk()) << text;
    EXPECT_EQ(choice->kind, want.first) << text;
    EXPECT_EQ(choice->interval, want.second) << text;
  }
}

TEST(ParseDurabilityTest, RefusesTheRest) {
  for (const absl::string_view text :
       {"", "FSYNC", "fsync ", "none", "interval", "interval:", "interval:1",
        "interval:0s", "interval:-1s", "interval:999us", "interval:inf",
        "interval:1s x", "os:1s"}) {
    EXPECT_THAT(ParseDurability(text),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

class LocalJournalTest : public ::testing::Test {
 protected:
  // Takes results until the journal has no more to give.
  std::vector<JournalResult> TakeAll() {
    std::vector<JournalResult> all;
    while (!results_.Finished()) {
      results_.Wait(absl::Seconds(10));
      results_.Take(16, &all);
      // Who is a member of what comes first; nobody is here.
      std::erase_if(all, [](const JournalResult& result) {
        return std::holds_alternative<MembersChanged>(result);
      });
    }
    return all;
  }

  MemoryDisk disk_;
  std::unique_ptr<MemoryRoomLog> log_ = MemoryRoomLog::Open(disk_).value();
  SystemClock clock_;
  // Small, so that the writer must wait for whoever takes.
  Mailbox<JournalResult> results_{2};
};

class LocalJournalDurabilityTest
    : public LocalJournalTest,
      public ::testing::WithParamInterface<const char*> {};

TEST_P(LocalJournalDurabilityTest, AnswersAllThatItTookInOrderAndThenFinishes) {
  constexpr uint64_t kBatches = 500;
  auto journal = LocalJournal::Start(*log_, ParseDurability(GetParam()).value(),
                                     clock_, results_)
                     .value();
  for (uint64_t i = 1; i <= kBatches; ++i) {
    ASSERT_TRUE(journal->Submit(
        MakeBatch({.first_number = i, .events = {{Room("a"), "x"}}})));
  }
  RoomInquiry inquiry;
  inquiry.handles = {RoomHandle(1)};
  inquiry.rooms = {Room("a")};
  ASSERT_TRUE(journal->Submit(std::move(inquiry)));
  journal->Close();
  JournalEntry late = RoomRelease{};
  EXPECT_FALSE(journal->Submit(std::move(late)));

  uint64_t number = 0;
  bool found = false;
  for (const JournalResult& result : TakeAll()) {
    if (const auto* rooms = std::get_if<RoomsFound>(&result)) {
      found = true;
      EXPECT_EQ(rooms->rooms[0].head.head, Offset(kBatches));
      EXPECT_EQ(number, kBatches) << "the head came before its events";
      continue;
    }
    const auto& commit = std::get<std::shared_ptr<const Commit>>(result);
    for (const BatchAnswer& answer : commit->answers) {
      for (const PublishedRun& run : answer.runs) {
        EXPECT_EQ(run.first_number, PublishNumber(number + 1));
        EXPECT_EQ(run.first_offset, Offset(number + 1));
        number += run.count;
      }
    }
  }
  EXPECT_EQ(number, kBatches);
  EXPECT_TRUE(found);
  EXPECT_TRUE(journal->finished());
}

INSTANTIATE_TEST_SUITE_P(Each, LocalJournalDurabilityTest,
                         ::testing::Values("fsync", "os", "interval:1ms"));

TEST_F(LocalJournalTest, CommitsHoldNoMoreThanTheirBound) {
  // Two of these together are more than one commit takes.
  constexpr size_t kPackets = 10;
  static_assert(2 * kPackets * kPacketBytesMax > kCommitBytesMax);
  auto journal = LocalJournal::Start(*log_, {}, clock_, results_).value();
  uint64_t number = 1;
  for (int i = 0; i < 3; ++i) {
    PublishStory story = {.first_number = number};
    for (size_t j = 0; j < kPackets; ++j) {
      story.events.push_back({Room("a"), std::string(kPacketBytesMax, 'x')});
    }
    ASSERT_TRUE(journal->Submit(MakeBatch(story)));
    number += kPackets;
  }
  journal->Close();
  size_t commits = 0;
  for (const JournalResult& result : TakeAll()) {
    const auto& commit = std::get<std::shared_ptr<const Commit>>(result);
    EXPECT_EQ(commit->events.size(), kPackets);
    ++commits;
  }
  EXPECT_EQ(commits, 3u);
}

TEST_F(LocalJournalTest, EndsThoughNobodyTakesItsResults) {
  auto journal = LocalJournal::Start(*log_, {}, clock_, results_).value();
  for (uint64_t i = 1; i <= 100; ++i) {
    ASSERT_TRUE(journal->Submit(
        MakeBatch({.first_number = i, .events = {{Room("a"), "x"}}})));
  }
  journal.reset();
}

}  // namespace
}  // namespace roomlog
