#include "storage/rocksdb_room_log.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <thread>

#include "absl/strings/match.h"
#include "base/limits.h"
#include "proto/log.pb.h"
#include "storage/faulty_file_system.h"
#include "storage/log_database.h"
#include "storage/room_log_suite.h"

#if defined(__SANITIZE_THREAD__)
// The system's RocksDB is not instrumented: of what its threads agree on by
// atomics ThreadSanitizer sees nothing, only that they copy and free, and that
// readers look at what it holds in memory.
extern "C" const char* __tsan_default_suppressions() {
  return "race:librocksdb.so\n"
         "race:roomlog::ReadRoomPage\n";
}
#endif

namespace roomlog {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

// A directory of its own for each test.
class TestDirectory {
 public:
  TestDirectory() {
    std::string name = ::testing::TempDir() + "/roomlog-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TestDirectory() { fs::remove_all(path_); }

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

class RocksdbLogPlace final : public LogPlace {
 public:
  // With few, commits are put into their rooms all the time.
  explicit RocksdbLogPlace(size_t staged_commits_max = kStagedCommitsMax)
      : staged_commits_max_(staged_commits_max) {}

  absl::StatusOr<std::unique_ptr<RoomLog>> Open(
      const Settings& settings) override {
    // No file is open any more if this is a new process.
    if (disk_->killed()) {
      disk_->Revive();
      if (std::exchange(power_cut_, false)) disk_->LoseUnsynced(kept_eighths_);
    }
    return RocksdbRoomLog::Open(OptionsFor(settings));
  }
  void Crash(bool lose_unsynced) override {
    disk_->Kill();
    power_cut_ = lose_unsynced;
    if (lose_unsynced) ++boot_;
  }
  void SetFull(bool full) override { disk_->SetFull(full); }
  void SetSyncFails(bool fails) override { disk_->SetSyncFails(fails); }
  void Copy() override {
    const fs::path to = root_.path() / "copy";
    fs::copy(directory_, to, fs::copy_options::recursive);
    directory_ = to;
  }

  RocksdbRoomLogOptions OptionsFor(const Settings& settings) const {
    RocksdbRoomLogOptions options;
    options.directory = directory_;
    options.retention = RetentionRules::Parse(settings.retention).value();
    options.every_commit_synced = settings.every_commit_synced;
    options.write_buffer_bytes = 1 << 20;
    options.file_system = disk_;
    options.boot_id = absl::StrCat("boot ", boot_);
    options.retry_interval = absl::ZeroDuration();
    options.staged_commits_max = staged_commits_max_;
    return options;
  }
  // What a power cut leaves of what was not synced.
  void set_kept_eighths(int eighths) { kept_eighths_ = eighths; }
  const fs::path& directory() const { return directory_; }
  FaultyFileSystem& disk() { return *disk_; }

  // The files whose names end so, in order.
  std::vector<fs::path> Files(absl::string_view suffix) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (absl::EndsWith(entry.path().string(), suffix) &&
          fs::file_size(entry.path()) > 0) {
        files.push_back(entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    return files;
  }

 private:
  const size_t staged_commits_max_;
  const TestDirectory root_;
  fs::path directory_ = root_.path() / "log";
  const std::shared_ptr<FaultyFileSystem> disk_ =
      std::make_shared<FaultyFileSystem>();
  int boot_ = 1;
  bool power_cut_ = false;
  int kept_eighths_ = 0;
};

INSTANTIATE_TEST_SUITE_P(
    Rocksdb, RoomLogTest,
    ::testing::Values(
        MakeLogPlace([] { return std::make_unique<RocksdbLogPlace>(); }),
        MakeLogPlace([] { return std::make_unique<RocksdbLogPlace>(8); })));

// What only a log on files can suffer.
class RocksdbRoomLogTest : public RoomLogTest {
 protected:
  RocksdbLogPlace& place() { return static_cast<RocksdbLogPlace&>(*place_); }
  RocksdbRoomLog& log() { return static_cast<RocksdbRoomLog&>(*log_); }
  absl::Status TryToOpen() { return place_->Open({}).status(); }

  static void Flip(const fs::path& file, uint64_t at) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(stream.get() ^ 0x10);
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(byte);
  }
  // Bytes that no compression makes fewer.
  static std::string Noise(size_t bytes, uint32_t seed) {
    std::minstd_rand random(seed);
    std::string noise(bytes, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    return noise;
  }
};

INSTANTIATE_TEST_SUITE_P(
    Rocksdb, RocksdbRoomLogTest,
    ::testing::Values(
        MakeLogPlace([] { return std::make_unique<RocksdbLogPlace>(); }),
        MakeLogPlace([] { return std::make_unique<RocksdbLogPlace>(8); })));

TEST_P(RocksdbRoomLogTest, ATornTailLeavesWholeCommitsAndBeginsANewEpoch) {
  for (int kept_eighths = 0; kept_eighths <= 8; ++kept_eighths) {
    const std::string room = absl::StrCat("room ", kept_eighths);
    Open({.every_commit_synced = false});
    const Epoch epoch = log_->epoch();
    Say(room, "synced", "", Durability::kWritten);
    ASSERT_THAT(log_->Sync(), IsOk());
    for (int i = 0; i < 6; ++i) {
      ASSERT_THAT(Append({{room, absl::StrCat("(", i)},
                          {"other", std::string(100, 'x')},
                          {room, absl::StrCat(i, ")")}},
                         Durability::kWritten),
                  IsOk());
    }
    place().set_kept_eighths(kept_eighths);
    Crash(/*lose_unsynced=*/true);
    EXPECT_GT(log_->epoch(), epoch);
    std::string want = "synced";
    const std::string told = Told(room);
    for (int i = 0; i < 6 && told != want; ++i) {
      absl::StrAppend(&want, " (", i, " ", i, ")");
    }
    EXPECT_EQ(told, want) << kept_eighths;
    if (kept_eighths == 0) {
      EXPECT_EQ(told, "synced");
    }
    if (kept_eighths == 8) {
      EXPECT_EQ(Room(room).events, 13u);
    }
    log_.reset();
  }
}

// Dies at one write after the other, with the power or without, and expects
// that what was acknowledged is there: all of it, in order, and nothing else
// but perhaps the commit that was on its way.
TEST_P(RocksdbRoomLogTest, WhateverWriteWasTheLastWhatWasAcknowledgedIsThere) {
  static constexpr const char* kRooms[] = {"a", "b", "c", "d"};
  bool survived = false;
  for (int operations = 0; !survived; operations += 1 + operations / 8) {
    const std::unique_ptr<LogPlace> made = GetParam()();
    auto& place = static_cast<RocksdbLogPlace&>(*made);
    auto options = place.OptionsFor({});
    options.write_buffer_bytes = 64 << 10;
    place.disk().KillAfter(operations);

    std::vector<std::string> acknowledged;
    std::string on_its_way;
    std::optional<Epoch> epoch;
    uint64_t reserved = 0;
    absl::StatusOr<std::unique_ptr<RoomLog>> log =
        RocksdbRoomLog::Open(options);
    survived = log.ok();
    if (log.ok()) {
      epoch = (*log)->epoch();
      uint64_t next = (*log)->first_offset().value();
      for (int i = 0; i < 120 && survived; ++i) {
        if (i % 20 == 0) {
          survived = (*log)->ReserveThrough(Offset(next + 19)).ok();
          if (!survived) break;
          reserved = next + 19;
        }
        on_its_way = absl::StrCat(i, std::string(3000, 'x'));
        LogBatch batch;
        batch.time_ms = now_ms_;
        batch.events.resize(1);
        batch.events[0].room = (*log)->FindRoom(Key(kRooms[i % 4]).text())->id;
        batch.events[0].offset = Offset(next++);
        batch.events[0].packet = on_its_way;
        survived = (*log)->Append(&batch, Durability::kSynced).ok();
        if (survived) acknowledged.push_back(std::exchange(on_its_way, ""));
      }
    }
    if (log.ok()) log->reset();
    place.disk().Revive();
    place.disk().LoseUnsynced(operations % 9);

    options.boot_id = "another boot";
    log = RocksdbRoomLog::Open(options);
    ASSERT_THAT(log, IsOk()) << operations;
    if (epoch.has_value()) {
      EXPECT_EQ((*log)->epoch(), *epoch) << operations;
    }
    EXPECT_GT((*log)->first_offset().value(), reserved) << operations;
    std::map<Offset, std::string> found;
    for (const char* room : kRooms) {
      const ReadPage page = (*log)->Read(All(room)).value();
      Offset previous;
      for (const EventView& event : page.events) {
        EXPECT_EQ(event.previous, previous) << operations;
        previous = event.offset;
        found.emplace(event.offset, std::string(event.packet));
      }
      EXPECT_EQ((*log)->FindRoom(Key(room).text())->events, page.events.size());
    }
    ASSERT_GE(found.size(), acknowledged.size()) << operations;
    ASSERT_LE(found.size(), acknowledged.size() + !on_its_way.empty());
    size_t i = 0;
    for (const auto& [offset, packet] : found) {
      EXPECT_EQ(packet, i < acknowledged.size() ? acknowledged[i] : on_its_way)
          << operations;
      ++i;
    }
  }
}

TEST_P(RocksdbRoomLogTest, ACommitWhoseSyncFoundNoSpaceIsTakenAway) {
  Open();
  Say("a", "1");
  for (int round = 0; round < 3; ++round) {
    // The whole commit is in the write-ahead log; only its sync failed.
    place().disk().SetSyncFails(true, /*for_space=*/true);
    LogBatch batch;
    batch.time_ms = now_ms_;
    batch.events.resize(2);
    batch.events[0].room = Room("a").id;
    batch.events[1].room = Room("new").id;
    batch.events[0].id = batch.events[1].id = "id";
    batch.events[0].packet = batch.events[1].packet = "lost";
    batch.events[0].offset = batch.events[1].offset = next_;
    batch.answers = {{.producer = ProducerId(1),
                      .first = PublishNumber(1 + round),
                      .runs = {{1, next_, false}},
                      .time_ms = 5}};
    next_ = next_.Next();
    EXPECT_THAT(log_->Append(&batch, Durability::kSynced),
                StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_EQ(Told("a"), "1");
    place().disk().SetSyncFails(false);
    if (round == 1) Say("b", "the disk has space again");
    if (round == 2) Crash(/*lose_unsynced=*/false);
    EXPECT_EQ(Told("a"), "1");
    EXPECT_EQ(Told("new"), "");
    EXPECT_EQ(Room("new").events, 0u);
    EXPECT_THAT(log_->FindPublishId(Room("a").id, "id"),
                IsOkAndHolds(std::nullopt));
    EXPECT_TRUE(Answers().empty());
  }
  Say("a", "2", "id");
  Say("new", "3", "id");
  Restart();
  EXPECT_EQ(Told("a"), "1 2");
  EXPECT_EQ(Told("new"), "3");
}

// Whenever the disk is full: in the middle of putting commits into their rooms,
// too.
TEST_P(RocksdbRoomLogTest, WhicheverCommitFindsNoSpaceTheOthersAreThereOnce) {
  Open();
  std::string want;
  for (int i = 0; i < 60; ++i) {
    if (i % 7 == 3) {
      place().disk().SetSyncFails(true, /*for_space=*/true);
      EXPECT_FALSE(Append({{"a", "lost"}, {"b", "lost"}, {"c", "lost"}}).ok());
      place().disk().SetSyncFails(false);
    }
    ASSERT_THAT(Append({{"a", absl::StrCat(i)}, {"b", "x"}, {"c", "y"}}),
                IsOk());
    absl::StrAppend(&want, i == 0 ? "" : " ", i);
    if (i % 5 == 4) {
      EXPECT_EQ(Told("a"), want);
    }
    if (i % 13 == 12) Crash(/*lose_unsynced=*/false);
  }
  EXPECT_EQ(Told("a"), want);
  EXPECT_EQ(Room("b").events, 60u);
  Restart();
  EXPECT_EQ(Told("a"), want);
  EXPECT_EQ(Room("c").events, 60u);
  EXPECT_EQ(Room("c").bytes, 60u);
}

TEST_P(RocksdbRoomLogTest, ALargeCommitThatFoundNoSpaceLeavesNothingBehind) {
  Open();
  const std::string large(850'000, 'x');
  std::vector<Said> commit;
  for (int i = 0; i < 11; ++i) commit.push_back({absl::StrCat("r", i), large});
  place().disk().SetSyncFails(true, /*for_space=*/true);
  EXPECT_FALSE(Append(commit).ok());
  place().disk().SetSyncFails(false);
  for (int i = 0; i < 20; ++i) Say("a", absl::StrCat(i));
  EXPECT_EQ(Told("r0"), "");
  Restart();
  EXPECT_EQ(Room("a").events, 20u);
  EXPECT_EQ(Room("r0").events, 0u);
}

// Every answer is the same wherever the events lie at the moment.
TEST_P(RocksdbRoomLogTest, PagesMeetWithoutASeamWhereverTheEventsLie) {
  Open();
  std::vector<Offset> offsets;
  for (int i = 0; i < 24; ++i) {
    offsets.push_back(next_);
    Say("a", absl::StrCat(i));
    Say(absl::StrCat("other ", i), "x");
    for (size_t limit : {size_t{1}, size_t{3}, size_t{100}}) {
      std::string forward;
      std::string backward;
      ReadQuery query = All("a");
      query.events_max = limit;
      for (bool more = true; more;) {
        const ReadPage page = log_->Read(query).value();
        for (const EventView& event : page.events) {
          absl::StrAppend(&forward, event.packet, " ");
        }
        EXPECT_EQ(page.head, offsets.back());
        more = page.more;
        if (more) query.after = page.events.back().offset;
      }
      query = All("a");
      query.events_max = limit;
      query.direction = Direction::kNewestFirst;
      for (bool more = true; more;) {
        const ReadPage page = log_->Read(query).value();
        std::string piece;
        for (const EventView& event : page.events) {
          absl::StrAppend(&piece, event.packet, " ");
        }
        backward = piece + backward;
        more = page.more;
        if (more) query.before = page.events.front().offset;
      }
      std::string want;
      for (int j = 0; j <= i; ++j) absl::StrAppend(&want, j, " ");
      EXPECT_EQ(forward, want);
      EXPECT_EQ(backward, want);
    }
  }
}

TEST_P(RocksdbRoomLogTest, AfterAFailedSyncTheLogEndsItsEpoch) {
  Open({.every_commit_synced = false});
  const Epoch epoch = log_->epoch();
  Say("a", "1", "", Durability::kWritten);
  place_->SetSyncFails(true);
  EXPECT_FALSE(log_->Sync().ok());
  place_->SetSyncFails(false);
  // The next sync does not hide what the last one may have lost.
  EXPECT_FALSE(log_->Sync().ok());
  EXPECT_THAT(Append({{"a", "2"}}, Durability::kWritten),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Told("a"), "1");
  Restart();
  EXPECT_GT(log_->epoch(), epoch);
  Say("a", "3", "", Durability::kWritten);
  EXPECT_EQ(Told("a"), "1 3");
}

TEST_P(RocksdbRoomLogTest, AppendKeepsTheReserveFreeAndTrimDoesNot) {
  Open({.retention = {"*=events:10"}});
  SayMany("a", 100);
  const uint64_t reserve = RocksdbRoomLogOptions().disk_reserve_bytes;
  place().disk().SetFreeBytes(reserve - 1);
  const absl::Status status = Append({{"a", "one too many"}});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(status.message()), HasSubstr("reserve"));
  EXPECT_THAT(log_->ReserveThrough(Offset(next_.value() + 1'000'000)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(TrimAll(), 90u);
  place().disk().SetFreeBytes(reserve);
  Say("a", "fits");
}

TEST_P(RocksdbRoomLogTest, AFlippedBitInAFileIsToldAndTheOthersAreRead) {
  Open();
  for (uint32_t i = 0; i < 40; ++i) Say("a", Noise(4000, i));
  Say("b", "b");
  Restart();  // Writes it all from the write-ahead log to a file.
  log_.reset();
  fs::path largest;
  for (const fs::path& file : place().Files(".sst")) {
    if (largest.empty() || fs::file_size(file) > fs::file_size(largest)) {
      largest = file;
    }
  }
  ASSERT_GT(fs::file_size(largest), 100'000u);
  Flip(largest, 50'000);
  for (const bool restarted : {false, true}) {
    Open();
    const absl::Status status = log_->Read(All("a")).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss)) << restarted;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(largest.filename().string()));
    EXPECT_EQ(Told("b"), "b");
    log_.reset();
  }
}

TEST_P(RocksdbRoomLogTest, ARoomWhoseHeadIsDamagedTakesNoEvents) {
  Open();
  for (uint32_t i = 0; i < 40; ++i) Say("a", Noise(4000, i));
  Say("b", "b");
  Restart();
  log_.reset();
  for (const fs::path& file : place().Files(".sst")) {
    if (fs::file_size(file) > 100'000) Flip(file, 158'000);
  }
  Open();
  EXPECT_THAT(log_->FindRoom(Key("a").text()),
              StatusIs(absl::StatusCode::kDataLoss));
  Say("c", "c");
  EXPECT_EQ(Told("c"), "c");
  EXPECT_THAT(log_->Trim(now_ms_, 100), IsOk());
}

TEST_P(RocksdbRoomLogTest, AFlippedBitInTheWriteAheadLogBeginsANewEpoch) {
  Open();
  const Epoch epoch = log_->epoch();
  const Offset reserved(next_.value() + 99'999);
  for (int i = 0; i < 40; ++i) Say("a", absl::StrCat(i));
  place_->Crash(/*lose_unsynced=*/false);
  log_.reset();
  const std::vector<fs::path> logs = place().Files(".log");
  ASSERT_FALSE(logs.empty());
  Flip(logs.back(), fs::file_size(logs.back()) / 2);
  Open();
  EXPECT_GT(log_->epoch(), epoch);
  EXPECT_GT(log_->first_offset(), reserved);
  EXPECT_THAT(log().new_epoch_reason(), HasSubstr("write-ahead log"));
  EXPECT_THAT(Told("a"), ::testing::StartsWith("0 1 2 "));
  EXPECT_LT(Room("a").events, 40u);
  Say("a", "on");
}

TEST_P(RocksdbRoomLogTest, IsNotOpenedWithoutTheFilesThatNameTheOthers) {
  const std::pair<const char*, std::function<void(const fs::path&)>> damages[] =
      {
          {"CURRENT is gone",
           [](const fs::path& log) { fs::remove(log / "CURRENT"); }},
          {"CURRENT and ROOMLOG are gone",
           [](const fs::path& log) {
             fs::remove(log / "CURRENT");
             fs::remove(log / "ROOMLOG");
           }},
          {"CURRENT names nothing",
           [](const fs::path& log) {
             std::ofstream(log / "CURRENT") << "MANIFEST-999999\n";
           }},
          {"CURRENT is empty",
           [](const fs::path& log) { fs::resize_file(log / "CURRENT", 0); }},
          {"a bit of the manifest is flipped",
           [](const fs::path& log) {
             for (const auto& entry : fs::directory_iterator(log)) {
               if (absl::StrContains(entry.path().string(), "MANIFEST")) {
                 Flip(entry.path(), 30);
               }
             }
           }},
          {"a file of events is gone",
           [](const fs::path& log) {
             for (const auto& entry : fs::directory_iterator(log)) {
               if (entry.path().extension() == ".sst") {
                 fs::remove(entry.path());
               }
             }
           }},
      };
  for (const auto& [what, damage] : damages) {
    const std::unique_ptr<LogPlace> made = GetParam()();
    auto& place = static_cast<RocksdbLogPlace&>(*made);
    for (int life = 0; life < 3; ++life) {
      const auto log = place.Open({});
      ASSERT_THAT(log, IsOk());
    }
    damage(place.directory());
    for (int attempt = 0; attempt < 2; ++attempt) {
      const absl::Status status = place.Open({}).status();
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss)) << what;
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr(place.directory().string()))
          << what;
    }
  }
}

TEST_P(RocksdbRoomLogTest, WithoutAGoodMarkerALogBeginsANewEpoch) {
  Open();
  Say("a", "1");
  const std::function<void(const fs::path&)> damages[] = {
      [](const fs::path& marker) { fs::remove(marker); },
      [](const fs::path& marker) { fs::resize_file(marker, 0); },
      [](const fs::path& marker) { Flip(marker, 12); },
      [](const fs::path& marker) {  // Put back from a copy.
        fs::copy(marker, marker.string() + ".copy");
        fs::rename(marker.string() + ".copy", marker);
      },
  };
  for (const auto& damage : damages) {
    const Epoch epoch = log_->epoch();
    const Offset first = log_->first_offset();
    log_.reset();
    damage(place().directory() / "ROOMLOG");
    Open();
    EXPECT_GT(log_->epoch(), epoch);
    EXPECT_GT(log_->first_offset(), first);
    EXPECT_EQ(Told("a"), "1");
  }
}

TEST_P(RocksdbRoomLogTest, TheSecondOpenerIsToldWhichDirectory) {
  Open();
  EXPECT_THAT(
      std::string(TryToOpen().message()),
      HasSubstr(place().directory().string() + " is in use by another broker"));
}

TEST_P(RocksdbRoomLogTest, ALaterFormatIsRefused) {
  Open();
  log_.reset();
  {
    LogDatabaseOptions options;
    options.directory = place().directory();
    options.file_system = rocksdb::FileSystem::Default();
    const auto database = LogDatabase::Open(options, false).value();
    proto::LogMeta meta;
    meta.set_format_major(2);
    ASSERT_TRUE(database->db()
                    .Put(rocksdb::WriteOptions(), database->rows(), "m",
                         meta.SerializeAsString())
                    .ok());
  }
  const absl::Status status = TryToOpen();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(status.message()), HasSubstr("format 2.0"));
}

TEST_P(RocksdbRoomLogTest, WhereTheClockWentBackNothingExpiredIsGiven) {
  Open({.retention = {"*=age:10d"}});
  const int64_t start = now_ms_;
  for (const int day : {0, 5, 1, 2, 6}) {
    now_ms_ = start + day * kDayMs;
    Say("a", absl::StrCat(day));
  }
  const std::pair<int, const char*> cases[] = {
      {10, "0 5 1 2 6"}, {11, "2 6"}, {12, "6"}, {15, "6"}, {16, ""}};
  for (const auto& [day, want] : cases) {
    now_ms_ = start + day * kDayMs + (day == 10 ? 0 : 1);
    for (const Direction direction :
         {Direction::kOldestFirst, Direction::kNewestFirst}) {
      ReadQuery query = All("a");
      query.direction = direction;
      EXPECT_EQ(TextOf(query), want) << day;
    }
  }
}

// Readers on other threads see whole commits, also while the database is opened
// anew after the disk was full, and while rooms are trimmed.
TEST_P(RocksdbRoomLogTest, ReadersSeeWholeCommitsAllTheTime) {
  Open({.retention = {"*=events:50"}});
  std::atomic<bool> over{false};
  std::atomic<int> pages{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&, i] {
      while (!over) {
        ReadQuery query = All("a");
        query.direction =
            i == 0 ? Direction::kOldestFirst : Direction::kNewestFirst;
        const absl::StatusOr<ReadPage> page = log_->Read(query);
        ASSERT_THAT(page, IsOk());
        if (page->events.empty()) continue;
        EXPECT_EQ(page->events.back().packet, "end");
        EXPECT_EQ(page->head, page->events.back().offset);
        Offset previous = page->trimmed_through;
        for (const EventView& event : page->events) {
          EXPECT_EQ(event.previous, previous);
          previous = event.offset;
        }
        ++pages;
      }
    });
  }
  for (int i = 0; i < 300 || pages < 100; ++i) {
    if (i % 50 == 49) {
      place_->SetFull(true);
      EXPECT_FALSE(Append({{"a", "lost"}, {"a", "end"}}).ok());
      place_->SetFull(false);
    }
    ASSERT_THAT(Append({{"a", "begin"}, {"b", "x"}, {"a", "end"}}), IsOk());
    ASSERT_THAT(log_->Trim(now_ms_, 10), IsOk());
  }
  over = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace roomlog
