#include "broker/journal/applier.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_join.h"
#include "base/limits.h"
#include "broker/journal/batch_story.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/memory_disk.h"
#include "storage/memory_room_log.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ApplierTest : public ::testing::Test {
 protected:
  ApplierTest() { Open(); }

  void Open(Durability durability = Durability::kSynced) {
    applier_.reset();
    log_.reset();
    log_ = MemoryRoomLog::Open(disk_).value();
    applier_ = std::make_unique<Applier>(*log_, durability);
    ASSERT_THAT(applier_->Open(), IsOk());
  }
  void Restart() {
    disk_.Crash(/*lose_unsynced=*/true);
    Open();
  }

  std::vector<JournalResult> Apply(std::vector<JournalEntry> entries) {
    std::vector<JournalResult> results;
    applier_->Apply(std::move(entries), now_ms_, &results);
    return results;
  }

  // Publishes all in one turn. What each was answered, in words.
  std::vector<std::string> Publish(const std::vector<PublishStory>& stories) {
    std::vector<JournalEntry> entries;
    for (const PublishStory& story : stories) {
      entries.push_back(MakeBatch(story));
    }
    return Note(Apply(std::move(entries)));
  }

  // Adds what happened to `appended_` and `states_`, and returns the answers.
  std::vector<std::string> Note(const std::vector<JournalResult>& results) {
    std::vector<std::string> answers;
    for (const JournalResult& result : results) {
      if (const auto* state = std::get_if<PublishingState>(&result)) {
        states_.push_back(state->status.code());
      }
      const auto* commit = std::get_if<std::shared_ptr<const Commit>>(&result);
      if (commit == nullptr) continue;
      for (const BatchAnswer& answer : (*commit)->answers) {
        if (answer.ephemeral_request != 0) {
          answers.push_back(absl::StrCat(
              "ephemeral ", answer.ephemeral_request, " for ",
              std::count_if(answer.ephemeral_rooms.begin(),
                            answer.ephemeral_rooms.end(),
                            [](RoomId room) { return room != RoomId(); }),
              answer.ephemeral_status.ok() ? "" : ", not all"));
          continue;
        }
        answers.push_back(
            answer.expected == PublishNumber()
                ? absl::StrJoin(InWords(answer.runs), ", ")
                : absl::StrCat("expected ", answer.expected.value()));
      }
      for (const NewEvent& event : (*commit)->events) {
        appended_.push_back(absl::StrCat(event.offset.value(), " ",
                                         std::string(event.packet), " after ",
                                         event.previous.value()));
      }
    }
    return answers;
  }

  // The packets that the log holds in the room.
  std::vector<std::string> Kept(absl::string_view room) {
    ReadQuery query;
    query.room = RoomKey::Make("/", room).value();
    query.events_max = query.bytes_max = 1 << 20;
    const ReadPage page = log_->Read(query).value();
    std::vector<std::string> packets;
    for (const EventView& event : page.events) {
      packets.emplace_back(event.packet);
    }
    return packets;
  }

  RoomsFound Ask(std::vector<JournalEntry> entries) {
    std::vector<JournalResult> results = Apply(std::move(entries));
    EXPECT_TRUE(std::holds_alternative<RoomsFound>(results.back()));
    Note(results);
    return std::get<RoomsFound>(results.back());
  }
  static RoomInquiry Inquiry(const std::vector<std::string>& rooms,
                             uint64_t node = 5) {
    RoomInquiry inquiry;
    inquiry.node = NodeNumber(node);
    for (const std::string& room : rooms) {
      inquiry.handles.push_back(RoomHandle(inquiry.rooms.size() + 1));
      inquiry.rooms.push_back(room);
    }
    return inquiry;
  }

  // So many events that go to one room, and are refused with the disk full: so
  // their offsets are used up and nothing is stored.
  void WasteOffsets(uint64_t count) {
    auto batch = std::make_shared<PublishBatch>();
    batch->producer = ProducerId(99);
    batch->first_number = PublishNumber(1);
    static const std::string* const room = new std::string(Room("waste"));
    batch->rooms = {*room};
    EventView event;
    event.packet = "w";
    batch->events.assign(count, event);
    // What is reserved must be reserved before the disk fills.
    Publish({{.producer = 98, .events = {{Room("waste"), "w"}}}});
    disk_.SetFull(true);
    Note(Apply({std::shared_ptr<const PublishBatch>(batch)}));
    disk_.SetFull(false);
    states_.clear();
    appended_.clear();
  }

  int64_t now_ms_ = 1'000'000;
  MemoryDisk disk_;
  std::unique_ptr<MemoryRoomLog> log_;
  std::unique_ptr<Applier> applier_;
  std::vector<std::string> appended_;
  std::vector<absl::StatusCode> states_;
};

