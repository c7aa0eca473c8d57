// Loads one server with many WebSocket clients, from one thread, and says what
// came and what it cost the server. Prints one line of JSON. See
// bench/README.md.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/edge/load_socket.h"

ABSL_FLAG(uint32_t, port, 0, "Of the server, on 127.0.0.1.");
ABSL_FLAG(int32_t, pid, 0, "Of the server, to read what it uses.");
ABSL_FLAG(std::string, protocol, "engineio", "raw, engineio or socketio.");
ABSL_FLAG(std::string, measure, "fanout", "fanout, idle, connect or echo.");
ABSL_FLAG(uint32_t, clients, 100, "Connections.");
ABSL_FLAG(uint32_t, in_flight, 1, "fanout: messages sent in one go.");
ABSL_FLAG(absl::Duration, duration, absl::Seconds(5), "How long.");
ABSL_FLAG(absl::Duration, settle, absl::Seconds(1),
          "idle: how long the server may tidy up.");

namespace roomlog {
namespace {

constexpr size_t kPayloadBytes = 128;
constexpr absl::Duration kPatience = absl::Seconds(60);

// What the server has used so far.
double CpuSeconds() {
  std::ifstream file(absl::StrCat("/proc/", absl::GetFlag(FLAGS_pid), "/stat"));
  std::stringstream text;
  text << file.rdbuf();
  std::string all = text.str();
  std::istringstream fields(all.substr(all.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double ResidentBytes() {
  std::ifstream file(
      absl::StrCat("/proc/", absl::GetFlag(FLAGS_pid), "/status"));
  std::string line;
  while (std::getline(file, line)) {
    if (absl::StartsWith(line, "VmRSS:")) {
      return std::stod(line.substr(6)) * 1024;
    }
  }
  Die("the server's memory cannot be read");
}

class Load {
 public:
  Load() : poll_(epoll_create1(EPOLL_CLOEXEC)) {
    const std::string protocol = absl::GetFlag(FLAGS_protocol);
    protocol_ = protocol == "raw"        ? LoadProtocol::kRaw
                : protocol == "engineio" ? LoadProtocol::kEngineIo
                                         : LoadProtocol::kSocketIo;
  }

  // Opens clients, up to `count` in all, and waits until they are ready.
  void Open(size_t count) {
    constexpr size_t kAtOnce = 100;  // Few enough for any listener's queue.
    while (sockets_.size() < count) {
      const size_t next = std::min(count, sockets_.size() + kAtOnce);
      while (sockets_.size() < next) Add();
      const absl::Time deadline = absl::Now() + kPatience;
      while (ready_ < sockets_.size()) {
        Turn();
        if (absl::Now() > deadline) Die("clients do not get ready");
      }
    }
  }

  // Reads what has come, waiting for it for a while, and returns how many
  // messages that were.
  size_t Turn() {
    epoll_event events[256];
    const int count = epoll_wait(poll_, events, 256, 1000);
    size_t messages = 0;
    for (int i = 0; i < count; ++i) {
      auto* socket = static_cast<LoadSocket*>(events[i].data.ptr);
      const bool was_ready = socket->is_ready();
      messages += socket->Read();
      if (!was_ready && socket->is_ready()) ++ready_;
    }
    return messages;
  }

  // Waits until so many messages have come.
  void Await(size_t messages) {
    const absl::Time deadline = absl::Now() + kPatience;
    size_t came = 0;
    while (came < messages) {
      came += Turn();
      if (absl::Now() > deadline) Die("messages were lost");
    }
    if (came > messages) Die("more messages came than were sent");
  }

  LoadSocket& first() { return *sockets_[0]; }
  LoadSocket& at(size_t index) { return *sockets_[index]; }

  // Of the text of a message, as the server expects it.
  std::string Message(absl::string_view event) const {
    const std::string payload(kPayloadBytes, 'x');
    switch (protocol_) {
      case LoadProtocol::kRaw:
        return LoadSocket::Frame(payload);
      case LoadProtocol::kEngineIo:
        return LoadSocket::Frame(absl::StrCat("4", payload));
      case LoadProtocol::kSocketIo:
        return LoadSocket::Frame(
            absl::StrCat("42", event, ",\"", payload, "\"]"));
    }
    Die("no such protocol");
  }

  void CloseAll() {
    sockets_.clear();
    ready_ = 0;
  }

 private:
  void Add() {
    sockets_.push_back(std::make_unique<LoadSocket>(
        static_cast<uint16_t>(absl::GetFlag(FLAGS_port)), protocol_));
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.ptr = sockets_.back().get();
    epoll_ctl(poll_, EPOLL_CTL_ADD, sockets_.back()->descriptor(), &event);
  }

  const int poll_;
  LoadProtocol protocol_;
  std::vector<std::unique_ptr<LoadSocket>> sockets_;
  size_t ready_ = 0;
};

// One client sends, all get it; the next when all have.
void FanOut(Load& load) {
  const size_t clients = absl::GetFlag(FLAGS_clients);
  const size_t in_flight = absl::GetFlag(FLAGS_in_flight);
  load.Open(clients);
  std::string burst;
  for (size_t i = 0; i < in_flight; ++i) burst += load.Message(R"(["m")");
  const auto round = [&] {
    load.first().Send(burst);
    load.Await(in_flight * clients);
  };
  for (int i = 0; i < 20; ++i) round();  // Warms it up.
  const double cpu = CpuSeconds();
  const absl::Time began = absl::Now();
  const absl::Time end = began + absl::GetFlag(FLAGS_duration);
  size_t deliveries = 0;
  while (absl::Now() < end) {
    round();
    deliveries += in_flight * clients;
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - began);
  const double used = CpuSeconds() - cpu;
  std::printf(R"({"deliveries":%zu,"seconds":%.3f,"server_cpu_seconds":%.3f})"
              "\n",
              deliveries, seconds, used);
}

// What an idle client costs the server.
void Idle(Load& load) {
  const size_t clients = absl::GetFlag(FLAGS_clients);
  // What is allocated once is not the clients'.
  load.Open(100);
  load.CloseAll();
  absl::SleepFor(absl::GetFlag(FLAGS_settle));
  const double before = ResidentBytes();
  load.Open(clients);
  absl::SleepFor(absl::GetFlag(FLAGS_settle));
  while (load.Turn() > 0) {
  }
  const double after = ResidentBytes();
  std::printf(R"({"clients":%zu,"resident_before":%.0f,"resident_after":%.0f,)"
              R"("bytes_per_client":%.0f})"
              "\n",
              clients, before, after,
              (after - before) / static_cast<double>(clients));
}

// Connects, gets ready and leaves, `clients` at a time.
void Connect(Load& load) {
  const size_t clients = absl::GetFlag(FLAGS_clients);
  load.Open(clients);
  load.CloseAll();
  const double cpu = CpuSeconds();
  const absl::Time began = absl::Now();
  const absl::Time end = began + absl::GetFlag(FLAGS_duration);
  size_t connections = 0;
  while (absl::Now() < end) {
    load.Open(clients);
    connections += clients;
    load.CloseAll();
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - began);
  std::printf(R"({"connections":%zu,"seconds":%.3f,"server_cpu_seconds":%.3f})"
              "\n",
              connections, seconds, CpuSeconds() - cpu);
}

// One client after the other asks and is answered; the rest are idle.
void Echo(Load& load) {
  const size_t clients = absl::GetFlag(FLAGS_clients);
  load.Open(clients);
  const std::string question = load.Message(R"(7["e")");
  std::vector<double> micros;
  size_t next = 0;
  const auto ask = [&] {
    const absl::Time began = absl::Now();
    load.at(next).Send(question);
    load.Await(1);
    // A prime step: neighbours do not follow one another.
    next = (next + 7919) % clients;
    return absl::ToDoubleMicroseconds(absl::Now() - began);
  };
  for (int i = 0; i < 500; ++i) ask();
  const absl::Time end = absl::Now() + absl::GetFlag(FLAGS_duration);
  while (absl::Now() < end) micros.push_back(ask());
  std::sort(micros.begin(), micros.end());
  std::printf(R"({"answers":%zu,"p50_us":%.1f,"p99_us":%.1f})"
              "\n",
              micros.size(), micros[micros.size() / 2],
              micros[micros.size() * 99 / 100]);
}

int Run() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  Load load;
  const std::string measure = absl::GetFlag(FLAGS_measure);
  if (measure == "fanout") {
    FanOut(load);
  } else if (measure == "idle") {
    Idle(load);
  } else if (measure == "connect") {
    Connect(load);
  } else if (measure == "echo") {
    Echo(load);
  } else {
    Die("no such measurement");
  }
  return 0;
}

}  // namespace
}  // namespace roomlog

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return roomlog::Run();
}
