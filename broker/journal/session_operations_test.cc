// What the journal makes of sessions' operations: see decision 16.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/presence_limits.h"
#include "broker/journal/applier.h"
#include "broker/journal/batch_story.h"
#include "gmock/gmock.h"
#include "proto/sessions.pb.h"
#include "storage/memory_disk.h"
#include "storage/memory_room_log.h"

namespace roomlog {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kWindowMs = 120'000;
const std::string kPrivateId(20, 'p');
const std::string kSocketId(20, 's');

class SessionOperationsTest : public ::testing::Test {
 protected:
  SessionOperationsTest() { Open(); }

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

  static proto::SessionOperation Operation(uint64_t claim) {
    proto::SessionOperation operation;
    operation.set_name_space("/");
    operation.set_private_id(kPrivateId);
    operation.set_claim(claim);
    return operation;
  }
  static proto::SessionOperation OpenSession(uint64_t claim) {
    proto::SessionOperation operation = Operation(claim);
    operation.mutable_open()->set_socket_id(kSocketId);
    operation.mutable_open()->set_window_ms(kWindowMs);
    operation.mutable_open()->set_notice_room(NoticeRoom(claim));
    return operation;
  }
  static proto::SessionOperation Restore(uint64_t claim) {
    proto::SessionOperation operation = Operation(claim);
    operation.mutable_restore()->set_notice_room(NoticeRoom(claim));
    return operation;
  }
  static proto::SessionOperation Join(uint64_t claim, const std::string& room,
                                      uint64_t from) {
    proto::SessionOperation operation = Operation(claim);
    proto::SessionRoom* const joined = operation.mutable_change()->add_joins();
    joined->set_name(room);
    joined->set_from(from);
    return operation;
  }
  static std::string NoticeRoom(uint64_t claim) {
    return absl::StrCat("node-", claim);
  }

  std::shared_ptr<const PublishBatch> BatchOf(
      uint64_t producer, uint64_t number,
      const proto::SessionOperation& operation) {
    proto::Publish message;
    message.set_first_number(number);
    EventColumnsWriter writer({.rooms = true}, message.mutable_events());
    AddRoomName(Room(""), message.mutable_rooms());
    const std::string packet = operation.SerializeAsString();
    EventView event;
    event.flags = proto::EVENT_FLAG_SESSION;
    event.packet = packet;
    writer.Add(event);
    return ParsePublishBatch(NodeNumber(producer), ProducerId(producer),
                             std::move(message), SharedBytes(packet))
        .value();
  }

