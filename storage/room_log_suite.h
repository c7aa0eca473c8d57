// What every RoomLog must do. Include it in one test for each of them, which
// instantiates RoomLogTest with a maker of what is to be tested.
#ifndef ROOMLOG_STORAGE_ROOM_LOG_SUITE_H_
#define ROOMLOG_STORAGE_ROOM_LOG_SUITE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/retention.h"
#include "storage/room_log.h"
#include "test/status_matchers.h"

namespace roomlog {

// A place where a log is kept, and what may happen there.
class LogPlace {
 public:
  struct Settings {
    std::vector<std::string> retention = {};
    bool every_commit_synced = true;
  };

  virtual ~LogPlace() = default;

  virtual absl::StatusOr<std::unique_ptr<RoomLog>> Open(
      const Settings& settings) = 0;
  // The process dies, or the machine: then what was not synced is lost. The log
  // that is open can write no more.
  virtual void Crash(bool lose_unsynced) = 0;
  virtual void SetFull(bool full) = 0;
  virtual void SetSyncFails(bool fails) = 0;
  // From here on Open() opens a copy. The log is closed.
  virtual void Copy() = 0;
};

using MakeLogPlace = std::function<std::unique_ptr<LogPlace>()>;

class RoomLogTest : public ::testing::TestWithParam<MakeLogPlace> {
 protected:
  using Direction = ReadQuery::Direction;
  static constexpr int64_t kDayMs = 86'400'000;

  struct Said {
    std::string room;
    std::string packet;
    std::string id = {};
  };

  RoomLogTest() : place_(GetParam()()) {}

