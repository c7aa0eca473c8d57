// What the log costs without anything around it.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "storage/rocksdb_room_log.h"

namespace roomlog {
namespace {

constexpr size_t kPacketBytes = 128;

// A log in a directory of its own, and rooms "0", "1" and so on.
class LogFixture {
 public:
  explicit LogFixture(int room_count) {
    const char* parent = std::getenv("TEST_TMPDIR");
    std::string name =
        absl::StrCat(parent != nullptr ? parent : "/tmp", "/roomlog-XXXXXX");
    options_.directory = mkdtemp(name.data());
    options_.every_commit_synced = false;
    options_.disk_reserve_bytes = 0;
    Open();
    for (int i = 0; i < room_count; ++i) {
      rooms_.push_back(log_->FindRoom(Key(i).text())->id);
    }
    packet_.assign(kPacketBytes, 'x');
  }
  ~LogFixture() {
    log_.reset();
    std::filesystem::remove_all(options_.directory);
  }

  static RoomKey Key(int room) {
    return RoomKey::Make("/", absl::StrCat("room-", room)).value();
  }
  RoomLog& log() { return *log_; }

  // One commit of `count` events, every `run` of them for the next room that
  // `random` gives.
  bool Append(size_t count, size_t run, Durability durability,
              std::mt19937& random) {
    batch_.time_ms += 1;
    batch_.events.resize(count);
    if (next_.value() + count > reserved_.value()) {
      reserved_ = Offset(next_.value() + kOffsetsPerReservation);
      if (!log_->ReserveThrough(reserved_).ok()) return false;
    }
    RoomId room;
    for (size_t i = 0; i < count; ++i) {
      NewEvent& event = batch_.events[i];
      if (i % run == 0) room = rooms_[random() % rooms_.size()];
      event.room = room;
      event.offset = next_;
      event.packet = packet_;
      next_ = next_.Next();
    }
    return log_->Append(&batch_, durability).ok();
  }

  void Close() { log_.reset(); }
  void Open() {
    options_.now = absl::Now();
    log_ = RocksdbRoomLog::Open(options_).value();
    next_ = log_->first_offset();
    reserved_ = Offset();
  }

 private:
  RocksdbRoomLogOptions options_;
  std::unique_ptr<RoomLog> log_;
  std::vector<RoomId> rooms_;
  std::string packet_;
  LogBatch batch_;
  Offset next_;
  Offset reserved_;
};

// Asks: how many events of 128 bytes for 1,000 rooms does the storage thread
// append each second, by the size of a commit, and what does a sync cost?
// Expect: a sync costs a fixed time, so large commits hide it.
void BM_Append(benchmark::State& state) {
  const size_t commit = state.range(0);
  const Durability durability =
      state.range(1) != 0 ? Durability::kSynced : Durability::kWritten;
  LogFixture fixture(1000);
  std::mt19937 random(7);
  for (auto _ : state) {
    if (!fixture.Append(commit, 1, durability, random)) {
      state.SkipWithError("an append failed");
      return;
    }
  }
  state.SetItemsProcessed(state.iterations() * commit);
  state.SetBytesProcessed(state.iterations() * commit * kPacketBytes);
}
BENCHMARK(BM_Append)
    ->ArgNames({"commit", "sync"})
    ->ArgsProduct({{1, 256, 4096, 16384}, {0, 1}})
    ->UseRealTime();

// Asks: how long does the last page of 100 events of a room take that nobody
// has read lately, among 100,000 rooms?
// Expect: p99 within 5 ms.
void BM_ColdReplay(benchmark::State& state) {
  constexpr int kRooms = 100'000;
  constexpr size_t kEventsOfRoom = 100;
  LogFixture fixture(kRooms);
  std::mt19937 random(7);
  // In runs of ten: the events of a room lie in some ten places.
  for (size_t i = 0; i < kRooms * kEventsOfRoom; i += 10'000) {
    if (!fixture.Append(10'000, 10, Durability::kWritten, random)) {
      state.SkipWithError("an append failed");
      return;
    }
  }
  fixture.Close();
  const auto before_opening = std::chrono::steady_clock::now();
  const std::clock_t cpu_before_opening = std::clock();
  fixture.Open();
  const double opening_cpu =
      static_cast<double>(std::clock() - cpu_before_opening) / CLOCKS_PER_SEC;
  const std::chrono::duration<double> opening =
      std::chrono::steady_clock::now() - before_opening;

  std::vector<double> micros;
  size_t events = 0;
  for (auto _ : state) {
    ReadQuery query;
    query.room = LogFixture::Key(static_cast<int>(random() % kRooms));
    query.direction = ReadQuery::Direction::kNewestFirst;
    query.events_max = kEventsOfRoom;
    query.bytes_max = kReadBytesMax;
    const auto start = std::chrono::steady_clock::now();
    const absl::StatusOr<ReadPage> page = fixture.log().Read(query);
    const std::chrono::duration<double, std::micro> took =
        std::chrono::steady_clock::now() - start;
    if (!page.ok() || page->events.empty()) {
      state.SkipWithError("nothing was read");
      return;
    }
    events += page->events.size();
    micros.push_back(took.count());
    state.SetIterationTime(took.count() / 1e6);
  }
  std::sort(micros.begin(), micros.end());
  state.counters["p50_us"] = micros[micros.size() / 2];
  state.counters["p99_us"] = micros[micros.size() * 99 / 100];
  state.counters["max_us"] = micros.back();
  state.counters["open_s"] = opening.count();
  state.counters["open_cpu_s"] = opening_cpu;
  state.SetItemsProcessed(static_cast<int64_t>(events));
}
BENCHMARK(BM_ColdReplay)->UseManualTime()->Iterations(5000);

}  // namespace
}  // namespace roomlog

BENCHMARK_MAIN();