  std::vector<JournalResult> Apply(std::vector<JournalEntry> entries) {
    std::vector<JournalResult> results;
    applier_->Apply(std::move(entries), now_ms_, &results);
    for (const JournalResult& result : results) NoteMembers(result);
    return results;
  }
  // "+lobby", "-lobby": where the one socket came and went.
  void NoteMembers(const JournalResult& result) {
    const auto* members = std::get_if<MembersChanged>(&result);
    if (members == nullptr) return;
    EXPECT_GE(members->through, members_through_);
    members_through_ = members->through;
    for (const MemberChange& change : members->changes) {
      for (const std::string& room : change.joined) {
        members_.push_back("+" + room);
      }
      for (const std::string& room : change.left)
        members_.push_back("-" + room);
    }
  }
  std::vector<std::string> Members() { return std::exchange(members_, {}); }
  // What is told of members after a restart.
  std::vector<std::string> MembersAtFirst() {
    std::vector<JournalResult> results;
    applier_->TellMembers(&results);
    std::vector<std::string> rooms;
    for (const JournalResult& result : results) {
      for (const MemberChange& member :
           std::get<MembersChanged>(result).changes) {
        rooms.insert(rooms.end(), member.joined.begin(), member.joined.end());
      }
    }
    return rooms;
  }
  // The answer to an operation that is published alone.
  PublishedRun Do(uint64_t producer, const proto::SessionOperation& operation) {
    return DoAs(producer, ++numbers_[producer], operation);
  }
  PublishedRun DoAs(uint64_t producer, uint64_t number,
                    const proto::SessionOperation& operation) {
    for (const JournalResult& result :
         Apply({BatchOf(producer, number, operation)})) {
      Note(result);
      const auto* commit = std::get_if<std::shared_ptr<const Commit>>(&result);
      if (commit != nullptr && !(*commit)->answers.empty()) {
        return (*commit)->answers[0].runs.at(0);
      }
    }
    ADD_FAILURE() << "no answer";
    return {};
  }
  void Note(const JournalResult& result) {
    const auto* commit = std::get_if<std::shared_ptr<const Commit>>(&result);
    if (commit == nullptr) return;
    for (const NewEvent& event : (*commit)->events) {
      EXPECT_EQ(event.flags, proto::EVENT_FLAG_EPHEMERAL);
      proto::SessionNotice notice;
      EXPECT_TRUE(notice.ParseFromString(std::string(event.packet)));
      notices_.push_back(notice);
    }
  }
  void Follow(uint64_t claim) {
    RoomInquiry inquiry;
    inquiry.node = NodeNumber(claim);
    inquiry.handles = {RoomHandle(claim)};
    inquiry.rooms = {RoomKey::Make("/$node", NoticeRoom(claim))->text()};
    Apply({inquiry});
  }
  void TidyUp() {
    std::vector<JournalResult> results;
    applier_->TidyUp(now_ms_, &results);
    for (const JournalResult& result : results) {
      Note(result);
      NoteMembers(result);
      if (const auto* found = std::get_if<OwnersFound>(&result)) {
        owners_found_ = found->owners;
      }
    }
  }
  static std::vector<std::string> RoomsIn(const std::string& record) {
    proto::SessionRecord parsed;
    EXPECT_TRUE(parsed.ParseFromString(record));
    std::vector<std::string> rooms;
    for (const proto::SessionRoom& room : parsed.rooms()) {
      rooms.push_back(absl::StrCat(room.name(), " from ", room.from()));
    }
    return rooms;
  }

