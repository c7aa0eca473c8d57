// What the journal makes of operations on users: see decision 28.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/room_key.h"
#include "base/user_room.h"
#include "broker/journal/applier.h"
#include "broker/journal/batch_story.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/users.pb.h"
#include "storage/memory_disk.h"
#include "storage/memory_room_log.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const std::string kAnn = Room(UserRoomOf("ann"));

class UserOperationsTest : public ::testing::Test {
 protected:
  UserOperationsTest() { Open(); }

  void Open() {
    applier_.reset();
    log_.reset();
    log_ = MemoryRoomLog::Open(disk_).value();
    applier_ = std::make_unique<Applier>(*log_, Durability::kSynced);
    ASSERT_TRUE(applier_->Open().ok());
  }
  void Restart() {
    disk_.Crash(/*lose_unsynced=*/true);
    Open();
  }

  static proto::UserOperation Set(const std::string& state) {
    proto::UserOperation operation;
    operation.set_set(state);
    return operation;
  }
  static proto::UserOperation Merge(const std::string& patch) {
    proto::UserOperation operation;
    operation.set_merge(patch);
    return operation;
  }
  static proto::UserOperation Remove() {
    proto::UserOperation operation;
    operation.set_remove(true);
    return operation;
  }

  // A batch of events in Ann's room with these flags.
  static absl::StatusOr<std::shared_ptr<const PublishBatch>> BatchOf(
      uint64_t number, const std::vector<std::string>& packets, uint32_t flags,
      const std::string& id = "", const std::string& room = kAnn) {
    proto::Publish message;
    message.set_first_number(number);
    EventColumnsWriter writer({.rooms = true}, message.mutable_events());
    AddRoomName(room, message.mutable_rooms());
    std::string all;
    for (const std::string& packet : packets) {
      EventView event;
      event.flags = flags;
      event.id = id;
      event.packet = packet;
      writer.Add(event);
      all += packet;
    }
    return ParsePublishBatch(NodeNumber(1), ProducerId(1), std::move(message),
                             SharedBytes(all));
  }
  std::shared_ptr<const PublishBatch> Operations(
      const std::vector<proto::UserOperation>& operations,
      const std::string& id = "") {
    std::vector<std::string> packets;
    for (const auto& operation : operations) {
      packets.push_back(operation.SerializeAsString());
    }
    const uint64_t number = next_number_;
    next_number_ += packets.size();
    return BatchOf(number, packets, proto::EVENT_FLAG_USER, id).value();
  }

  // The runs of the answers, in words.
  std::vector<std::string> Apply(std::vector<JournalEntry> entries) {
    std::vector<JournalResult> results;
    applier_->Apply(std::move(entries), now_ms_, &results);
    std::vector<std::string> words;
    for (const JournalResult& result : results) {
      const auto* commit = std::get_if<std::shared_ptr<const Commit>>(&result);
      if (commit == nullptr) continue;
      for (const BatchAnswer& answer : (*commit)->answers) {
        for (std::string& word : InWords(answer.runs)) {
          words.push_back(std::move(word));
        }
      }
    }
    return words;
  }
  std::vector<std::string> Do(
      const std::vector<proto::UserOperation>& operations) {
    return Apply({Operations(operations)});
  }
  void TidyUp() {
    std::vector<JournalResult> results;
    applier_->TidyUp(now_ms_, &results);
  }

  // What Ann's room has said, as the log has it.
  std::vector<std::string> Said() const {
    ReadQuery query;
    query.room = RoomKey::Parse(kAnn).value();
    query.events_max = 100;
    query.bytes_max = size_t{1} << 20;
    query.now_ms = now_ms_;
    std::vector<std::string> packets;
    const absl::StatusOr<ReadPage> page = log_->Read(query);
    for (const EventView& event : page->events) {
      packets.emplace_back(event.packet);
    }
    return packets;
  }

  MemoryDisk disk_;
  std::unique_ptr<MemoryRoomLog> log_;
  std::unique_ptr<Applier> applier_;
  int64_t now_ms_ = 1'000'000;
  uint64_t next_number_ = 1;
};

TEST_F(UserOperationsTest, TheLogHasTheRecordAsItIsAfterEachOperation) {
  EXPECT_THAT(Do({Set(R"({"a":1})")}), ElementsAre("1 at 1"));
  EXPECT_THAT(Do({Merge(R"({"b":2})"), Merge(R"({"a":null})"), Remove()}),
              ElementsAre("2-4 at 2"));
  EXPECT_THAT(
      Said(),
      ElementsAre(
          HasSubstr(R"("set","state":{"a":1})"),
          HasSubstr(R"("merge","state":{"a":1,"b":2})"),
          HasSubstr(R"("merge","state":{"b":2})"),
          HasSubstr(R"({"user":"ann","change":"delete","state":null)")));
}

