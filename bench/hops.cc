// Asks: what does each hop of an event cost alone? What bounds the latency of
// one publish is their sum; what a hop takes beyond it is ours to mend.
// Prints a line of JSON for each.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <rocksdb/db.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "base/mailbox.h"
#include "bench/event.h"
#include "bench/latency_histogram.h"

ABSL_FLAG(std::string, data, "", "an empty directory on the disk to measure");
ABSL_FLAG(int, rounds, 20000, "how often each hop is made");

namespace roomlog::bench {
namespace {

// One commit of a single 128-byte event is about 256 bytes; of 16 events 4,096.
constexpr size_t kWriteSizes[] = {128, 256, 1024, 4096};

// What has failed here has failed for good.
void Require(bool done, absl::string_view what) {
  if (done) return;
  absl::FPrintF(stderr, "hops: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

void Measure(absl::string_view hop, const std::function<void()>& once,
             int hops_in_once = 1) {
  const int rounds = absl::GetFlag(FLAGS_rounds);
  for (int i = 0; i < rounds / 10; ++i) once();
  LatencyHistogram times;
  for (int i = 0; i < rounds; ++i) {
    const int64_t began = NowNanos();
    once();
    times.Add((NowNanos() - began) / hops_in_once);
  }
  absl::PrintF("{\"hop\": \"%s\", \"p50_us\": %.2f, \"p99_us\": %.2f}\n", hop,
               times.Percentile(50) / 1e3, times.Percentile(99) / 1e3);
  std::fflush(stdout);
}

void MeasureMailbox() {
  Mailbox<int> there(1);
  Mailbox<int> back(1);
  std::vector<int> taken;
  const auto wait_and_take = [](Mailbox<int>& from, std::vector<int>* to) {
    to->clear();
    while (from.Take(1, to) == 0) {
      if (from.Finished()) return;
      from.Wait(absl::InfiniteDuration());
    }
  };
  std::thread echo([&] {
    std::vector<int> heard;
    for (;;) {
      wait_and_take(there, &heard);
      if (heard.empty()) return;
      back.Put(heard[0]);
    }
  });
  Measure(
      "mailbox to another thread, which sleeps",
      [&] {
        there.Put(1);
        wait_and_take(back, &taken);
      },
      /*hops_in_once=*/2);
  there.Close();
  echo.join();
}

// The least that any two processes on one machine can do.
void MeasureTcp() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  Require(bind(listener, any, size) == 0 && listen(listener, 1) == 0 &&
              getsockname(listener, any, &size) == 0,
          "listen");
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  Require(connect(client, any, size) == 0, "connect");
  const int server = accept(listener, nullptr, nullptr);
  const int on = 1;
  for (int end : {client, server}) {
    setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  std::thread echo([server] {
    EventBytes heard;
    while (recv(server, heard.data(), heard.size(), MSG_WAITALL) > 0) {
      Require(send(server, heard.data(), heard.size(), 0) > 0, "send");
    }
  });
  EventBytes event = {};
  Measure(
      "bare tcp, 128 bytes, one way",
      [&] {
        Require(send(client, event.data(), event.size(), 0) > 0, "send");
        Require(recv(client, event.data(), event.size(), MSG_WAITALL) > 0,
                "receive");
      },
      /*hops_in_once=*/2);
  shutdown(client, SHUT_RDWR);
  echo.join();
  for (int end : {client, server, listener}) close(end);
}

// Two contexts, as in two processes: on each side a message passes from the
// socket's thread to the I/O thread and, over tcp, back the same way.
void MeasureZeroMq() {
  zmq::context_t node_context;
  zmq::context_t broker_context;
  zmq::socket_t router(broker_context, zmq::socket_type::router);
  router.set(zmq::sockopt::linger, 0);
  router.bind("tcp://127.0.0.1:*");
  zmq::socket_t dealer(node_context, zmq::socket_type::dealer);
  dealer.set(zmq::sockopt::linger, 0);
  dealer.connect(router.get(zmq::sockopt::last_endpoint));
  std::thread echo([&router] {
    for (;;) {
      zmq::message_t peer;
      zmq::message_t event;
      Require(router.recv(peer).has_value(), "receive");
      Require(router.recv(event).has_value(), "receive");
      if (event.size() == 0) return;
      router.send(peer, zmq::send_flags::sndmore);
      router.send(event, zmq::send_flags::none);
    }
  });
  Measure(
      "ZeroMQ, DEALER to ROUTER or back, 128 bytes, one way",
      [&] {
        dealer.send(zmq::message_t(kEventBytes), zmq::send_flags::none);
        zmq::message_t answer;
        Require(dealer.recv(answer).has_value(), "receive");
        Require(answer.size() == kEventBytes, "answer");
      },
      /*hops_in_once=*/2);
  dealer.send(zmq::message_t(), zmq::send_flags::none);
  echo.join();
}

void MeasureFile(const std::string& directory) {
  const std::string bytes(kWriteSizes[std::size(kWriteSizes) - 1], 'x');
  for (const bool allocated : {false, true}) {
    for (const size_t size : kWriteSizes) {
      const std::string path = absl::StrCat(directory, "/file");
      const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
      Require(file >= 0, path);
      if (allocated) {
        const size_t total = size * absl::GetFlag(FLAGS_rounds) * 2;
        Require(posix_fallocate(file, 0, static_cast<off_t>(total)) == 0 &&
                    fsync(file) == 0,
                "allocate");
      }
      Measure(absl::StrCat("append ", size, " bytes to a file and fdatasync",
                           allocated ? ", allocated before" : ""),
              [&] {
                Require(write(file, bytes.data(), size) ==
                            static_cast<ssize_t>(size),
                        "write");
                Require(fdatasync(file) == 0, "sync");
              });
      close(file);
      unlink(path.c_str());
    }
  }
}

// A log file that is written over keeps its size, which the sync then need not
// write down.
enum class LogFiles { kNew, kRecycled };

void MeasureRocksDb(const std::string& directory, LogFiles log_files) {
  const bool recycled = log_files == LogFiles::kRecycled;
  rocksdb::Options options;
  options.create_if_missing = true;
  options.recycle_log_file_num = recycled ? 2 : 0;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(
      options, absl::StrCat(directory, recycled ? "/recycled" : "/new"), &raw);
  Require(opened.ok(), opened.ToString());
  const std::unique_ptr<rocksdb::DB> db(raw);
  const std::string bytes(kWriteSizes[std::size(kWriteSizes) - 1], 'x');
  uint64_t key = 0;
  const auto write = [&](size_t size, bool sync) {
    rocksdb::WriteOptions write_options;
    write_options.sync = sync;
    rocksdb::WriteBatch batch;
    batch.Put(absl::StrCat(absl::Dec(key++, absl::kZeroPad16)),
              rocksdb::Slice(bytes.data(), size));
    Require(db->Write(write_options, &batch).ok(), "write");
  };
  if (recycled) {
    for (int file = 0; file < 4; ++file) {  // Leaves some to be written over.
      for (int i = 0; i < 8192; ++i) write(bytes.size(), false);
      Require(db->Flush({}).ok(), "flush");
    }
  }
  for (const bool sync : {false, true}) {
    if (recycled && !sync) continue;
    for (const size_t size : kWriteSizes) {
      Measure(absl::StrCat("RocksDB, a batch of ", size, " bytes, ",
                           sync ? "synced" : "written",
                           recycled ? ", recycled log files" : ""),
              [&] { write(size, sync); });
    }
  }
}

}  // namespace
}  // namespace roomlog::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const std::string directory = absl::GetFlag(FLAGS_data);
  roomlog::bench::MeasureMailbox();
  roomlog::bench::MeasureTcp();
  roomlog::bench::MeasureZeroMq();
  roomlog::bench::MeasureFile(directory);
  roomlog::bench::MeasureRocksDb(directory, roomlog::bench::LogFiles::kNew);
  roomlog::bench::MeasureRocksDb(directory,
                                 roomlog::bench::LogFiles::kRecycled);
  absl::PrintF("{\"done\": true}\n");
  return 0;
}