  MemoryDisk disk_;
  std::unique_ptr<RoomLog> log_;
  std::unique_ptr<Applier> applier_;
  int64_t now_ms_ = 1'700'000'000'000;
  std::map<uint64_t, uint64_t> numbers_;
  std::vector<proto::SessionNotice> notices_;
  std::vector<std::string> members_;
  Offset members_through_;
  std::vector<ProducerId> owners_found_;
};

TEST_F(SessionOperationsTest, RecordsOutliveTheBroker) {
  const PublishedRun opened = Do(1, OpenSession(11));
  ASSERT_TRUE(opened.status.ok()) << opened.status;
  EXPECT_GT(opened.first_offset, Offset());
  ASSERT_TRUE(Do(1, Join(11, "lobby", 77)).status.ok());
  Restart();
  const PublishedRun restored = Do(2, Restore(22));
  ASSERT_TRUE(restored.status.ok()) << restored.status;
  EXPECT_GT(restored.first_offset, opened.first_offset);
  EXPECT_THAT(RoomsIn(restored.session), ElementsAre("lobby from 77"));
}

TEST_F(SessionOperationsTest, OperationsTakeOffsetsAndLieInNoRoom) {
  const PublishedRun first = Do(1, OpenSession(11));
  const PublishedRun second = Do(1, Join(11, "lobby", 1));
  EXPECT_GT(second.first_offset, first.first_offset);
  ReadQuery query;
  query.room = *RoomKey::Make("/", "");
  query.events_max = query.bytes_max = 100;
  EXPECT_THAT(log_->Read(query)->events, IsEmpty());
}

TEST_F(SessionOperationsTest, ARepeatedOperationIsDoneOnce) {
  const PublishedRun opened = Do(1, OpenSession(11));
  const PublishedRun again = DoAs(1, 1, OpenSession(11));
  EXPECT_TRUE(again.status.ok());
  EXPECT_EQ(again.first_offset, opened.first_offset);
  Do(2, Restore(22));
  Restart();
  // Whose answer was lost asks again, with a claim of its own.
  EXPECT_THAT(DoAs(2, 1, Restore(22)).session, IsEmpty());
  EXPECT_FALSE(Do(2, Restore(23)).session.empty());
}

TEST_F(SessionOperationsTest, WhoHadItIsFencedAndTold) {
  Do(1, OpenSession(11));
  Follow(11);
  ASSERT_TRUE(Do(2, Restore(22)).status.ok());
  ASSERT_THAT(notices_, SizeIs(1));
  EXPECT_TRUE(notices_[0].fenced());
  EXPECT_EQ(notices_[0].claim(), 11u);
  EXPECT_EQ(Do(1, Join(11, "lobby", 1)).status.code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Do(2, Join(22, "lobby", 1)).status.ok());
}

TEST_F(SessionOperationsTest, ANoticeThatNobodyHearsMakesNoRoom) {
  Do(1, OpenSession(11));
  Do(2, Restore(22));
  EXPECT_THAT(notices_, IsEmpty());
}

TEST_F(SessionOperationsTest, WindowsRunFromDetachingAndFromTheEndOfALease) {
  Do(1, OpenSession(11));
  now_ms_ += 10 * kWindowMs;
  TidyUp();
  ASSERT_TRUE(Do(2, Restore(22)).status.ok()) << "it was attached";

  proto::SessionOperation detach = Operation(22);
  detach.mutable_detach();
  ASSERT_TRUE(Do(2, detach).status.ok());
  now_ms_ += kWindowMs - 1;
  ASSERT_TRUE(Do(3, Restore(33)).status.ok()) << "its window is not over";

  Apply({OwnerGone{ProducerId(3)}});
  Restart();  // That it is gone is remembered.
  now_ms_ += kWindowMs - 1;
  ASSERT_TRUE(Do(4, Restore(44)).status.ok());
  Apply({OwnerGone{ProducerId(4)}});
  now_ms_ += kWindowMs;
  EXPECT_EQ(Do(5, Restore(55)).status.code(), absl::StatusCode::kNotFound);
}

TEST_F(SessionOperationsTest, AnOwnerThatIsBackHasItsSessions) {
  Do(1, OpenSession(11));
  Apply({OwnerGone{ProducerId(1)}});
  now_ms_ += kWindowMs - 1;
  Apply({OwnerBack{ProducerId(1)}});
  now_ms_ += 2 * kWindowMs;
  TidyUp();
  EXPECT_TRUE(Do(1, Join(11, "lobby", 1)).status.ok());
}

TEST_F(SessionOperationsTest, TheEndOfAWindowIsToldToWhoHadItLast) {
  Do(1, OpenSession(11));
  Follow(11);
  proto::SessionOperation detach = Operation(11);
  detach.mutable_detach();
  Do(1, detach);
  now_ms_ += kWindowMs - 1;
  TidyUp();
  EXPECT_THAT(notices_, IsEmpty());
  now_ms_ += 1;
  TidyUp();
  ASSERT_THAT(notices_, SizeIs(1));
  EXPECT_TRUE(notices_[0].expired());
  EXPECT_EQ(notices_[0].socket_id(), kSocketId);
}

TEST_F(SessionOperationsTest, OwnersAreToldAfterARestart) {
  Do(7, OpenSession(11));
  Restart();
  TidyUp();
  EXPECT_THAT(owners_found_, ElementsAre(ProducerId(7)));
  owners_found_.clear();
  TidyUp();
  EXPECT_THAT(owners_found_, IsEmpty()) << "it is said once";
}

TEST_F(SessionOperationsTest, WhatCouldNotBeWrittenHasNotHappened) {
  Do(1, OpenSession(11));
  Follow(11);
  disk_.SetFull(true);
  EXPECT_EQ(Do(2, Restore(22)).status.code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(notices_, IsEmpty());
  disk_.SetFull(false);
  TidyUp();
  EXPECT_TRUE(Do(1, Join(11, "lobby", 5)).status.ok()) << "it is still its own";
}

TEST_F(SessionOperationsTest, WhoIsGoneWhileTheDiskIsFullIsGoneAfterIt) {
  Do(1, OpenSession(11));
  disk_.SetFull(true);
  Apply({OwnerGone{ProducerId(1)}});
  disk_.SetFull(false);
  TidyUp();
  now_ms_ += kWindowMs;
  TidyUp();
  EXPECT_EQ(Do(2, Restore(22)).status.code(), absl::StatusCode::kNotFound);
}

TEST_F(SessionOperationsTest, MembersAreToldWithTheCommitThatIsWritten) {
  Do(1, OpenSession(11));
  Do(1, Join(11, "lobby", 5));
  EXPECT_THAT(Members(), ElementsAre("+", "+lobby"));
  disk_.SetFull(true);
  EXPECT_FALSE(Do(1, Join(11, "hall", 5)).status.ok());
  EXPECT_THAT(Members(), IsEmpty());
  disk_.SetFull(false);
  TidyUp();
  Restart();
  EXPECT_THAT(MembersAtFirst(), ElementsAre("", "lobby"));
}

TEST_F(SessionOperationsTest, WithTheLeaseOfItsNodeASocketIsNoMemberAnyMore) {
  Do(1, OpenSession(11));
  Members();
  Apply({OwnerGone{ProducerId(1)}});
  EXPECT_THAT(Members(), ElementsAre("-"));
  Restart();
  EXPECT_THAT(MembersAtFirst(), IsEmpty());
  Apply({OwnerBack{ProducerId(1)}});
  EXPECT_THAT(Members(), ElementsAre("+"));
  Apply({OwnerGone{ProducerId(1)}});
  Members();
  ASSERT_TRUE(Do(2, Restore(22)).status.ok());
  EXPECT_THAT(Members(), ElementsAre("+"));
}

TEST_F(SessionOperationsTest, AMemberWhoseClientIsLostStaysForTheGrace) {
  Do(1, OpenSession(11));
  Members();
  proto::SessionOperation detach = Operation(11);
  detach.mutable_detach();
  Do(1, detach);
  now_ms_ += absl::ToInt64Milliseconds(kPresenceGrace) - 1;
  TidyUp();
  EXPECT_THAT(Members(), IsEmpty());
  now_ms_ += 1;
  TidyUp();
  EXPECT_THAT(Members(), ElementsAre("-"));
}

TEST_F(SessionOperationsTest, WhoIsGoneWhileTheDiskIsFullStaysUntilItIsNoted) {
  Do(1, OpenSession(11));
  Members();
  disk_.SetFull(true);
  Apply({OwnerGone{ProducerId(1)}});
  EXPECT_THAT(Members(), IsEmpty());
  disk_.SetFull(false);
  TidyUp();
  TidyUp();
  EXPECT_THAT(Members(), ElementsAre("-"));
}

TEST_F(SessionOperationsTest, ANoticeAndTheFirstEventOfItsRoomMayMeet) {
  Do(1, OpenSession(11));
  const std::string room = RoomKey::Make("/$node", NoticeRoom(11))->text();
  const std::vector<JournalResult> results =
      Apply({MakeBatch({.producer = 3, .events = {{room, "x"}}}),
             BatchOf(2, 1, Restore(22))});
  for (const JournalResult& result : results) {
    const auto* commit = std::get_if<std::shared_ptr<const Commit>>(&result);
    if (commit == nullptr) continue;
    for (const BatchAnswer& answer : (*commit)->answers) {
      EXPECT_TRUE(answer.runs.at(0).status.ok()) << answer.runs[0].status;
    }
  }
}

TEST_F(SessionOperationsTest, RefusesWhatIsNoOperation) {
  const std::vector<std::pair<const char*, proto::SessionOperation>> cases = {
      {"nothing is asked", Operation(11)},
      {"a change of what is not there", Join(11, "lobby", 1)},
      {"no claim", OpenSession(0)},
  };
  for (const auto& [what, operation] : cases) {
    EXPECT_FALSE(Do(1, operation).status.ok()) << what;
  }
}

}  // namespace
}  // namespace roomlog