TEST_F(ApplierTest, NumbersEventsInTheOrderInWhichTheyCame) {
  EXPECT_THAT(Publish({{.producer = 1,
                        .events = {{Room("a"), "a1"}, {Room("b"), "b1"}}},
                       {.producer = 2, .events = {{Room("a"), "a2"}}}}),
              ElementsAre("1-2 at 1", "1 at 3"));
  EXPECT_THAT(Publish({{.first_number = 3, .events = {{Room("b"), "b2"}}}}),
              ElementsAre("3 at 4"));
  EXPECT_THAT(appended_, ElementsAre("1 a1 after 0", "2 b1 after 0",
                                     "3 a2 after 1", "4 b2 after 2"));
  EXPECT_THAT(states_, IsEmpty());
}

TEST_F(ApplierTest, OffsetsGoOnBeyondTheReservationAfterARestart) {
  Publish({{.events = {{Room("a"), "1"}}}});
  Restart();
  const uint64_t beyond = 1 + kOffsetsPerReservation + 1;
  EXPECT_THAT(Publish({{.first_number = 2, .events = {{Room("a"), "2"}}}}),
              ElementsAre(absl::StrCat("2 at ", beyond)));
  EXPECT_THAT(Kept("a"), ElementsAre("1", "2"));
}

TEST_F(ApplierTest, BatchSentAgainGetsItsFirstAnswer) {
  const PublishStory batch = {
      .events = {{Room("a"), "1"}, {"no namespace", "x"}, {Room("a"), "2"}}};
  const std::string first = "1 at 1, 2 INVALID_ARGUMENT, 3 at 2";
  // In the same turn, in another, and by another life of the node's link.
  EXPECT_THAT(Publish({batch, batch}), ElementsAre(first, first));
  EXPECT_THAT(Publish({batch}), ElementsAre(first));
  EXPECT_THAT(appended_, SizeIs(2));
  Restart();
  EXPECT_THAT(Publish({batch}), ElementsAre(first));
  EXPECT_THAT(Kept("a"), ElementsAre("1", "2"));
}

TEST_F(ApplierTest, BatchCutOtherwiseWhenSentAgainIsTakenOnce) {
  Publish({{.events = {{Room("a"), "1"}, {Room("a"), "2"}}}});
  EXPECT_THAT(Publish({{.first_number = 2,
                        .events = {{Room("a"), "2"}, {Room("a"), "3"}}},
                       {.first_number = 3,
                        .events = {{Room("a"), "3"}, {Room("a"), "4"}}}}),
              ElementsAre("2 at 2, 3 at 3", "3 at 3, 4 at 4"));
  EXPECT_THAT(Kept("a"), ElementsAre("1", "2", "3", "4"));
}

TEST_F(ApplierTest, NumbersWithAGapAreAskedForAgain) {
  Publish({{.events = {{Room("a"), "1"}}}});
  EXPECT_THAT(Publish({{.first_number = 3, .events = {{Room("a"), "3"}}},
                       {.first_number = 2, .events = {{Room("a"), "2"}}},
                       {.first_number = 4, .events = {{Room("a"), "4"}}}}),
              ElementsAre("expected 2", "2 at 2", "expected 3"));
  EXPECT_THAT(Kept("a"), ElementsAre("1", "2"));
  // A new producer begins at 1, or after what it has the answers of.
  EXPECT_THAT(
      Publish({{.producer = 8, .first_number = 6, .events = {{Room("a"), "6"}}},
               {.producer = 9,
                .first_number = 6,
                .events = {{Room("a"), "7"}},
                .answered_through = 5}}),
      ElementsAre("expected 1", "6 at 3"));
}