TEST_F(UserOperationsTest, GoesOnFromTheRecordAfterARestart) {
  Do({Set(R"({"a":1})")});
  Restart();
  Do({Merge(R"({"b":2})")});
  EXPECT_THAT(Said(), ElementsAre(HasSubstr(R"({"a":1})"),
                                  HasSubstr(R"({"a":1,"b":2})")));
}

TEST_F(UserOperationsTest, AnOperationThatIsSentAgainIsNotDoneAgain) {
  const auto merge = Operations({Merge(R"({"a":1})")});
  EXPECT_THAT(Apply({merge}), ElementsAre("1 at 1"));
  // By another node, with the same id.
  EXPECT_THAT(Apply({Operations({Remove()}, "once")}), ElementsAre("2 at 2"));
  EXPECT_THAT(Apply({Operations({Remove()}, "once")}),
              ElementsAre("3 was at 2"));
  Restart();
  EXPECT_THAT(Apply({merge}), ElementsAre("1 at 1"));
  EXPECT_THAT(Said(), SizeIs(2));
}

TEST_F(UserOperationsTest, OneOfTwoThatBuildOnTheSameVersionIsRefused) {
  proto::UserOperation first = Set(R"({"by":1})");
  first.set_if_version(0);
  proto::UserOperation second = Set(R"({"by":2})");
  second.set_if_version(0);
  EXPECT_THAT(Do({first, second}),
              ElementsAre("1 at 1", "2 FAILED_PRECONDITION"));
  second.set_if_version(1);
  EXPECT_THAT(Do({second}), ElementsAre("3 at 2"));
}

TEST_F(UserOperationsTest, WhatIsRefusedLeavesNothingBehind) {
  EXPECT_THAT(Do({Remove()}), ElementsAre("1 NOT_FOUND"));
  EXPECT_THAT(Do({Set("[]")}), ElementsAre("2 INVALID_ARGUMENT"));
  EXPECT_THAT(Said(), SizeIs(0));
}

TEST_F(UserOperationsTest, NobodyElseSaysWhatBecomesOfAUser) {
  EXPECT_THAT(
      Apply({BatchOf(1, {R"(2["roomlog:user",{"state":{}}])"}, 0).value()}),
      ElementsAre("1 INVALID_ARGUMENT"));
  EXPECT_FALSE(BatchOf(2, {"x"}, proto::EVENT_FLAG_USER, "", Room("lobby"))
                   .status()
                   .ok());
  EXPECT_FALSE(
      BatchOf(2, {"x"}, proto::EVENT_FLAG_USER | proto::EVENT_FLAG_ADDRESSED)
          .status()
          .ok());
}

TEST_F(UserOperationsTest, ARecordEndsInTimeAndIsToldToBeOver) {
  proto::UserOperation brief = Set(R"({"typing":true})");
  brief.set_ttl_ms(5000);
  Do({brief});
  now_ms_ += 4999;
  TidyUp();
  EXPECT_THAT(Said(), SizeIs(1));
  Restart();
  now_ms_ += 1;
  TidyUp();
  TidyUp();
  EXPECT_THAT(Said(),
              ElementsAre(HasSubstr(absl::StrCat("\"expires\":", now_ms_)),
                          HasSubstr(R"("change":"expire","state":null)")));
}

TEST_F(UserOperationsTest, ALaterChangePutsTheEndOff) {
  proto::UserOperation brief = Set("{}");
  brief.set_ttl_ms(5000);
  Do({brief});
  now_ms_ += 4000;
  Do({brief});
  now_ms_ += 4000;
  TidyUp();
  EXPECT_THAT(Said(), SizeIs(2));
  Do({Set("{}")});
  now_ms_ += 100'000;
  TidyUp();
  EXPECT_THAT(Said(), SizeIs(3));
}

TEST_F(UserOperationsTest, WhatTheDiskDidNotTakeHasNotHappened) {
  Do({Set(R"({"a":1})")});
  disk_.SetFull(true);
  proto::UserOperation brief = Merge(R"({"b":1})");
  brief.set_ttl_ms(1);
  EXPECT_THAT(Do({brief}), ElementsAre("2 RESOURCE_EXHAUSTED"));
  disk_.SetFull(false);
  now_ms_ += 1000;
  TidyUp();
  Do({Merge(R"({"c":1})")});
  EXPECT_THAT(Said(), ElementsAre(HasSubstr(R"({"a":1})"),
                                  HasSubstr(R"({"a":1,"c":1})")));
}

}  // namespace
}  // namespace roomlog
