// roomlog-broker: orders, keeps and hands on what rooms say.
//
// The objects below are the way of an event through the broker, in its order.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mailbox.h"
#include "base/program_flags.h"
#include "broker/broker_door.h"
#include "broker/broker_loop.h"
#include "broker/journal/local_journal.h"
#include "broker/requests/broker_core.h"
#include "broker/requests/history_readers.h"
#include "broker/transport/router.h"
#include "sessions/presence_rules.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"
#include "storage/retention.h"
#include "storage/rocksdb_room_log.h"

ABSL_FLAG(std::string, listen, "tcp://127.0.0.1:7400",
          "Where nodes connect. Port 0 takes a free one.");
ABSL_FLAG(std::string, data, "",
          "The directory of the log. Made if it is not there. Required.");
ABSL_FLAG(
    std::string, durability, "fsync",
    "When a publish is acknowledged: \"fsync\", once it is on the disk and "
    "survives a power cut; \"interval:<duration>\" such as interval:1s, "
    "once the system has it, which syncs it in so long at the latest; "
    "\"os\", once the system has it.");
ABSL_FLAG(std::string, retention, "",
          "How long rooms keep their events: rules parted by ';', such as "
          "\"/chat:room-*=age:24h,events:1000,bytes:64MiB\", the first that "
          "matches <namespace>:<room> counts. Without any, and for what a rule "
          "does not name: age:7d,events:100000,bytes:256MiB.");
ABSL_FLAG(std::string, presence_feed, "",
          "The rooms of which every coming and going is kept, to be watched: "
          "patterns parted by ';', such as \"/chat:room-*\", of "
          "<namespace>:<room>; \"/:\" tells who is online in the namespace /. "
          "Who is there can be asked of any room.");
ABSL_FLAG(uint64_t, disk_reserve, uint64_t{1} << 30,
          "Publishing stops while the disk has fewer free bytes than this, and "
          "goes on once it has more.");

namespace roomlog {
namespace {

// How long answers may take to leave when the broker closes.
constexpr absl::Duration kLinger = absl::Seconds(2);

// A file descriptor that becomes readable when the process is sent one of the
// signals. Other threads must not have been started.
int OpenSignals(std::initializer_list<int> numbers) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : numbers) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

absl::StatusOr<RocksdbRoomLogOptions> LogOptions(
    const DurabilityChoice& durability) {
  RocksdbRoomLogOptions options;
  options.directory = absl::GetFlag(FLAGS_data);
  if (options.directory.empty()) {
    return absl::InvalidArgumentError(
        "--data is missing: say where the log is to be kept");
  }
  absl::StatusOr<RetentionRules> retention = RetentionRules::Parse(
      absl::StrSplit(absl::GetFlag(FLAGS_retention), ';', absl::SkipEmpty()));
  if (!retention.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--retention: ", retention.status().message()));
  }
  options.retention = *std::move(retention);
  options.every_commit_synced =
      durability.kind == DurabilityChoice::Kind::kFsync;
  options.disk_reserve_bytes = absl::GetFlag(FLAGS_disk_reserve);
  return options;
}

void LogLine(absl::string_view line) {
  spdlog::info(std::string_view(line.data(), line.size()));
}

absl::Status Run() {
  const int stop_fd = OpenSignals({SIGTERM, SIGINT});
  const int hangup_fd = OpenSignals({SIGHUP});
  const absl::StatusOr<DurabilityChoice> durability =
      ParseDurability(absl::GetFlag(FLAGS_durability));
  if (!durability.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--durability: ", durability.status().message()));
  }
  absl::StatusOr<RocksdbRoomLogOptions> options = LogOptions(*durability);
  if (!options.ok()) return options.status();

  const absl::StatusOr<PresenceRules> presence =
      PresenceRules::Parse(absl::StrSplit(absl::GetFlag(FLAGS_presence_feed),
                                          ';', absl::SkipEmpty()));
  if (!presence.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--presence_feed: ", presence.status().message()));
  }

  const SystemClock clock;
  zmq::context_t context;
  absl::StatusOr<std::unique_ptr<BrokerDoor>> door = BrokerDoor::FromFlags(
      absl::GetFlag(FLAGS_listen), context, clock, hangup_fd, LogLine);
  if (!door.ok()) return door.status();
  absl::StatusOr<std::unique_ptr<Router>> router =
      Router::Bind(context, absl::GetFlag(FLAGS_listen), (*door)->gate());
  if (!router.ok()) return router.status();

  absl::StatusOr<std::unique_ptr<RocksdbRoomLog>> log =
      RocksdbRoomLog::Open(*std::move(options));
  if (!log.ok()) return log.status();
  if (!(*log)->new_epoch_reason().empty()) {
    spdlog::info("the log begins a new life: {}", (*log)->new_epoch_reason());
  }

  Mailbox<JournalResult> results(kResultMailboxEntriesMax);
  absl::StatusOr<std::unique_ptr<LocalJournal>> journal =
      LocalJournal::Start(**log, *durability, clock, results, *presence);
  if (!journal.ok()) return journal.status();
  Mailbox<HistoryReadDone> reads(kWaitingReadsMax + kReaderThreads);
  HistoryReaders readers(**log, kReaderThreads, reads);
  BrokerCore core((*log)->epoch(), {.presence = *presence}, clock, **journal,
                  readers, **router, LogLine);
  BrokerLoop loop(clock, **router, core, **journal, results, reads, stop_fd);

  // The one line on standard output says that the broker takes nodes.
  std::printf("roomlog-broker listening on %s\n",
              (*router)->endpoint().c_str());
  std::fflush(stdout);
  spdlog::info("listening on {}, keeping the log in {}, durability {}",
               (*router)->endpoint(), absl::GetFlag(FLAGS_data),
               absl::GetFlag(FLAGS_durability));
  loop.Run();
  spdlog::info("stopping: everything that was taken is answered");
  (*router)->Close(kLinger);
  return absl::OkStatus();
}

}  // namespace
}  // namespace roomlog

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Orders, keeps and hands on what the rooms of a Socket.IO cluster say.\n"
      "  roomlog-broker --data=DIR [--listen=tcp://127.0.0.1:7400]");
  spdlog::set_default_logger(spdlog::stderr_color_mt("broker"));
  absl::Status status = roomlog::ParseProgramFlags(argc, argv);
  if (status.ok()) status = roomlog::Run();
  if (!status.ok()) {
    std::fprintf(stderr, "roomlog-broker: %s\n",
                 std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