TEST_F(ApplierTest, PublishIdIsAppendedOnceForEachRoom) {
  EXPECT_THAT(Publish({{.events = {{Room("a"), "1", "id"},
                                   {Room("a"), "again", "id"},
                                   {Room("b"), "other room", "id"}}}}),
              ElementsAre("1 at 1, 2 was at 1, 3 at 2"));
  EXPECT_THAT(
      Publish({{.first_number = 4, .events = {{Room("a"), "again", "id"}}},
               {.producer = 2, .events = {{Room("a"), "again", "id"}}},
               {.producer = 3, .events = {{Room("a"), "2", "new"}}},
               {.producer = 4, .events = {{Room("a"), "again", "new"}}}}),
      ElementsAre("4 was at 1", "1 was at 1", "1 at 3", "1 was at 3"));
  Restart();
  EXPECT_THAT(
      Publish({{.producer = 5, .events = {{Room("a"), "again", "id"}}},
               {.producer = 4, .events = {{Room("a"), "again", "new"}}}}),
      ElementsAre("1 was at 1", "1 was at 3"));
  EXPECT_THAT(Kept("a"), ElementsAre("1", "2"));
}

TEST_F(ApplierTest, WrongRoomNameIsRefusedAndItsNeighboursAreNot) {
  const std::vector<std::string> wrong = {
      "",
      "no namespace",
      std::string("\0room", 5),
      std::string("/\0a\0b", 5),
      std::string("/\0\xff", 3),
      std::string("/\0", 2) + std::string(kRoomNameBytesMax + 1, 'r'),
      std::string(kRoomNameBytesMax + 1, 'n') + std::string("\0r", 2),
  };
  uint64_t number = 1;
  for (const std::string& name : wrong) {
    const std::vector<std::string> answers = Publish(
        {{.first_number = number,
          .events = {{Room("a"), "x"}, {name, "y"}, {Room("a"), "z"}}}});
    const uint64_t offset = number / 3 * 2 + 1;
    EXPECT_THAT(answers,
                ElementsAre(absl::StrCat(number, " at ", offset, ", ",
                                         number + 1, " INVALID_ARGUMENT, ",
                                         number + 2, " at ", offset + 1)));
    number += 3;
  }
  EXPECT_THAT(states_, IsEmpty());
}

