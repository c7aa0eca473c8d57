#include "sessions/session_table.h"

#include <malloc.h>

#include <cstdio>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ProducerId kNodeA{0xa};
constexpr ProducerId kNodeB{0xb};
constexpr int64_t kWindowMs = 60'000;

std::string PrivateId(int number) {
  std::string id = absl::StrCat("private", number);
  id.resize(20, '_');
  return id;
}

// A table, what it wrote, and a clock.
class SessionTableTest : public ::testing::Test {
 protected:
  proto::SessionOperation Operation(uint64_t claim, int number = 1) {
    proto::SessionOperation operation;
    operation.set_name_space("/");
    operation.set_private_id(PrivateId(number));
    operation.set_claim(claim);
    return operation;
  }
  proto::SessionOperation OpenOf(uint64_t claim, int number = 1) {
    proto::SessionOperation operation = Operation(claim, number);
    proto::OpenSession& open = *operation.mutable_open();
    open.set_socket_id("socket-id-of-20-char");
    open.add_rooms("");
    open.add_rooms("lobby");
    open.set_data("data");
    open.set_window_ms(kWindowMs);
    open.set_notice_room(absl::StrCat("notices-", claim));
    return operation;
  }
  proto::SessionOperation RestoreOf(uint64_t claim, std::string offset = "",
                                    bool breakable = false) {
    proto::SessionOperation operation = Operation(claim);
    operation.mutable_restore()->set_notice_room(
        absl::StrCat("notices-", claim));
    operation.mutable_restore()->set_offset(std::move(offset));
    operation.mutable_restore()->set_breakable(breakable);
    return operation;
  }

  absl::StatusOr<std::string> Try(ProducerId owner,
                                  const proto::SessionOperation& operation) {
    last_offset_ = last_offset_.Next();
    return table_.Apply(owner, operation.SerializeAsString(), last_offset_,
                        now_ms_, &effects_);
  }
  absl::Status Do(ProducerId owner, const proto::SessionOperation& operation) {
    absl::Status status = Try(owner, operation).status();
    Keep();
    return status;
  }
  absl::Status Detach(ProducerId owner, uint64_t claim, int number = 1) {
    proto::SessionOperation operation = Operation(claim, number);
    operation.mutable_detach();
    return Do(owner, operation);
  }
  absl::StatusOr<proto::SessionRecord> Restore(
      ProducerId owner, const proto::SessionOperation& operation) {
    absl::StatusOr<std::string> answer = Try(owner, operation);
    Keep();
    if (!answer.ok()) return answer.status();
    proto::SessionRecord record;
    EXPECT_TRUE(record.ParseFromString(*answer));
    return record;
  }