  void Open(LogPlace::Settings settings = {}) {
    settings_ = std::move(settings);
    absl::StatusOr<std::unique_ptr<RoomLog>> log = place_->Open(settings_);
    ASSERT_THAT(log, IsOk());
    log_ = *std::move(log);
    next_ = log_->first_offset();
    ASSERT_THAT(log_->ReserveThrough(Offset(next_.value() + 99'999)), IsOk());
  }
  void Restart() {
    log_.reset();
    Open(settings_);
  }
  void Crash(bool lose_unsynced) {
    place_->Crash(lose_unsynced);
    log_.reset();
    Open(settings_);
  }

  static RoomKey Key(absl::string_view room) {
    return RoomKey::Make("/", room).value();
  }
  RoomHead Room(absl::string_view room) {
    const absl::StatusOr<RoomHead> head = log_->FindRoom(Key(room).text());
    EXPECT_THAT(head, IsOk());
    return head.ok() ? *head : RoomHead();
  }

  // Appends each at an offset of its own, all in one commit.
  absl::Status Append(const std::vector<Said>& all,
                      Durability durability = Durability::kSynced) {
    LogBatch batch;
    batch.time_ms = now_ms_;
    for (const Said& said : all) {
      NewEvent event;
      event.room = Room(said.room).id;
      event.offset = next_;
      event.id = said.id;
      event.packet = said.packet;
      batch.events.push_back(event);
      next_ = next_.Next();
    }
    return log_->Append(&batch, durability);
  }
  // One commit, one event. Its offset.
  Offset Say(absl::string_view room, absl::string_view packet,
             absl::string_view id = "",
             Durability durability = Durability::kSynced) {
    const Offset offset = next_;
    EXPECT_THAT(
        Append({{std::string(room), std::string(packet), std::string(id)}},
               durability),
        IsOk());
    return offset;
  }
  // `count` events in commits of `commit`: the packets are "0", "1" and so on.
  void SayMany(absl::string_view room, int count, int commit = 7) {
    for (int i = 0; i < count; i += commit) {
      std::vector<Said> all;
      for (int j = i; j < std::min(count, i + commit); ++j) {
        all.push_back({std::string(room), absl::StrCat(j)});
      }
      ASSERT_THAT(Append(all), IsOk());
    }
  }

  // One commit of state, with an event in the room "r" if `packet` is given.
  absl::Status Keep(std::vector<StateChange> state,
                    absl::string_view packet = "",
                    Durability durability = Durability::kSynced) {
    LogBatch batch;
    batch.time_ms = now_ms_;
    batch.state = std::move(state);
    if (!packet.empty()) {
      NewEvent event;
      event.room = Room("r").id;
      event.offset = next_;
      event.packet = packet;
      batch.events.push_back(event);
      next_ = next_.Next();
    }
    return log_->Append(&batch, durability);
  }
  // "a=1 b=2"
  std::string State() {
    std::vector<std::string> rows;
    EXPECT_THAT(
        log_->LoadState([&](absl::string_view key, absl::string_view value) {
          rows.push_back(absl::StrCat(key, "=", value));
          return absl::OkStatus();
        }),
        IsOk());
    return absl::StrJoin(rows, " ");
  }

  // Everything of a room, unless the test changes it.
  ReadQuery All(absl::string_view room) const {
    ReadQuery query;
    query.room = Key(room);
    query.events_max = 1'000'000;
    query.bytes_max = 1'000'000'000;
    query.now_ms = now_ms_;
    return query;
  }
  ReadPage Read(const ReadQuery& query) const {
    absl::StatusOr<ReadPage> page = log_->Read(query);
    EXPECT_THAT(page, IsOk());
    return page.ok() ? *std::move(page) : ReadPage();
  }
  // The packets with blanks between them, and "..." where there are more.
  static std::string Text(const ReadPage& page, Direction direction) {
    std::vector<absl::string_view> packets;
    for (const EventView& event : page.events) packets.push_back(event.packet);
    const bool newest_first = direction == Direction::kNewestFirst;
    if (page.more && newest_first) packets.insert(packets.begin(), "...");
    if (page.more && !newest_first) packets.push_back("...");
    return absl::StrJoin(packets, " ");
  }
  std::string TextOf(const ReadQuery& query) const {
    return Text(Read(query), query.direction);
  }
  std::string Told(absl::string_view room) const { return TextOf(All(room)); }

  // Trims all rooms as often as it takes.
  size_t TrimAll() {
    size_t gone = 0;
    while (true) {
      const absl::StatusOr<size_t> trimmed = log_->Trim(now_ms_, 1000);
      EXPECT_THAT(trimmed, IsOk());
      if (!trimmed.ok() || *trimmed == 0) return gone;
      gone += *trimmed;
    }
  }

  std::vector<ProducerAnswers> Answers() {
    std::vector<ProducerAnswers> all;
    EXPECT_THAT(log_->LoadAnswers([&](ProducerAnswers answers) {
      all.push_back(std::move(answers));
    }),
                IsOk());
    return all;
  }

  const std::unique_ptr<LogPlace> place_;
  LogPlace::Settings settings_;
  std::unique_ptr<RoomLog> log_;
  Offset next_;
  int64_t now_ms_ = 1000 * kDayMs;
};

// ---- Appending and reading ----

TEST_P(RoomLogTest, WhatIsNoNameHasNoRoom) {
  Open();
  for (absl::string_view name : {"", "no separator", "a\xff"}) {
    EXPECT_THAT(log_->FindRoom(name),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << name;
  }
}

TEST_P(RoomLogTest, AnUnknownRoomIsEmpty) {
  Open();
  for (const Direction direction :
       {Direction::kOldestFirst, Direction::kNewestFirst}) {
    ReadQuery query = All("nowhere");
    query.direction = direction;
    const ReadPage page = Read(query);
    EXPECT_TRUE(page.events.empty());
    EXPECT_FALSE(page.more);
    EXPECT_EQ(page.head, Offset());
    EXPECT_EQ(page.trimmed_through, Offset());
  }
  const RoomHead head = Room("nowhere");
  EXPECT_EQ(head.head, Offset());
  EXPECT_EQ(head.events, 0u);
}

TEST_P(RoomLogTest, EventsComeBackWhole) {
  Open();
  LogBatch batch;
  batch.time_ms = 1234;
  batch.events = {{.room = Room("a").id,
                   .offset = next_,
                   .flags = 3,
                   .id = "id-1",
                   .packet = absl::string_view("a\0b", 3),
                   .previous = Offset()},
                  {.room = Room("a").id,
                   .offset = Offset(next_.value() + 5),
                   .flags = 0,
                   .id = "",
                   .packet = "",
                   .previous = Offset()}};
  now_ms_ = 1234;
  ASSERT_THAT(log_->Append(&batch, Durability::kSynced), IsOk());
  const ReadPage page = Read(All("a"));
  ASSERT_EQ(page.events.size(), 2u);
  EventView first;
  first.offset = next_;
  first.time_ms = 1234;
  first.flags = 3;
  first.id = "id-1";
  first.packet = absl::string_view("a\0b", 3);
  EventView second;
  second.offset = Offset(next_.value() + 5);
  second.previous = next_;
  second.time_ms = 1234;
  EXPECT_THAT(page.events, ::testing::ElementsAre(first, second));
  EXPECT_EQ(page.head, second.offset);
}

TEST_P(RoomLogTest, AnEventForSeveralRoomsHasOneOffset) {
  Open();
  LogBatch batch;
  batch.time_ms = now_ms_;
  for (const char* room : {"a", "b", "c"}) {
    batch.events.push_back({.room = Room(room).id,
                            .offset = next_,
                            .flags = 0,
                            .id = "",
                            .packet = "x",
                            .previous = Offset()});
  }
  ASSERT_THAT(log_->Append(&batch, Durability::kSynced), IsOk());
  for (const char* room : {"a", "b", "c"}) {
    EXPECT_EQ(Read(All(room)).events.at(0).offset, next_);
    EXPECT_EQ(Room(room).head, next_);
  }
}

TEST_P(RoomLogTest, NamesThePreviousEventOfTheRoom) {
  Open();
  const Offset a1 = Say("a", "1");
  const Offset b1 = Say("b", "1");
  LogBatch batch;
  batch.time_ms = now_ms_;
  for (const char* room : {"a", "b", "a"}) {
    batch.events.push_back({.room = Room(room).id,
                            .offset = next_,
                            .flags = 0,
                            .id = "",
                            .packet = "2",
                            .previous = Offset()});
    next_ = next_.Next();
  }
  ASSERT_THAT(log_->Append(&batch, Durability::kSynced), IsOk());
  EXPECT_EQ(batch.events[0].previous, a1);
  EXPECT_EQ(batch.events[1].previous, b1);
  EXPECT_EQ(batch.events[2].previous, batch.events[0].offset);
  const ReadPage page = Read(All("a"));
  ASSERT_EQ(page.events.size(), 3u);
  EXPECT_EQ(page.events[0].previous, Offset());
  EXPECT_EQ(page.events[1].previous, a1);
  EXPECT_EQ(page.events[2].previous, batch.events[0].offset);
}

TEST_P(RoomLogTest, RoomsWithSimilarNamesAreApart) {
  Open();
  const std::vector<std::string> names = {"", "a", "aa", "b", "a b", "é"};
  for (const std::string& name : names) Say(name, "in " + name);
  for (const std::string& name : names) {
    EXPECT_EQ(Told(name), "in " + name);
  }
  ReadQuery elsewhere = All("a");
  elsewhere.room = RoomKey::Make("/x", "a").value();
  EXPECT_TRUE(Read(elsewhere).events.empty());
}

TEST_P(RoomLogTest, PagesBothWaysAtExactBoundaries) {
  Open();
  const Offset first = next_;
  SayMany("before", 3);
  const Offset zero = next_;  // Of the room's "0".
  SayMany("a", 10, /*commit=*/4);
  SayMany("behind", 3);
  const auto at = [&](int i) { return Offset(zero.value() + i); };
  const struct {
    Direction direction;
    Offset after;
    Offset before;
    size_t events_max;
    size_t bytes_max;
    const char* want;
  } cases[] = {
      {Direction::kOldestFirst, Offset(), kNoUpperBound, 10, 99,
       "0 1 2 3 4 5 6 7 8 9"},
      {Direction::kOldestFirst, Offset(), kNoUpperBound, 9, 99,
       "0 1 2 3 4 5 6 7 8 ..."},
      {Direction::kOldestFirst, Offset(), kNoUpperBound, 0, 99, "..."},
      {Direction::kOldestFirst, Offset(), kNoUpperBound, 1, 0, "0 ..."},
      {Direction::kOldestFirst, Offset(), kNoUpperBound, 99, 0, "0 ..."},
      {Direction::kOldestFirst, Offset(), kNoUpperBound, 99, 3, "0 1 2 ..."},
      {Direction::kOldestFirst, Offset(), kNoUpperBound, 99, 10,
       "0 1 2 3 4 5 6 7 8 9"},
      {Direction::kOldestFirst, at(3), kNoUpperBound, 99, 99, "4 5 6 7 8 9"},
      {Direction::kOldestFirst, at(4), kNoUpperBound, 2, 99, "5 6 ..."},
      {Direction::kOldestFirst, at(8), kNoUpperBound, 1, 99, "9"},
      {Direction::kOldestFirst, at(9), kNoUpperBound, 99, 99, ""},
      {Direction::kOldestFirst, at(99), kNoUpperBound, 99, 99, ""},
      {Direction::kOldestFirst, kNoUpperBound, kNoUpperBound, 99, 99, ""},
      {Direction::kOldestFirst, at(2), at(6), 99, 99, "3 4 5"},
      {Direction::kOldestFirst, at(2), at(6), 3, 99, "3 4 5"},
      {Direction::kOldestFirst, at(2), at(6), 2, 99, "3 4 ..."},
      {Direction::kOldestFirst, at(2), at(3), 99, 99, ""},
      {Direction::kOldestFirst, at(6), at(2), 99, 99, ""},
      {Direction::kOldestFirst, Offset(), at(0), 99, 99, ""},
      {Direction::kOldestFirst, Offset(), Offset(), 99, 99, ""},
      {Direction::kOldestFirst, first, at(2), 99, 99, "0 1"},

      {Direction::kNewestFirst, Offset(), kNoUpperBound, 10, 99,
       "0 1 2 3 4 5 6 7 8 9"},
      {Direction::kNewestFirst, Offset(), kNoUpperBound, 9, 99,
       "... 1 2 3 4 5 6 7 8 9"},
      {Direction::kNewestFirst, Offset(), kNoUpperBound, 0, 99, "..."},
      {Direction::kNewestFirst, Offset(), kNoUpperBound, 99, 0, "... 9"},
      {Direction::kNewestFirst, Offset(), kNoUpperBound, 99, 3, "... 7 8 9"},
      {Direction::kNewestFirst, Offset(), at(10), 1, 99, "... 9"},
      {Direction::kNewestFirst, Offset(), at(9), 1, 99, "... 8"},
      {Direction::kNewestFirst, Offset(), at(4), 2, 99, "... 2 3"},
      {Direction::kNewestFirst, Offset(), at(1), 1, 99, "0"},
      {Direction::kNewestFirst, Offset(), at(0), 1, 99, ""},
      {Direction::kNewestFirst, Offset(), Offset(), 1, 99, ""},
      {Direction::kNewestFirst, at(2), at(6), 3, 99, "3 4 5"},
      {Direction::kNewestFirst, at(2), at(6), 2, 99, "... 4 5"},
      {Direction::kNewestFirst, at(5), at(6), 9, 99, ""},
      {Direction::kNewestFirst, at(6), at(2), 9, 99, ""},
      {Direction::kNewestFirst, kNoUpperBound, kNoUpperBound, 9, 99, ""},
      {Direction::kNewestFirst, kNoUpperBound, Offset(), 9, 99, ""},
  };
  for (const bool restarted : {false, true}) {
    int number = 0;
    for (const auto& [direction, after, before, events_max, bytes_max, want] :
         cases) {
      ReadQuery query = All("a");
      query.direction = direction;
      query.after = after;
      query.before = before;
      query.events_max = events_max;
      query.bytes_max = bytes_max;
      const ReadPage page = Read(query);
      EXPECT_EQ(Text(page, direction), want) << "case " << number;
      EXPECT_EQ(page.head, at(9)) << "case " << number;
      ++number;
    }
    if (!restarted) Restart();
  }
}

TEST_P(RoomLogTest, PagesThroughWithoutSeam) {
  Open();
  SayMany("a", 1000, /*commit=*/300);
  const std::string all = Told("a");
  for (const size_t events_max : {1u, 7u, 255u, 256u, 257u, 1000u}) {
    for (const Direction direction :
         {Direction::kOldestFirst, Direction::kNewestFirst}) {
      ReadQuery query = All("a");
      query.direction = direction;
      query.events_max = events_max;
      std::vector<std::string> pages;
      while (true) {
        ReadPage page = Read(query);
        ASSERT_FALSE(page.events.empty());
        query.after = direction == Direction::kOldestFirst
                          ? page.events.back().offset
                          : Offset();
        query.before = direction == Direction::kNewestFirst
                           ? page.events.front().offset
                           : kNoUpperBound;
        const bool more = std::exchange(page.more, false);
        pages.push_back(Text(page, direction));
        if (!more) break;
      }
      if (direction == Direction::kNewestFirst) {
        std::reverse(pages.begin(), pages.end());
      }
      EXPECT_EQ(absl::StrJoin(pages, " "), all) << events_max;
    }
  }
}

TEST_P(RoomLogTest, ReadsSinceATime) {
  Open();
  for (int i = 0; i < 6; ++i) {
    Say("a", absl::StrCat(i));
    now_ms_ += 10;
  }
  const int64_t third = now_ms_ - 40;  // When "2" was said.
  ReadQuery query = All("a");
  query.since_ms = third;
  EXPECT_EQ(TextOf(query), "2 3 4 5");
  query.since_ms = third + 1;
  EXPECT_EQ(TextOf(query), "3 4 5");
  query.events_max = 2;
  EXPECT_EQ(TextOf(query), "3 4 ...");
  query.direction = Direction::kNewestFirst;
  EXPECT_EQ(TextOf(query), "... 4 5");
  query.events_max = 3;
  EXPECT_EQ(TextOf(query), "3 4 5");
  query.since_ms = now_ms_;
  EXPECT_EQ(TextOf(query), "");
}

TEST_P(RoomLogTest, RefusesOffsetsOutOfOrderAndChangesNothing) {
  Open();
  const Offset one = Say("a", "1");
  const RoomId room = Room("a").id;
  const auto append = [&](RoomId id, std::vector<uint64_t> offsets) {
    LogBatch batch;
    batch.time_ms = now_ms_;
    for (uint64_t offset : offsets) {
      NewEvent event;
      event.room = id;
      event.offset = Offset(offset);
      event.packet = "bad";
      batch.events.push_back(event);
    }
    return log_->Append(&batch, Durability::kSynced);
  };
  const uint64_t next = next_.value();
  EXPECT_THAT(append(room, {one.value()}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(append(room, {next, next}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(append(room, {next + 100'000'000}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(append(RoomId(777), {next}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(Told("a"), "1");
  Say("a", "2");
  EXPECT_EQ(Told("a"), "1 2");
}

TEST_P(RoomLogTest, ACommitWithoutEventsIsFine) {
  Open();
  LogBatch batch;
  EXPECT_THAT(log_->Append(&batch, Durability::kSynced), IsOk());
  batch.answers = {{.producer = ProducerId(1),
                    .first = PublishNumber(1),
                    .runs = {},
                    .time_ms = 5}};
  EXPECT_THAT(log_->Append(&batch, Durability::kWritten), IsOk());
  EXPECT_EQ(Answers(), batch.answers);
}

// ---- Rooms, ids, answers ----

TEST_P(RoomLogTest, KnowsWhereEachRoomStands) {
  Open();
  Say("a", "1234");
  const Offset last = Say("a", "56");
  for (const bool restarted : {false, true}) {
    const RoomHead head = Room("a");
    EXPECT_EQ(head.head, last);
    EXPECT_EQ(head.events, 2u);
    EXPECT_EQ(head.bytes, 6u);
    EXPECT_EQ(head.trimmed_through, Offset());
    EXPECT_EQ(Room("a").id, head.id);
    EXPECT_NE(Room("b").id, head.id);
    if (!restarted) Restart();
  }
}

TEST_P(RoomLogTest, ForgetsReleasedRoomsWithoutEventsOnly) {
  Open();
  const RoomId empty = Room("empty").id;
  Say("full", "1");
  log_->Release(empty);
  log_->Release(Room("full").id);
  log_->Release(RoomId(777));
  EXPECT_EQ(Told("full"), "1");
  EXPECT_NE(Room("empty").id, empty);  // A number is not used twice.
  LogBatch batch;
  batch.events.resize(1);
  batch.events[0].room = empty;
  batch.events[0].offset = next_;
  EXPECT_THAT(log_->Append(&batch, Durability::kSynced),
              StatusIs(absl::StatusCode::kInvalidArgument));
  Say("empty", "later");
  EXPECT_EQ(Told("empty"), "later");
}

TEST_P(RoomLogTest, FindsPublishIds) {
  Open();
  const Offset one = Say("a", "1", "x");
  Say("a", "2");
  const Offset three = Say("a", "3", "xy");
  Say("b", "4", "z");
  for (const bool restarted : {false, true}) {
    const RoomId a = Room("a").id;
    EXPECT_THAT(log_->FindPublishId(a, "x"), IsOkAndHolds(one));
    EXPECT_THAT(log_->FindPublishId(a, "xy"), IsOkAndHolds(three));
    for (const char* other : {"", "y", "z", "xyz"}) {
      EXPECT_THAT(log_->FindPublishId(a, other), IsOkAndHolds(std::nullopt))
          << other;
    }
    EXPECT_THAT(log_->FindPublishId(Room("c").id, "x"),
                IsOkAndHolds(std::nullopt));
    EXPECT_THAT(log_->FindPublishId(RoomId(777), "x"),
                IsOkAndHolds(std::nullopt));
    if (!restarted) Restart();
  }
}

TEST_P(RoomLogTest, RemembersAnswersUntilTheyAreForgotten) {
  Open();
  const auto answers = [](uint64_t producer, uint64_t first) {
    return ProducerAnswers{
        .producer = ProducerId(producer),
        .first = PublishNumber(first),
        .runs = {{3, Offset(100), false}, {1, Offset(7), true}},
        .time_ms = 55};
  };
  LogBatch batch;
  batch.answers = {answers(~uint64_t{0}, 1), answers(2, 256), answers(2, 1)};
  ASSERT_THAT(log_->Append(&batch, Durability::kSynced), IsOk());
  for (const bool restarted : {false, true}) {
    EXPECT_THAT(Answers(),
                ::testing::ElementsAre(answers(2, 1), answers(2, 256),
                                       answers(~uint64_t{0}, 1)));
    if (!restarted) Restart();
  }
  batch.answers = {answers(2, 300)};
  batch.forgotten_answers = {{ProducerId(2), PublishNumber(1)},
                             {ProducerId(2), PublishNumber(256)},
                             {ProducerId(9), PublishNumber(9)}};
  ASSERT_THAT(log_->Append(&batch, Durability::kSynced), IsOk());
  EXPECT_THAT(Answers(), ::testing::ElementsAre(answers(2, 300),
                                                answers(~uint64_t{0}, 1)));
}

// ---- Retention ----

TEST_P(RoomLogTest, StateIsWhatItWasChangedToLast) {
  Open();
  EXPECT_EQ(State(), "");
  ASSERT_THAT(Keep({{"b", "1"}, {"a", "1"}, {"b", "2"}, {"c", ""}}), IsOk());
  EXPECT_EQ(State(), "a=1 b=2 c=");
  ASSERT_THAT(Keep({{"a", std::nullopt}, {"unknown", std::nullopt}}, "x"),
              IsOk());
  EXPECT_EQ(State(), "b=2 c=");
  EXPECT_THAT(log_->LoadState([](absl::string_view, absl::string_view) {
    return absl::DataLossError("no such row");
  }),
              StatusIs(absl::StatusCode::kDataLoss));
  Restart();
  EXPECT_EQ(State(), "b=2 c=");
  ASSERT_THAT(Keep({{"b", "3"}}), IsOk());
  Crash(/*lose_unsynced=*/true);
  EXPECT_EQ(State(), "b=3 c=");
}

TEST_P(RoomLogTest, StateAndEventsGoTogetherOrNotAtAll) {
  Open();
  ASSERT_THAT(Keep({{"kept", "1"}, {"old", "1"}}, "x"), IsOk());
  place_->SetFull(true);
  EXPECT_THAT(Keep({{"kept", "2"}, {"old", std::nullopt}, {"new", "2"}}, "y"),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(State(), "kept=1 old=1");
  place_->SetFull(false);
  while (!Keep({{"later", "3"}}, "z").ok()) {
  }
  EXPECT_EQ(State(), "kept=1 later=3 old=1");
  EXPECT_EQ(Text(Read(All("r")), Direction::kOldestFirst), "x z");
  Restart();
  EXPECT_EQ(State(), "kept=1 later=3 old=1");
}

TEST_P(RoomLogTest, ANewEpochHasNoState) {
  Open({.every_commit_synced = false});
  ASSERT_THAT(Keep({{"a", "1"}}, "x"), IsOk());
  Crash(/*lose_unsynced=*/true);
  EXPECT_EQ(State(), "");
  ASSERT_THAT(Keep({{"b", "1"}, {"c", "1"}}), IsOk());
  log_.reset();
  place_->Copy();
  Open(settings_);
  EXPECT_EQ(State(), "");
  Restart();
  EXPECT_EQ(State(), "");
}

TEST_P(RoomLogTest, TrimsByCount) {
  Open({.retention = {"/:a=events:100"}});
  SayMany("a", 164);
  SayMany("b", 200);
  EXPECT_EQ(TrimAll(), 0u);  // Within the slack.
  const Offset first(next_.value() - 364);
  EXPECT_EQ(Read(All("a")).trimmed_through, Offset());
  Say("a", "164");
  EXPECT_EQ(TrimAll(), 65u);
  for (const bool restarted : {false, true}) {
    const ReadPage page = Read(All("a"));
    EXPECT_EQ(page.trimmed_through, Offset(first.value() + 64));
    ASSERT_EQ(page.events.size(), 100u);
    EXPECT_EQ(page.events[0].packet, "65");
    EXPECT_EQ(page.events[0].previous, page.trimmed_through);
    const RoomHead head = Room("a");
    EXPECT_EQ(head.events, 100u);
    EXPECT_EQ(head.bytes, 35 * 2 + 65 * 3u);
    EXPECT_EQ(head.trimmed_through, page.trimmed_through);
    EXPECT_EQ(Room("b").events, 200u);
    if (!restarted) Restart();
  }
}

TEST_P(RoomLogTest, TrimsByBytes) {
  Open({.retention = {"/:a=bytes:1000"}});
  for (int i = 0; i < 20; ++i) Say("a", std::string(900, 'x'));
  EXPECT_EQ(TrimAll(), 0u);
  for (int i = 0; i < 50; ++i) Say("a", std::string(900, 'y'));
  EXPECT_EQ(TrimAll(), 69u);
  EXPECT_EQ(Room("a").bytes, 900u);
  EXPECT_EQ(Room("a").events, 1u);
}

TEST_P(RoomLogTest, ExpiredEventsAreNeverGiven) {
  Open({.retention = {"*=age:8d"}});
  const Offset one = Say("a", "1");
  now_ms_ += kDayMs;
  const Offset two = Say("a", "2", "id");
  now_ms_ += kDayMs;
  Say("a", "3");
  const int64_t start = now_ms_ - 2 * kDayMs;
  const struct {
    int64_t now_ms;
    const char* want;
    Offset trimmed_through;
  } cases[] = {
      {start + 8 * kDayMs, "1 2 3", Offset()},
      {start + 8 * kDayMs + 1, "2 3", one},
      {start + 9 * kDayMs, "2 3", one},
      {start + 9 * kDayMs + 1, "3", two},
      {start + 10 * kDayMs + 1, "", two.Next()},
  };
  for (const bool trimmed : {false, true}) {
    for (const auto& [now_ms, want, trimmed_through] : cases) {
      now_ms_ = now_ms;
      if (trimmed) TrimAll();
      for (const Direction direction :
           {Direction::kOldestFirst, Direction::kNewestFirst}) {
        ReadQuery query = All("a");
        query.direction = direction;
        const ReadPage page = Read(query);
        EXPECT_EQ(Text(page, direction), want);
        EXPECT_EQ(page.trimmed_through, trimmed_through) << want;
        EXPECT_EQ(page.head, two.Next());
      }
    }
  }
}

TEST_P(RoomLogTest, AFullPageSaysNothingOfExpiredEventsBeyondIt) {
  Open({.retention = {"*=age:8d"}});
  Say("a", "old");
  now_ms_ += 9 * kDayMs;
  Say("a", "1");
  Say("a", "2");
  ReadQuery query = All("a");
  query.events_max = 2;
  query.direction = Direction::kNewestFirst;
  EXPECT_EQ(TextOf(query), "1 2");  // No "...": the older one is gone.
  query.direction = Direction::kOldestFirst;
  EXPECT_EQ(TextOf(query), "1 2");
}

TEST_P(RoomLogTest, TrimsByAgePastAnEighthOfIt) {
  Open({.retention = {"*=age:8d"}});
  Say("a", "1", "id-1");
  now_ms_ += kDayMs / 2;
  const Offset two = Say("a", "2");
  now_ms_ += kDayMs / 2;
  Say("a", "3", "id-3");
  now_ms_ += 8 * kDayMs;  // "1" has 9 days.
  EXPECT_EQ(TrimAll(), 0u);
  ++now_ms_;
  EXPECT_EQ(TrimAll(), 3u);
  EXPECT_EQ(Room("a").events, 0u);
  EXPECT_EQ(Room("a").trimmed_through, two.Next());
  EXPECT_THAT(log_->FindPublishId(Room("a").id, "id-3"),
              IsOkAndHolds(std::nullopt));
}

TEST_P(RoomLogTest, AnEmptiedRoomKnowsItsHead) {
  Open({.retention = {"*=age:8d"}});
  Say("a", "1");
  const Offset last = Say("a", "2");
  now_ms_ += 20 * kDayMs;
  EXPECT_EQ(TrimAll(), 2u);
  log_->Release(Room("a").id);
  for (const bool restarted : {false, true}) {
    const ReadPage page = Read(All("a"));
    EXPECT_TRUE(page.events.empty());
    EXPECT_EQ(page.head, last);
    EXPECT_EQ(page.trimmed_through, last);
    EXPECT_EQ(Room("a").head, last);
    EXPECT_EQ(Room("a").bytes, 0u);
    if (!restarted) Restart();
  }
  Say("a", "3");
  const ReadPage page = Read(All("a"));
  EXPECT_EQ(page.events.at(0).previous, last);
  EXPECT_EQ(Room("a").events, 1u);
}

TEST_P(RoomLogTest, APublishIdIsFreeAgainOnceItsEventIsTrimmed) {
  Open({.retention = {"*=events:10"}});
  Say("a", "first", "id");
  SayMany("a", 100);
  EXPECT_EQ(TrimAll(), 91u);
  EXPECT_THAT(log_->FindPublishId(Room("a").id, "id"),
              IsOkAndHolds(std::nullopt));
  const Offset again = Say("a", "second", "id");
  EXPECT_THAT(log_->FindPublishId(Room("a").id, "id"), IsOkAndHolds(again));
}

TEST_P(RoomLogTest, TrimTakesRoomsOverTheirBoundsFirstAndThenEveryRoom) {
  Open({.retention = {"/:big=events:10", "*=age:8d"}});
  for (int i = 0; i < 20; ++i) Say(absl::StrCat("quiet ", i), "x");
  SayMany("big", 100);
  EXPECT_THAT(log_->Trim(now_ms_, 1), IsOkAndHolds(90u));
  now_ms_ += 20 * kDayMs;
  size_t gone = 0;
  for (int i = 0; i < 21; ++i) {
    const absl::StatusOr<size_t> trimmed = log_->Trim(now_ms_, 1);
    ASSERT_THAT(trimmed, IsOk());
    gone += *trimmed;
  }
  EXPECT_EQ(gone, 20 + 10u);
}

// ---- Restart, crash, copy ----

TEST_P(RoomLogTest, ARestartGoesOnWithTheSameEpochBeyondEveryOffset) {
  Open();
  const Epoch epoch = log_->epoch();
  EXPECT_NE(epoch, Epoch());
  const Offset reserved(next_.value() + 99'999);
  Say("a", "1");
  Restart();
  EXPECT_EQ(log_->epoch(), epoch);
  EXPECT_EQ(log_->first_offset(), reserved.Next());
  Say("a", "2");
  EXPECT_EQ(Told("a"), "1 2");
}

TEST_P(RoomLogTest, SyncedCommitsSurviveAPowerCut) {
  Open();
  const Epoch epoch = log_->epoch();
  const Offset reserved(next_.value() + 99'999);
  Say("a", "1", "id-1");
  Say("b", "2");
  Say("a", "3");
  Crash(/*lose_unsynced=*/true);
  EXPECT_EQ(log_->epoch(), epoch);
  EXPECT_EQ(log_->first_offset(), reserved.Next());
  EXPECT_EQ(Told("a"), "1 3");
  EXPECT_EQ(Told("b"), "2");
  EXPECT_EQ(Room("a").events, 2u);
  EXPECT_TRUE(log_->FindPublishId(Room("a").id, "id-1")->has_value());
}

TEST_P(RoomLogTest, WrittenCommitsSurviveAKilledProcess) {
  Open({.every_commit_synced = false});
  const Epoch epoch = log_->epoch();
  Say("a", "1", "", Durability::kWritten);
  Crash(/*lose_unsynced=*/false);
  EXPECT_EQ(log_->epoch(), epoch);
  EXPECT_EQ(Told("a"), "1");
}

TEST_P(RoomLogTest, APowerCutWithoutSyncBeginsANewEpoch) {
  Open({.every_commit_synced = false});
  const Epoch epoch = log_->epoch();
  const Offset reserved(next_.value() + 99'999);
  Say("a", "1", "", Durability::kWritten);
  Say("b", "2", "", Durability::kWritten);
  ASSERT_THAT(log_->Sync(), IsOk());
  Say("a", "3", "", Durability::kWritten);
  Crash(/*lose_unsynced=*/true);
  EXPECT_GT(log_->epoch(), epoch);
  EXPECT_EQ(log_->first_offset(), reserved.Next());
  EXPECT_EQ(Told("a"), "1");
  EXPECT_EQ(Told("b"), "2");
}

TEST_P(RoomLogTest, AnOrderlyEndLosesNothing) {
  Open({.every_commit_synced = false});
  const Epoch epoch = log_->epoch();
  Say("a", "1", "", Durability::kWritten);
  log_.reset();
  place_->Crash(/*lose_unsynced=*/true);
  Open(settings_);
  EXPECT_EQ(log_->epoch(), epoch);
  EXPECT_EQ(Told("a"), "1");
}

TEST_P(RoomLogTest, ACopyHasANewEpoch) {
  Open();
  const Epoch epoch = log_->epoch();
  Say("a", "1");
  log_.reset();
  place_->Copy();
  Open();
  const Epoch copy_epoch = log_->epoch();
  EXPECT_GT(copy_epoch, epoch);
  EXPECT_EQ(Told("a"), "1");
  Restart();
  EXPECT_EQ(log_->epoch(), copy_epoch);
}

TEST_P(RoomLogTest, ASecondOpenerIsRefused) {
  Open();
  Say("a", "1");
  EXPECT_THAT(place_->Open({}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  Say("a", "2");
  EXPECT_EQ(Told("a"), "1 2");
}

// ---- A disk that fails ----

TEST_P(RoomLogTest, AFullDiskStopsAppendsOnlyUntilThereIsSpace) {
  Open();
  Say("a", "1");
  for (int round = 0; round < 3; ++round) {
    place_->SetFull(true);
    EXPECT_THAT(Append({{"a", "lost", "lost-id"}, {"new", "lost"}}),
                StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_THAT(Append({{"a", "lost"}}),
                StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_EQ(Told("a"), "1");
    EXPECT_EQ(Room("a").events, 1u);
    place_->SetFull(false);
  }
  Say("a", "2");
  for (const bool crashed : {false, true}) {
    EXPECT_EQ(Told("a"), "1 2");
    EXPECT_EQ(Told("new"), "");
    EXPECT_EQ(Room("new").events, 0u);
    EXPECT_THAT(log_->FindPublishId(Room("a").id, "lost-id"),
                IsOkAndHolds(std::nullopt));
    if (!crashed) Crash(/*lose_unsynced=*/false);
  }
}

TEST_P(RoomLogTest, ACommitThatWasNotSyncedNeverShows) {
  Open();
  const Epoch epoch = log_->epoch();
  Say("a", "1");
  place_->SetSyncFails(true);
  LogBatch batch;
  batch.time_ms = now_ms_;
  batch.events.resize(2);
  batch.events[0].room = Room("a").id;
  batch.events[1].room = Room("new").id;
  batch.events[0].id = "lost-id";
  batch.events[0].packet = batch.events[1].packet = "lost";
  batch.events[0].offset = batch.events[1].offset = next_;
  batch.answers = {{.producer = ProducerId(1),
                    .first = PublishNumber(1),
                    .runs = {{1, next_, false}},
                    .time_ms = 5}};
  EXPECT_THAT(log_->Append(&batch, Durability::kSynced),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Told("a"), "1");
  EXPECT_EQ(Room("a").events, 1u);
  place_->SetSyncFails(false);
  // The process ends; what it wrote is still with the operating system.
  Crash(/*lose_unsynced=*/false);
  EXPECT_EQ(log_->epoch(), epoch);
  for (const bool restarted : {false, true}) {
    EXPECT_EQ(Told("a"), restarted ? "1 2" : "1");
    EXPECT_EQ(Told("new"), "");
    EXPECT_EQ(Room("new").head, Offset());
    EXPECT_TRUE(Answers().empty());
    EXPECT_THAT(log_->FindPublishId(Room("a").id, "lost-id"),
                IsOkAndHolds(std::nullopt));
    if (restarted) break;
    Say("a", "2");
    Restart();
  }
}

TEST_P(RoomLogTest, ASyncThatFailsIsTold) {
  Open({.every_commit_synced = false});
  Say("a", "1", "", Durability::kWritten);
  place_->SetSyncFails(true);
  EXPECT_THAT(log_->Sync(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Told("a"), "1");
}

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_ROOM_LOG_SUITE_H_
