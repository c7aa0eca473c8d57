// The feed of who joins and leaves a room, as the journal writes it.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/presence_limits.h"
#include "broker/journal/applier.h"
#include "broker/journal/batch_story.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/sessions.pb.h"
#include "storage/memory_disk.h"
#include "storage/memory_room_log.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Id(absl::string_view kind, int number) {
  std::string id = absl::StrCat(kind, number);
  id.resize(20, '_');
  return id;
}

class ComingsAndGoingsTest : public ::testing::Test {
 protected:
  ComingsAndGoingsTest() { Open(); }

  void Open() {
    applier_.reset();
    log_.reset();
    log_ = MemoryRoomLog::Open(disk_).value();
    applier_ = std::make_unique<Applier>(*log_, Durability::kSynced,
                                         *PresenceRules::Parse({"/:lobby"}));
    ASSERT_TRUE(applier_->Open().ok());
  }
  void Restart() {
    disk_.Crash(/*lose_unsynced=*/true);
    Open();
  }

  static proto::SessionOperation Operation(int number, uint64_t claim = 1) {
    proto::SessionOperation operation;
    operation.set_name_space("/");
    operation.set_private_id(Id("private", number));
    operation.set_claim(claim);
    return operation;
  }
  // A socket of ann's that comes into the lobby.
  static proto::SessionOperation Comes(int number) {
    proto::SessionOperation operation = Operation(number);
    operation.mutable_open()->set_socket_id(Id("socket", number));
    operation.mutable_open()->add_rooms("lobby");
    operation.mutable_open()->set_window_ms(120'000);
    operation.mutable_open()->set_notice_room("notices");
    operation.mutable_open()->set_user("ann");
    return operation;
  }
  absl::Status Do(uint64_t producer,
                  const std::vector<proto::SessionOperation>& operations) {
    proto::Publish message;
    message.set_first_number(numbers_[producer] + 1);
    numbers_[producer] += operations.size();
    EventColumnsWriter writer({.rooms = true}, message.mutable_events());
    AddRoomName(Room(""), message.mutable_rooms());
    std::string packets;
    for (const proto::SessionOperation& operation : operations) {
      const std::string packet = operation.SerializeAsString();
      EventView event;
      event.flags = proto::EVENT_FLAG_SESSION;
      event.packet = packet;
      writer.Add(event);
      packets.append(packet);
    }
    return Apply(
        {ParsePublishBatch(NodeNumber(producer), ProducerId(producer),
                           std::move(message), SharedBytes(std::move(packets)))
             .value()});
  }
  absl::Status Apply(std::vector<JournalEntry> entries) {
    std::vector<JournalResult> results;
    applier_->Apply(std::move(entries), now_ms_, &results);
    return Note(results);
  }
  void TidyUp() {
    std::vector<JournalResult> results;
    applier_->TidyUp(now_ms_, &results);
    Note(results).IgnoreError();
  }
  absl::Status Note(const std::vector<JournalResult>& results) {
    absl::Status status;
    for (const JournalResult& result : results) {
      if (const auto* members = std::get_if<MembersChanged>(&result)) {
        seen_.insert(seen_.end(), members->seen.begin(), members->seen.end());
      }
      const auto* commit = std::get_if<std::shared_ptr<const Commit>>(&result);
      if (commit == nullptr) continue;
      for (const NewEvent& event : (*commit)->events) {
        EXPECT_GT(event.offset, last_offset_) << "one order, each offset once";
        last_offset_ = event.offset;
        told_.push_back(InWords(event.packet));
      }
      for (const BatchAnswer& answer : (*commit)->answers) {
        for (const PublishedRun& run : answer.runs) status.Update(run.status);
      }
    }
    return status;
  }
  // "join first", "leave" and so on.
  static std::string InWords(absl::string_view packet) {
    std::string words =
        absl::StrContains(packet, R"("change":"join")") ? "join" : "leave";
    if (absl::StrContains(packet, R"("first":true)")) words += " first";
    if (absl::StrContains(packet, R"("last":true)")) words += " last";
    return words;
  }
  // "ann 1000000": who went offline when, as it is told after a restart.
  std::vector<std::string> SeenAtFirst() {
    std::vector<JournalResult> results;
    applier_->TellMembers(&results);
    std::vector<std::string> words;
    for (const JournalResult& result : results) {
      for (const StateChange& row : std::get<MembersChanged>(result).seen) {
        words.push_back(absl::StrCat(row.key.substr(row.key.find('\0') + 1),
                                     " ", row.value.value_or("forgotten")));
      }
    }
    return words;
  }
  std::vector<std::string> Told() { return std::exchange(told_, {}); }
  // What is kept in the log of the feed.
  std::vector<std::string> Kept() {
    ReadQuery query;
    query.room = *RoomKey::Make("/", "$roomlog/presence/lobby");
    query.events_max = 1000;
    query.bytes_max = 1 << 20;
    const absl::StatusOr<ReadPage> page = log_->Read(query);
    std::vector<std::string> words;
    if (!page.ok()) return words;
    for (const EventView& event : page->events) {
      EXPECT_EQ(event.flags,
                static_cast<uint32_t>(proto::EVENT_FLAG_ROOM_APPLICATION));
      words.push_back(InWords(event.packet));
    }
    return words;
  }

  MemoryDisk disk_;
  std::unique_ptr<MemoryRoomLog> log_;
  std::unique_ptr<Applier> applier_;
  std::map<uint64_t, uint64_t> numbers_;
  std::vector<std::string> told_;
  std::vector<StateChange> seen_;
  Offset last_offset_;
  int64_t now_ms_ = 1'000'000;
};

TEST_F(ComingsAndGoingsTest, AreEventsOfTheVeryCommitAndKept) {
  ASSERT_TRUE(Do(1, {Comes(1), Comes(2)}).ok());
  proto::SessionOperation leave = Operation(1);
  leave.mutable_change()->add_leaves("lobby");
  proto::SessionOperation elsewhere = Operation(2);
  elsewhere.mutable_change()->add_joins()->set_name("hall");
  ASSERT_TRUE(Do(1, {leave, elsewhere}).ok());
  proto::SessionOperation close = Operation(2);
  close.mutable_close();
  ASSERT_TRUE(Do(1, {close}).ok());
  EXPECT_THAT(Told(), ElementsAre("join first", "join", "leave", "leave last"));
  EXPECT_THAT(Kept(), ElementsAre("join first", "join", "leave", "leave last"));
}

TEST_F(ComingsAndGoingsTest, GoOnAfterARestartAsIfThereWasNone) {
  ASSERT_TRUE(Do(1, {Comes(1)}).ok());
  Restart();
  ASSERT_TRUE(Do(2, {Comes(2)}).ok());
  EXPECT_THAT(Told(), ElementsAre("join first", "join"));
  ASSERT_TRUE(Apply({OwnerGone{ProducerId(1)}, OwnerGone{ProducerId(2)}}).ok());
  EXPECT_THAT(Told(), ElementsAre("leave", "leave last"));
  Restart();
  TidyUp();
  EXPECT_THAT(Told(), IsEmpty()) << "it was told before";
  EXPECT_THAT(Kept(), SizeIs(4));
}

TEST_F(ComingsAndGoingsTest, WhoComesBackInTimeIsNotInIt) {
  ASSERT_TRUE(Do(1, {Comes(1)}).ok());
  Told();
  now_ms_ += absl::ToInt64Milliseconds(kNodeLease) - 1;
  proto::SessionOperation restore = Operation(1, 2);
  restore.mutable_restore()->set_notice_room("notices");
  restore.mutable_restore()->set_user("ann");
  ASSERT_TRUE(Do(2, {restore}).ok());
  ASSERT_TRUE(Apply({OwnerGone{ProducerId(1)}}).ok());
  now_ms_ += 60'000;
  TidyUp();
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(ComingsAndGoingsTest, WhoGoesOfflineIsRemembered) {
  ASSERT_TRUE(Do(1, {Comes(1), Comes(2)}).ok());
  now_ms_ += 10;
  proto::SessionOperation close = Operation(2);
  close.mutable_close();
  ASSERT_TRUE(Do(1, {close}).ok());
  EXPECT_THAT(seen_, IsEmpty()) << "one socket is left";
  Restart();
  // A node that is gone, and nobody comes back: without any operation.
  ASSERT_TRUE(Apply({OwnerGone{ProducerId(1), /*said_goodbye=*/false}}).ok());
  EXPECT_THAT(seen_, SizeIs(1));
  Restart();
  EXPECT_THAT(SeenAtFirst(), ElementsAre("ann 1000010"));
  ASSERT_TRUE(Do(2, {Comes(3)}).ok());
  now_ms_ += 10;
  disk_.SetFull(true);
  proto::SessionOperation leave = Operation(3);
  leave.mutable_close();
  EXPECT_FALSE(Do(2, {leave}).ok());
  disk_.SetFull(false);
  EXPECT_THAT(seen_, SizeIs(1));
  TidyUp();
  Restart();
  EXPECT_THAT(SeenAtFirst(), ElementsAre("ann 1000010"));
}

TEST_F(ComingsAndGoingsTest, WhatCouldNotBeWrittenIsToldOnceItIs) {
  ASSERT_TRUE(Do(1, {Comes(1)}).ok());
  Told();
  disk_.SetFull(true);
  EXPECT_FALSE(Do(1, {Comes(2)}).ok());
  EXPECT_THAT(Told(), IsEmpty());
  disk_.SetFull(false);
  TidyUp();
  proto::SessionOperation close = Operation(1);
  close.mutable_close();
  ASSERT_TRUE(Do(1, {close}).ok());
  EXPECT_THAT(Told(), ElementsAre("leave last"));
}

// An operation takes one offset, and its feed as many as rooms have one.
TEST_F(ComingsAndGoingsTest, MayTakeMoreOffsetsThanWereReserved) {
  std::vector<proto::SessionOperation> many;
  for (int i = 0; i < 1000; ++i) many.push_back(Comes(i));
  ASSERT_TRUE(Do(1, many).ok());
  EXPECT_THAT(Told(), SizeIs(1000));
  const Offset last = last_offset_;
  Restart();
  ASSERT_TRUE(Do(1, {Comes(1000)}).ok());
  EXPECT_GT(last_offset_, last);
}

TEST_F(ComingsAndGoingsTest, NobodyElseMaySaySomethingThere) {
  EXPECT_EQ(Apply({MakeBatch({.events = {{Room("$roomlog/presence/lobby"),
                                          R"(2["roomlog:presence",{}])"}}})})
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Kept(), IsEmpty());
}

}  // namespace
}  // namespace roomlog