  // Writes what was brought about.
  void Keep() {
    for (StateChange& row : effects_.rows) {
      if (row.value.has_value()) {
        disk_[row.key] = *row.value;
      } else {
        disk_.erase(row.key);
      }
    }
    for (const SessionNoticeToSend& notice : effects_.notices) {
      proto::SessionNotice parsed;
      EXPECT_TRUE(parsed.ParseFromString(notice.packet));
      told_.push_back(absl::StrCat(notice.room.substr(7),  // "/$node\0"
                                   parsed.has_fenced() ? " fenced " : " over ",
                                   parsed.claim(), " ", parsed.data()));
    }
    effects_ = {};
    table_.Written();
  }
  // What a table loaded from the disk would say, as a disk.
  std::map<std::string, std::string> disk() const { return disk_; }
  absl::Status LoadInto(SessionTable* table) const {
    for (const auto& [key, value] : disk_) {
      absl::Status status = table->Load(key, value);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  std::vector<std::string> Told() { return std::exchange(told_, {}); }

  SessionTable table_{100};
  SessionTable::Effects effects_;
  std::map<std::string, std::string> disk_;
  std::vector<std::string> told_;
  int64_t now_ms_ = 1'000'000;
  Offset last_offset_{100};
};

TEST_F(SessionTableTest, WhatWasOpenedAndChangedIsRestored) {
  ASSERT_THAT(Do(kNodeA, OpenOf(1)), IsOk());
  proto::SessionOperation change = Operation(1);
  change.mutable_change()->add_leaves("lobby");
  change.mutable_change()->add_leaves("never joined");
  for (const uint64_t from : {200, 300}) {
    proto::SessionRoom* const join = change.mutable_change()->add_joins();
    join->set_name("hall");
    join->set_from(from);
  }
  change.mutable_change()->set_data("not to be taken");
  ASSERT_THAT(Do(kNodeA, change), IsOk());
  change.mutable_change()->Clear();
  change.mutable_change()->set_has_data(true);
  change.mutable_change()->set_data("new data");
  ASSERT_THAT(Do(kNodeA, change), IsOk());

  const auto record = Restore(kNodeB, RestoreOf(2));
  ASSERT_THAT(record, IsOk());
  EXPECT_EQ(record->socket_id(), "socket-id-of-20-char");
  EXPECT_EQ(record->private_id(), PrivateId(1));
  EXPECT_EQ(record->opened_at(), 101u);
  EXPECT_EQ(record->data(), "new data");
  EXPECT_EQ(record->owner(), kNodeB.value());
  EXPECT_EQ(record->claim(), 2u);
  ASSERT_EQ(record->rooms_size(), 2);
  EXPECT_EQ(record->rooms(0).name(), "");
  EXPECT_EQ(record->rooms(0).from(), 101u);
  EXPECT_EQ(record->rooms(1).name(), "hall");
  EXPECT_EQ(record->rooms(1).from(), 300u);
}

TEST_F(SessionTableTest, WhoRestoredLastHasItAndNobodyElse) {
  ASSERT_THAT(Do(kNodeA, OpenOf(1)), IsOk());
  ASSERT_THAT(Restore(kNodeB, RestoreOf(2)), IsOk());
  EXPECT_THAT(Told(), ElementsAre("notices-1 fenced 1 "));
  EXPECT_THAT(Detach(kNodeA, 1),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Detach(kNodeA, 2),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Detach(kNodeB, 2), IsOk());
  // The same node again: it is another connection.
  ASSERT_THAT(Restore(kNodeB, RestoreOf(3)), IsOk());
  EXPECT_THAT(Told(), ElementsAre("notices-2 fenced 2 "));
  EXPECT_THAT(Detach(kNodeB, 2),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(SessionTableTest, TheWindowRunsFromWhenItWasDetached) {
  ASSERT_THAT(Do(kNodeA, OpenOf(1)), IsOk());
  now_ms_ += 10 * kWindowMs;  // Not while it is attached.
  ASSERT_THAT(Detach(kNodeA, 1), IsOk());
  now_ms_ += kWindowMs - 1;
  ASSERT_THAT(Detach(kNodeA, 1), IsOk());  // Which changes nothing.
  ASSERT_THAT(Restore(kNodeB, RestoreOf(2)), IsOk());
  now_ms_ += 10 * kWindowMs;
  ASSERT_THAT(Detach(kNodeB, 2), IsOk());
  now_ms_ += kWindowMs;
  // Whether Expire() has found it,
  EXPECT_THAT(Restore(kNodeA, RestoreOf(3)),
              StatusIs(absl::StatusCode::kNotFound));
  Told();
  EXPECT_EQ(table_.Expire(now_ms_, 10, &effects_), 1u);
  Keep();
  EXPECT_THAT(Told(), ElementsAre("notices-2 over 2 data"));
  // or not.
  EXPECT_THAT(Restore(kNodeA, RestoreOf(3)),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(disk(), IsEmpty());
}

TEST_F(SessionTableTest, ExpiresInTheOrderOfDeadlinesAndNoMoreThanAsked) {
  for (int i = 1; i <= 3; ++i) ASSERT_THAT(Do(kNodeA, OpenOf(i, i)), IsOk());
  for (const int i : {2, 3, 1}) {
    now_ms_ += 10;
    ASSERT_THAT(Detach(kNodeA, i, i), IsOk());
  }
  EXPECT_EQ(table_.next_deadline_ms(), now_ms_ - 20 + kWindowMs);
  now_ms_ += kWindowMs;
  EXPECT_EQ(table_.Expire(now_ms_, 2, &effects_), 2u);
  Keep();
  EXPECT_THAT(Told(),
              ElementsAre("notices-2 over 2 data", "notices-3 over 3 data"));
  EXPECT_EQ(table_.Expire(now_ms_, 2, &effects_), 1u);
  EXPECT_EQ(table_.Expire(now_ms_, 2, &effects_), 0u);
  EXPECT_EQ(table_.next_deadline_ms(), std::nullopt);
}

TEST_F(SessionTableTest, WhenItsOwnerIsGoneTheWindowRuns) {
  ASSERT_THAT(Do(kNodeA, OpenOf(1, 1)), IsOk());
  ASSERT_THAT(Do(kNodeA, OpenOf(2, 2)), IsOk());
  ASSERT_THAT(Detach(kNodeA, 2, 2), IsOk());
  now_ms_ += 100;
  table_.OwnerGone(kNodeA, /*said_goodbye=*/false, now_ms_, &effects_);
  EXPECT_THAT(effects_.rows, SizeIs(1));  // Not one for each session.
  Keep();
  EXPECT_THAT(table_.Owners(), IsEmpty());
  now_ms_ += kWindowMs - 100;
  EXPECT_EQ(table_.Expire(now_ms_, 10, &effects_),
            1u);  // It was detached first.
  now_ms_ += 99;
  EXPECT_EQ(table_.Expire(now_ms_, 10, &effects_), 0u);
  now_ms_ += 1;
  EXPECT_EQ(table_.Expire(now_ms_, 10, &effects_), 1u);
  Keep();
  EXPECT_THAT(disk(), IsEmpty());  // The owner's row went with the last.
}

TEST_F(SessionTableTest, AnOwnerThatIsBackHasWhatIsNotOver) {
  ASSERT_THAT(Do(kNodeA, OpenOf(1, 1)), IsOk());
  proto::SessionOperation brief = OpenOf(2, 2);
  brief.mutable_open()->set_window_ms(10);
  ASSERT_THAT(Do(kNodeA, brief), IsOk());
  table_.OwnerGone(kNodeA, /*said_goodbye=*/false, now_ms_, &effects_);
  now_ms_ += 10;
  table_.OwnerBack(kNodeA, now_ms_, &effects_);
  Keep();
  EXPECT_THAT(table_.Owners(), ElementsAre(kNodeA));
  EXPECT_THAT(disk(), SizeIs(1));
  now_ms_ += 10 * kWindowMs;
  EXPECT_THAT(Detach(kNodeA, 1, 1), IsOk());
  EXPECT_THAT(Detach(kNodeA, 2, 2), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(SessionTableTest, ARestoreFromAGoneOwnerTakesItsRowAlong) {
  ASSERT_THAT(Do(kNodeA, OpenOf(1)), IsOk());
  table_.OwnerGone(kNodeA, /*said_goodbye=*/false, now_ms_, &effects_);
  Keep();
  EXPECT_THAT(disk(), SizeIs(2));
  ASSERT_THAT(Restore(kNodeB, RestoreOf(2)), IsOk());
  EXPECT_THAT(disk(), SizeIs(1));
  EXPECT_THAT(table_.Owners(), ElementsAre(kNodeB));
  EXPECT_EQ(table_.next_deadline_ms(), std::nullopt);
}

TEST_F(SessionTableTest, TellsWhenNobodyKnowsWhatTheClientHas) {
  struct Case {
    const char* why;
    std::vector<std::pair<std::string, bool>> restores;  // Offset, breakable.
    bool is_in_doubt;                                    // In the last answer.
  };
  const std::vector<Case> cases = {
      {"the first time", {{"x", true}}, false},
      {"a second time from there", {{"x", true}, {"x", true}}, true},
      {"whichever way it comes then", {{"x", true}, {"x", false}}, true},
      {"it got further", {{"x", true}, {"y", true}}, false},
      {"it came whole or not at all", {{"x", false}, {"x", true}}, false},
      {"and until it is answered",
       {{"x", true}, {"x", true}, {"x", true}},
       true},
      {"a connection given up earlier was looked at in between",
       {{"x", true}, {"w", true}, {"x", true}},
       true},
      {"that may be one where nothing comes in part",
       {{"x", true}, {"w", false}, {"x", true}},
       true},
      {"several were",
       {{"x", true}, {"u", true}, {"v", true}, {"w", true}, {"x", true}},
       true},
  };
  uint64_t claim = 10;
  for (const Case& c : cases) {
    SessionTable fresh(10);
    ASSERT_THAT(fresh.Apply(kNodeA, OpenOf(1).SerializeAsString(), Offset(1),
                            now_ms_, &effects_),
                IsOk());
    bool is_in_doubt = false;
    for (const auto& [offset, breakable] : c.restores) {
      const auto answer = fresh.Apply(
          kNodeB, RestoreOf(++claim, offset, breakable).SerializeAsString(),
          Offset(2), now_ms_, &effects_);
      ASSERT_THAT(answer, IsOk());
      proto::SessionRecord record;
      ASSERT_TRUE(record.ParseFromString(*answer));
      is_in_doubt = record.is_in_doubt();
    }
    EXPECT_EQ(is_in_doubt, c.is_in_doubt) << c.why;
  }
}

TEST_F(SessionTableTest, WhoWasSentNothingAgainCannotHaveGotAPart) {
  for (const bool resent_nothing : {true, false}) {
    SessionTable fresh(10);
    const auto apply = [&](const proto::SessionOperation& operation) {
      const auto answer = fresh.Apply(kNodeA, operation.SerializeAsString(),
                                      Offset(1), now_ms_, &effects_);
      EXPECT_THAT(answer, IsOk());
      return *answer;
    };
    apply(OpenOf(1));
    apply(RestoreOf(2, "x", /*breakable=*/true));
    proto::SessionOperation detach = Operation(2);
    detach.mutable_detach()->set_resent_nothing(resent_nothing);
    apply(detach);
    proto::SessionRecord record;
    ASSERT_TRUE(record.ParseFromString(apply(RestoreOf(3, "x", true))));
    EXPECT_EQ(record.is_in_doubt(), !resent_nothing);
  }
}

// Else a restore whose client is gone again before it was told anything would
// take the doubt away with it.
TEST_F(SessionTableTest, DoubtLastsUntilTheClientIsAnswered) {
  SessionTable fresh(10);
  uint64_t claim = 1;
  const auto restore = [&] {
    const auto answer = fresh.Apply(
        kNodeA, RestoreOf(++claim, "x", /*breakable=*/true).SerializeAsString(),
        Offset(1), now_ms_, &effects_);
    proto::SessionRecord record;
    EXPECT_TRUE(answer.ok() && record.ParseFromString(*answer));
    return record.is_in_doubt();
  };
  const auto detach = [&](const proto::DetachSession& how) {
    proto::SessionOperation operation = Operation(claim);
    *operation.mutable_detach() = how;
    EXPECT_THAT(fresh.Apply(kNodeA, operation.SerializeAsString(), Offset(1),
                            now_ms_, &effects_),
                IsOk());
  };
  proto::DetachSession nothing;
  nothing.set_resent_nothing(true);
  proto::DetachSession answered;
  answered.set_answered_at_once(true);
  ASSERT_THAT(fresh.Apply(kNodeA, OpenOf(1).SerializeAsString(), Offset(1),
                          now_ms_, &effects_),
              IsOk());
  EXPECT_FALSE(restore());
  detach(proto::DetachSession());  // It was sent something, and broke off.
  EXPECT_TRUE(restore());
  detach(nothing);
  EXPECT_TRUE(restore());
  detach(answered);
  EXPECT_FALSE(restore());
}

// A connection that the client gave up before says nothing of the newer one.
TEST_F(SessionTableTest, DoubtIsTakenBackOnlyByTheRestoreThatCausedIt) {
  ASSERT_THAT(Do(kNodeA, OpenOf(1)), IsOk());
  ASSERT_THAT(Restore(kNodeB, RestoreOf(2, "x", /*breakable=*/true)), IsOk());
  ASSERT_THAT(Restore(kNodeA, RestoreOf(3, "w", /*breakable=*/true)), IsOk());
  proto::SessionOperation nothing = Operation(3);
  nothing.mutable_detach()->set_resent_nothing(true);
  ASSERT_THAT(Do(kNodeA, nothing), IsOk());
  const auto record = Restore(kNodeB, RestoreOf(4, "x", /*breakable=*/true));
  ASSERT_THAT(record, IsOk());
  EXPECT_TRUE(record->is_in_doubt());
}

TEST_F(SessionTableTest, RemembersDoubtsWithinABound) {
  ASSERT_THAT(Do(kNodeA, OpenOf(1)), IsOk());
  absl::StatusOr<proto::SessionRecord> record;
  for (int i = 0; i < 100; ++i) {
    record = Restore(kNodeA, RestoreOf(2 + i, absl::StrCat(i), true));
    ASSERT_THAT(record, IsOk());
    EXPECT_LE(record->resent_from_size(), kDoubtfulOffsetsMax);
  }
  EXPECT_EQ(record->resent_from(kDoubtfulOffsetsMax - 1), "98");
}

TEST_F(SessionTableTest, RefusesWhatBreaksARule) {
  using Break = void (*)(proto::SessionOperation*);
  const std::vector<std::pair<const char*, Break>> opens = {
      {"no claim", [](auto* o) { o->set_claim(0); }},
      {"no namespace", [](auto* o) { o->set_name_space(""); }},
      {"a short private id", [](auto* o) { o->set_private_id("short"); }},
      {"a short socket id",
       [](auto* o) { o->mutable_open()->set_socket_id("s"); }},
      {"no notice room",
       [](auto* o) { o->mutable_open()->clear_notice_room(); }},
      {"too long a window",
       [](auto* o) {
         o->mutable_open()->set_window_ms(
             absl::ToInt64Milliseconds(kRecoveryWindowMax) + 1);
       }},
      {"too much data",
       [](auto* o) {
         o->mutable_open()->mutable_data()->resize(kSessionDataBytesMax + 1);
       }},
      {"a room's name with a NUL",
       [](auto* o) { o->mutable_open()->add_rooms(std::string("a\0b", 3)); }},
      {"too many rooms",
       [](auto* o) {
         for (size_t i = 0; i <= kSessionRoomsMax; ++i) {
           o->mutable_open()->add_rooms(absl::StrCat("room", i));
         }
       }},
      {"nothing to do", [](auto* o) { o->clear_operation(); }},
  };
  for (const auto& [why, breaks] : opens) {
    proto::SessionOperation open = OpenOf(1);
    breaks(&open);
    EXPECT_THAT(Try(kNodeA, open), StatusIs(absl::StatusCode::kInvalidArgument))
        << why;
  }
  EXPECT_THAT(table_.Apply(kNodeA, "\xff", Offset(1), now_ms_, &effects_),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(effects_.rows, IsEmpty());

  ASSERT_THAT(Do(kNodeA, OpenOf(1)), IsOk());
  EXPECT_THAT(Do(kNodeA, OpenOf(2)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  proto::SessionOperation change = Operation(1);
  change.mutable_change()->add_joins()->mutable_start()->resize(
      kSessionStartBytesMax + 1);
  EXPECT_THAT(Do(kNodeA, change), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Do(kNodeA, RestoreOf(0)),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SessionTableTest, TakesNoMoreThanItMay) {
  SessionTable small(1);
  ASSERT_THAT(small.Apply(kNodeA, OpenOf(1, 1).SerializeAsString(), Offset(1),
                          now_ms_, &effects_),
              IsOk());
  EXPECT_THAT(small.Apply(kNodeA, OpenOf(2, 2).SerializeAsString(), Offset(2),
                          now_ms_, &effects_),
              StatusIs(absl::StatusCode::kOutOfRange));
}

// Everything that changes a table, after which it is as it was.
TEST_F(SessionTableTest, UndoLeavesWhatWasThere) {
  for (int i = 1; i <= 3; ++i) ASSERT_THAT(Do(kNodeA, OpenOf(i, i)), IsOk());
  ASSERT_THAT(Detach(kNodeA, 3, 3), IsOk());
  now_ms_ += 5;
  table_.OwnerGone(kNodeA, /*said_goodbye=*/false, now_ms_, &effects_);
  Keep();
  Told();
  const std::optional<int64_t> deadline = table_.next_deadline_ms();
  now_ms_ += kWindowMs - 1;

  ASSERT_THAT(Try(kNodeB, RestoreOf(9)), IsOk());
  ASSERT_THAT(Try(kNodeB, OpenOf(10, 10)), IsOk());
  EXPECT_EQ(table_.Expire(now_ms_, 10, &effects_), 1u);
  table_.OwnerBack(kNodeA, now_ms_, &effects_);
  proto::SessionOperation close = Operation(2, 2);
  close.mutable_close();
  ASSERT_THAT(Try(kNodeA, close), IsOk());
  table_.OwnerGone(kNodeB, /*said_goodbye=*/false, now_ms_, &effects_);
  effects_ = {};
  table_.Undo();

  EXPECT_EQ(table_.session_count(), 3u);
  EXPECT_EQ(table_.next_deadline_ms(), deadline);
  EXPECT_THAT(table_.Owners(), IsEmpty());
  // And it goes on as one that was loaded.
  SessionTable loaded(100);
  ASSERT_THAT(LoadInto(&loaded), IsOk());
  for (SessionTable* table : {&table_, &loaded}) {
    SessionTable::Effects effects;
    EXPECT_EQ(table->Expire(now_ms_ + 1, 10, &effects), 3u);
    EXPECT_EQ(effects.rows.size(), 4u);
    EXPECT_EQ(effects.rows[0].key.substr(0, 11),
              absl::string_view("s/\0private3", 11));
    EXPECT_EQ(effects.rows[3].key[0], 'o');
  }
}

TEST_F(SessionTableTest, RefusesToLoadWhatIsNoRow) {
  ASSERT_THAT(Do(kNodeA, OpenOf(1)), IsOk());
  SessionTable loaded(100);
  for (const auto& [key, value] : disk_) {
    EXPECT_THAT(loaded.Load(key + "x", value),
                StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_THAT(loaded.Load(key, value.substr(1)),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  ASSERT_THAT(LoadInto(&loaded), IsOk());
  EXPECT_THAT(loaded.Owners(), ElementsAre(kNodeA));
}

// What kSessionsMax costs is planned with a KiB for each.
TEST_F(SessionTableTest, AnIdleSessionWithThreeRoomsTakesLessThanAKiB) {
  constexpr int kSessions = 20'000;
  SessionTable table(kSessions);
  const auto in_use = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const size_t before = in_use();
  for (int i = 0; i < kSessions; ++i) {
    proto::SessionOperation open = OpenOf(i + 1, i);
    open.mutable_open()->add_rooms("a-room-of-a-game");
    SessionTable::Effects effects;
    ASSERT_THAT(table.Apply(kNodeA, open.SerializeAsString(), Offset(i + 1),
                            now_ms_, &effects),
                IsOk());
    table.Written();
  }
  SessionTable::Effects effects;
  table.OwnerGone(kNodeA, /*said_goodbye=*/false, now_ms_,
                  &effects);  // Now it is in every index.
  const size_t each = (in_use() - before) / kSessions;
  std::printf("a session with three rooms takes %zu bytes\n", each);
  EXPECT_LE(each, 1024u);
#ifndef __SANITIZE_ADDRESS__
#ifndef __SANITIZE_THREAD__
  EXPECT_GT(each, 0u);
#endif
#endif
}

}  // namespace
}  // namespace roomlog