TEST_F(ApplierTest, FullDiskRefusesAllAndThenGoesOn) {
  Publish({{.events = {{Room("a"), "1", "id-1"}}}});
  disk_.SetFull(true);
  const PublishStory refused = {.first_number = 2,
                                .events = {{Room("a"), "2"},
                                           {Room("new"), "x", "id-2"},
                                           {Room("a"), "again", "id-1"}}};
  EXPECT_THAT(Publish({refused}),
              ElementsAre("2-3 RESOURCE_EXHAUSTED, 4 RESOURCE_EXHAUSTED"));
  EXPECT_THAT(states_, ElementsAre(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(appended_, SizeIs(1));
  disk_.SetFull(false);
  // Who asks again hears the same again.
  EXPECT_THAT(Publish({refused}), ElementsAre("2-4 RESOURCE_EXHAUSTED"));
  // The offsets 2 and 3 were given to events that some disk may have seen.
  EXPECT_THAT(
      Publish({{.first_number = 5,
                .events = {{Room("a"), "2"}, {Room("new"), "x", "id-2"}}}}),
      ElementsAre("5-6 at 4"));
  EXPECT_THAT(states_, ElementsAre(absl::StatusCode::kResourceExhausted,
                                   absl::StatusCode::kOk));
  EXPECT_THAT(Kept("a"), ElementsAre("1", "2"));
  EXPECT_THAT(Kept("new"), ElementsAre("x"));
}

TEST_F(ApplierTest, FullDiskIsTriedAgainWithoutAPublish) {
  disk_.SetFull(true);
  EXPECT_THAT(Publish({{.events = {{Room("a"), "1"}}}}),
              ElementsAre("1 RESOURCE_EXHAUSTED"));
  std::vector<JournalResult> results;
  applier_->TidyUp(now_ms_, &results);
  EXPECT_THAT(results, IsEmpty());
  disk_.SetFull(false);
  applier_->TidyUp(now_ms_, &results);
  Note(results);
  EXPECT_THAT(states_, ElementsAre(absl::StatusCode::kResourceExhausted,
                                   absl::StatusCode::kOk));
}

TEST_F(ApplierTest, RefusedPublishKeepsNoRoomAlive) {
  disk_.SetFull(true);
  const RoomsFound held = Ask({Inquiry({Room("held")})});
  Publish({{.events = {{Room("held"), "1"}, {Room("new"), "1"}}}});
  disk_.SetFull(false);
  // A released room gets a new number, one that is held keeps it.
  const RoomsFound again = Ask({Inquiry({Room("held"), Room("new")})});
  EXPECT_EQ(again.rooms[0].head.id, held.rooms[0].head.id);
  EXPECT_THAT(again.rooms[1].head.id.value(),
              Gt(held.rooms[0].head.id.value() + 1));
}

TEST_F(ApplierTest, HeadsAreAsOfTheCommitThatCameWithTheQuestion) {
  const RoomsFound found =
      Ask({Inquiry({Room("a"), "wrong", Room("b")}),
           MakeBatch({.events = {{Room("a"), "1"}, {Room("a"), "2"}}})});
  EXPECT_EQ(found.node, NodeNumber(5));
  ASSERT_THAT(found.rooms, SizeIs(3));
  EXPECT_EQ(found.rooms[0].handle, RoomHandle(1));
  EXPECT_EQ(found.rooms[0].head.head, Offset(2));
  EXPECT_THAT(found.rooms[1].status,
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(found.rooms[2].status, IsOk());
  EXPECT_EQ(found.rooms[2].head.head, Offset(0));
}

TEST_F(ApplierTest, RoomIsReleasedOnceNobodyHoldsIt) {
  const auto id = [this] {
    return Ask({Inquiry({Room("a")})}).rooms[0].head.id;
  };
  const RoomId first = id();
  EXPECT_EQ(id(), first);
  Apply({RoomRelease{{first}}});
  EXPECT_EQ(id(), first);  // Held by one still.
  Apply({RoomRelease{{first, first}}});
  const RoomId second = id();
  EXPECT_NE(second, first);
  // What was never given is not taken back.
  Apply({RoomRelease{{first, RoomId(12345)}}});
  EXPECT_EQ(id(), second);
}

TEST_F(ApplierTest, SettledAnswersAreForgottenButTheLast) {
  Publish({{.events = {{Room("a"), "1"}}}});
  Publish({{.first_number = 2, .events = {{Room("a"), "2"}}}});
  Publish({{.first_number = 3,
            .events = {{Room("a"), "3"}},
            .answered_through = 2}});
  std::vector<uint64_t> rows;
  ASSERT_THAT(log_->LoadAnswers([&](const ProducerAnswers& answers) {
    rows.push_back(answers.first.value());
  }),
              IsOk());
  EXPECT_THAT(rows, ElementsAre(2, 3));
}

TEST_F(ApplierTest, TimeNeverGoesBack) {
  const auto time_of = [this](uint64_t number) {
    const auto results = Apply(
        {MakeBatch({.first_number = number, .events = {{Room("a"), "x"}}})});
    return std::get<std::shared_ptr<const Commit>>(results[0])->time_ms;
  };
  EXPECT_EQ(time_of(1), 1'000'000);
  now_ms_ -= 5000;
  EXPECT_EQ(time_of(2), 1'000'000);
  now_ms_ += 6000;
  EXPECT_EQ(time_of(3), 1'001'000);
}

// The reservation fails, but what is left of the last one can be written: the
// first commit of the turn succeeds, and the second must not seem to.
TEST_F(ApplierTest, WhatHasNoReservedOffsetIsNeverAcknowledged) {
  Open(Durability::kWritten);
  WasteOffsets(kOffsetsPerReservation - 1);
  disk_.SetSyncFails(true);
  const PublishStory fits = {.events = {{Room("a"), "1"}}};
  const PublishStory does_not = {
      .events = {{Room("a"), "1"}, {Room("a"), "2"}, {Room("a"), "3"}}};
  const std::vector<std::string> answers = Publish({fits, does_not});
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(answers[0].find("1 at "), 0u) << answers[0];
  EXPECT_NE(answers[1].find(", 2-3 UNAVAILABLE"), std::string::npos)
      << answers[1];
  EXPECT_THAT(Kept("a"), ElementsAre("1"));
  EXPECT_THAT(appended_, SizeIs(1));
}

// One event names a room of megabytes, and thousands point to it: saying why
// they are refused must cost about nothing.
TEST_F(ApplierTest, RefusingHugeRoomNamesIsCheap) {
  std::string packets;
  proto::Publish message;
  message.set_first_number(1);
  AddRoomName(std::string(1 << 20, '\xff'), message.mutable_rooms());
  EventColumnsWriter writer({.rooms = true}, message.mutable_events());
  EventView event;
  event.packet = "x";
  for (int i = 0; i < 64; ++i) {
    writer.Add(event);
    packets += "x";
  }
  const auto batch = ParsePublishBatch(NodeNumber(1), ProducerId(1), message,
                                       SharedBytes(packets))
                         .value();
  const auto results = Apply({batch});
  const auto& commit = std::get<std::shared_ptr<const Commit>>(results[0]);
  ASSERT_THAT(commit->answers[0].runs, SizeIs(1));
  const absl::Status& status = commit->answers[0].runs[0].status;
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_LT(status.message().size(), 4096u);
}

TEST_F(ApplierTest, EphemeralEventsTakeTheirPlaceInTheOrderAndAreNotKept) {
  Ask({Inquiry({Room("a")})});
  Publish({{.producer = 1, .events = {{Room("a"), "before"}}}});
  const uint64_t before = log_->FindRoom(Room("a"))->head.value();
  appended_.clear();
  const std::vector<std::string> answers =
      Note(Apply({MakeBatch({.producer = 2, .events = {{Room("a"), "x"}}}),
                  MakeEphemeralBatch(9, {{Room("a"), "wink"}}),
                  MakeBatch({.producer = 3, .events = {{Room("a"), "y"}}})}));
  EXPECT_THAT(answers[1], "ephemeral 9 for 1");
  EXPECT_THAT(appended_,
              ElementsAre(absl::StrCat(before + 1, " x after ", before),
                          absl::StrCat(before + 2, " wink after ", before + 1),
                          absl::StrCat(before + 3, " y after ", before + 1)));
  EXPECT_THAT(Kept("a"), ElementsAre("before", "x", "y"));
}

TEST_F(ApplierTest, WhatANodeSaysAfterItAskedIsBeyondTheHeadItIsTold) {
  const std::vector<JournalResult> results = Apply(
      {MakeBatch({.producer = 1, .events = {{Room("a"), "x"}}, .node = 1}),
       Inquiry({Room("a")}, 1),
       MakeBatch({.producer = 2, .events = {{Room("a"), "y"}}, .node = 2}),
       MakeBatch({.producer = 1,
                  .first_number = 2,
                  .events = {{Room("a"), "z"}},
                  .node = 1})});
  std::string order;
  for (const JournalResult& result : results) {
    if (std::holds_alternative<RoomsFound>(result)) order += "found ";
    const auto* commit = std::get_if<std::shared_ptr<const Commit>>(&result);
    if (commit == nullptr) continue;
    for (const NewEvent& event : (*commit)->events) {
      order += std::string(event.packet) + " ";
    }
  }
  EXPECT_EQ(order, "x y found z ");
}

TEST_F(ApplierTest, EphemeralEventsAreForThoseWhoAskedBefore) {
  const std::vector<JournalResult> results =
      Apply({MakeBatch({.producer = 1, .events = {{Room("a"), "x"}}}),
             Inquiry({Room("a")}), MakeEphemeralBatch(1, {{Room("a"), "y"}}),
             Inquiry({Room("b")}),
             MakeBatch({.producer = 2, .events = {{Room("a"), "z"}}})});
  // The first inquiry is answered before what is for it is handed on.
  std::string order;
  for (const JournalResult& result : results) {
    if (std::holds_alternative<RoomsFound>(result)) order += "found ";
    const auto* commit = std::get_if<std::shared_ptr<const Commit>>(&result);
    if (commit == nullptr) continue;
    for (const NewEvent& event : (*commit)->events) {
      order += std::string(event.packet) + " ";
    }
  }
  EXPECT_EQ(order, "x found y z found ");
}

TEST_F(ApplierTest, WhatNobodyFollowsIsAnsweredAndMakesNoRoom) {
  const std::vector<std::string> answers =
      Note(Apply({MakeEphemeralBatch(1, {{Room("a"), "x"}, {"no room", "y"}}),
                  MakeEphemeralBatch(2, {{Room("b"), "x"}})}));
  EXPECT_THAT(answers,
              ElementsAre("ephemeral 1 for 0, not all", "ephemeral 2 for 0"));
  EXPECT_THAT(appended_, IsEmpty());
  // The number was given back, and the next room has another.
  const RoomId a = log_->FindRoom(Room("a"))->id;
  const RoomId b = log_->FindRoom(Room("b"))->id;
  EXPECT_GT(a, RoomId(2));
  EXPECT_GT(b, a);
}

TEST_F(ApplierTest, EphemeralEventsGoOnWhenTheDiskIsFull) {
  Ask({Inquiry({Room("a")})});
  Publish({{.producer = 1, .events = {{Room("a"), "first"}}}});
  appended_.clear();
  disk_.SetFull(true);
  EXPECT_THAT(
      Note(Apply({MakeBatch({.producer = 2, .events = {{Room("a"), "x"}}}),
                  MakeEphemeralBatch(1, {{Room("a"), "y"}})})),
      ElementsAre("1 RESOURCE_EXHAUSTED", "ephemeral 1 for 1"));
  EXPECT_THAT(appended_, SizeIs(1));
  disk_.SetFull(false);
  Publish({{.producer = 2, .first_number = 2, .events = {{Room("a"), "z"}}}});
  EXPECT_THAT(Kept("a"), ElementsAre("first", "z"));
}

TEST_F(ApplierTest, TheOffsetOfAnEphemeralEventIsNotUsedAgain) {
  Ask({Inquiry({Room("a")})});
  Note(Apply({MakeEphemeralBatch(1, {{Room("a"), "x"}})}));
  const uint64_t used = std::stoull(appended_.back());
  Restart();
  Publish({{.producer = 1, .events = {{Room("a"), "y"}}}});
  EXPECT_GT(std::stoull(appended_.back()), used);
}

TEST_F(ApplierTest, WhileTheDiskIsFullItIsSaidOnce) {
  Publish({{.producer = 1, .events = {{Room("a"), "x"}}}});
  disk_.SetFull(true);
  states_.clear();
  for (uint64_t number = 2; number < 6; ++number) {
    Publish({{.producer = 1,
              .first_number = number,
              .events = {{Room("a"), "x"}}}});
  }
  EXPECT_THAT(states_, ElementsAre(absl::StatusCode::kResourceExhausted));
  disk_.SetFull(false);
  Publish({{.producer = 1, .first_number = 6, .events = {{Room("a"), "x"}}}});
  EXPECT_THAT(states_, ElementsAre(absl::StatusCode::kResourceExhausted,
                                   absl::StatusCode::kOk));
}

TEST_F(ApplierTest, WhatItsNodeGaveUpIsNotWaitedFor) {
  // 6 and 7 were never sent; both batches come into one commit.
  EXPECT_THAT(
      Publish({{.producer = 1, .events = {{Room("a"), "1"}, {Room("a"), "2"}}},
               {.producer = 1,
                .first_number = 5,
                .events = {{Room("a"), "5"}},
                .answered_through = 4}}),
      ElementsAre("1-2 at 1", "5 at 3"));
}

TEST_F(ApplierTest, TidyingComesAgainSoonWhileSomethingGoes) {
  Publish({{.producer = 1, .events = {{Room("a"), "x"}}}});
  std::vector<JournalResult> results;
  EXPECT_FALSE(applier_->TidyUp(now_ms_, &results));
  const int64_t years_later = now_ms_ + int64_t{10'000} * 86'400'000;
  EXPECT_TRUE(applier_->TidyUp(years_later, &results));
  EXPECT_THAT(Kept("a"), IsEmpty());
  EXPECT_FALSE(applier_->TidyUp(years_later, &results));
}

}  // namespace
}  // namespace roomlog
