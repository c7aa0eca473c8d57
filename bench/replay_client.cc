// Asks: how long does a late joiner wait for the past of a room that nobody
// has looked at? Reads the last events of random rooms, each room once, one
// after the other, and proves that they are what was published.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/room_key.h"
#include "bench/event.h"
#include "bench/latency_histogram.h"
#include "bench/roomlog_node.h"
#include "bench/server_address.h"

ABSL_FLAG(std::string, server, "", "where the broker listens: host:port");
ABSL_FLAG(uint32_t, rooms, 100000, "how many rooms there are");
ABSL_FLAG(uint32_t, reads, 5000, "how many of them to read");
ABSL_FLAG(uint32_t, events, 100, "how many events each room has");

namespace roomlog::bench {
namespace {

// Whether the page is all of a room as `--role=publisher --even` filled it.
absl::Status CheckPage(uint32_t room, uint32_t events,
                       const HistoryPage& page) {
  if (page.events.size() != events) {
    return absl::DataLossError(
        absl::StrCat("room-", room, " has ", page.events.size(), " events"));
  }
  for (uint32_t place = 0; place < events; ++place) {
    EventStamp stamp;
    if (!DecodeEvent(page.events[place].packet, &stamp) || stamp.room != room ||
        stamp.place != place) {
      return absl::DataLossError(
          absl::StrCat("room-", room, " has something else at ", place));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadRoom(uint32_t room, uint32_t events, RoomlogNode* node) {
  absl::StatusOr<RoomKey> key = RoomKey::Make("/", absl::StrCat("room-", room));
  if (!key.ok()) return key.status();
  HistoryRequest request;
  request.room = *std::move(key);
  request.newest_first = true;
  request.events_max = events;
  std::optional<absl::Status> answer;
  node->backplane().Read(
      std::move(request), [&](absl::StatusOr<HistoryPage> page) {
        answer = page.ok() ? CheckPage(room, events, *page) : page.status();
      });
  while (!answer.has_value()) node->TakeTurn();
  return *answer;
}

absl::Status Run() {
  absl::StatusOr<ServerAddress> broker =
      ParseServerAddress(absl::GetFlag(FLAGS_server));
  if (!broker.ok()) return broker.status();
  const uint32_t reads = absl::GetFlag(FLAGS_reads);
  std::vector<uint32_t> rooms(absl::GetFlag(FLAGS_rooms));
  if (reads > rooms.size()) {
    return absl::InvalidArgumentError("more --reads than --rooms");
  }
  std::iota(rooms.begin(), rooms.end(), 0);
  std::mt19937 random(7);
  std::shuffle(rooms.begin(), rooms.end(), random);

  NoFollower follower;
  absl::StatusOr<std::unique_ptr<RoomlogNode>> node =
      RoomlogNode::Connect(*broker, "bench-reader", follower);
  if (!node.ok()) return node.status();
  absl::Status status = (*node)->WaitForBroker();
  LatencyHistogram times;
  for (uint32_t i = 0; status.ok() && i < reads; ++i) {
    const int64_t began_ns = NowNanos();
    status = ReadRoom(rooms[i], absl::GetFlag(FLAGS_events), node->get());
    times.Add(NowNanos() - began_ns);
  }
  if (!status.ok()) return status;
  absl::PrintF(
      "{\"reads\": %d, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": "
      "%.1f}\n",
      times.count(), times.Percentile(50) / 1e3, times.Percentile(99) / 1e3,
      times.Percentile(100) / 1e3);
  return absl::OkStatus();
}

}  // namespace
}  // namespace roomlog::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = roomlog::bench::Run();
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "%s\n", status.ToString());
  return 1;
}
