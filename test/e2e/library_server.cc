// A server that does with its clients' events what the library can do, one by
// one, for tests with the official client. Each event asks for one thing.
#include <chrono>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "node/rooms/gap.h"
#include "node/server/server.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:0", "where clients connect");
ABSL_FLAG(std::string, broker, "none", "the broker, or none: runs alone");
ABSL_FLAG(std::string, name, "node", "what the node answers");
ABSL_FLAG(uint32_t, threads, 1, "event loops");
ABSL_FLAG(absl::Duration, ping_interval, absl::Seconds(25), "");
ABSL_FLAG(absl::Duration, ping_timeout, absl::Seconds(20), "");

ABSL_FLAG(absl::Duration, recovery_window, absl::ZeroDuration(),
          "for clients that come back; 0: they cannot");
ABSL_FLAG(bool, skip_middlewares, false, "for clients that come back");

namespace roomlog {
namespace {

std::vector<std::string> Strings(const Value& value) {
  std::vector<std::string> strings;
  for (const Value& element : value.AsArray()) {
    strings.emplace_back(element.AsString());
  }
  return strings;
}

// {to: [], except: [], volatile, local, broadcast, timeout} as an operator.
BroadcastOperator Choose(Socket& socket, const Value& options) {
  BroadcastOperator chosen =
      options["broadcast"].AsBool()
          ? socket.Broadcast()
          : socket.name_space().To(std::vector<std::string>());
  chosen = chosen.To(Strings(options["to"]));
  chosen = chosen.Except(Strings(options["except"]));
  if (options["volatile"].AsBool()) chosen = chosen.Volatile();
  if (options["local"].AsBool()) chosen = chosen.Local();
  const double timeout = options["timeout"].AsNumber();
  if (timeout > 0) chosen = chosen.Timeout(absl::Milliseconds(timeout));
  return chosen;
}

Values Rest(const Args& args, size_t from) {
  Values rest = args.ToValues();
  rest.erase(rest.begin(),
             rest.begin() + static_cast<int>(std::min(from, rest.size())));
  return rest;
}

ReplayStart StartOf(const Value& options) {
  if (!options["last"].is_null()) {
    return LastEvents{static_cast<size_t>(options["last"].AsNumber())};
  }
  if (!options["after"].is_null()) {
    const auto after = ParsePosition(options["after"].AsString());
    if (after.ok()) return AfterPosition{*after};
  }
  if (options["start"].AsBool()) return FromStart{};
  return FromNow{};
}

// The reason for which this server last lost a socket. One loop.
std::string& LastReason() {
  static std::string* const reason = new std::string();
  return *reason;
}

// How many clients the middleware of "/" has seen. One loop.
int& Middlewares() {
  static int middlewares = 0;
  return middlewares;
}

// As examples/echo_server.cc.
void ServeEchoes(Socket& socket) {
  socket.Emit("auth", socket.Handshake().auth);
  socket.On("message", [&socket](const Args& args) {
    socket.EmitValues("message-back", args.ToValues(), nullptr, {});
  });
  socket.On("message-with-ack", [](const Args& args, const Ack& ack) {
    ack.SendValues(args.ToValues());
  });
}

void ServeBroadcasts(Socket& socket) {
  // emit(options, event, ...arguments), then its acknowledgement.
  socket.On("emit", [&socket](const Args& args, const Ack& ack) {
    Choose(socket, args[0]).EmitValues(args[1].AsString(), Rest(args, 2));
    ack();
  });
  socket.On("emit-with-ack", [&socket](const Args& args, const Ack& ack) {
    Choose(socket, args[0])
        .EmitValues(args[1].AsString(), Rest(args, 2),
                    [ack](const absl::Status& status, const Values& answers) {
                      ack(status.message(), Value(answers));
                    });
  });
  socket.On("fetch", [&socket](const Args& args, const Ack& ack) {
    Choose(socket, args[0])
        .FetchSockets([ack](const absl::Status& status,
                            const std::vector<RemoteSocket>& sockets) {
          Value list{Value::Array()};
          for (const RemoteSocket& found : sockets) {
            Value rooms{Value::Array()};
            for (const std::string& room : found.rooms) rooms.Append(room);
            list.Append(Value::ObjectOf({{"id", found.id},
                                         {"rooms", rooms},
                                         {"data", found.data},
                                         {"auth", found.auth},
                                         {"url", found.url}}));
          }
          ack(status.message(), list);
        });
  });
  socket.On("sockets-join", [&socket](const Args& args, const Ack& ack) {
    Choose(socket, args[0]).SocketsJoin(Strings(args[1]));
    ack();
  });
  socket.On("sockets-leave", [&socket](const Args& args, const Ack& ack) {
    Choose(socket, args[0]).SocketsLeave(Strings(args[1]));
    ack();
  });
  // Joins others to a room, and says something there in the same breath.
  socket.On("join-and-emit", [&socket](const Args& args) {
    Choose(socket, args[0]).SocketsJoin({std::string(args[1].AsString())});
    socket.name_space().To(args[1].AsString()).Emit("hello", args[2]);
  });
  socket.On("disconnect-sockets", [&socket](const Args& args) {
    Choose(socket, args[0]).DisconnectSockets(args[1].AsBool());
  });
  socket.On("server-side-emit", [&socket](const Args& args) {
    socket.name_space().ServerSideEmitValues(args[0].AsString(), Rest(args, 1));
  });
  socket.On("server-side-ask", [&socket](const Args& args, const Ack& ack) {
    socket.name_space().ServerSideEmitValues(
        args[0].AsString(), Rest(args, 1),
        [ack](const absl::Status& status, const Values& answers) {
          ack(status.message(), Value(answers));
        });
  });
}

void ServeRooms(Socket& socket) {
  socket.On("join", [&socket](const Args& args, const Ack& ack) {
    if (args.size() < 2) {
      // Others may speak once it is answered.
      socket.Join(args[0].AsString(),
                  [ack](const absl::StatusOr<Joined>&) { ack(); });
      return;
    }
    socket.Join(args[0].AsString(), StartOf(args[1]),
                [ack](const absl::StatusOr<Joined>& joined) {
                  if (!joined.ok()) return ack(joined.status().message());
                  ack(nullptr, joined->replayed,
                      FormatPosition(joined->position));
                });
  });
  socket.On("leave", [&socket](const Args& args, const Ack& ack) {
    socket.Leave(args[0].AsString());
    ack();
  });
  socket.On("rooms", [&socket](const Args&, const Ack& ack) {
    Value rooms{Value::Array()};
    for (const std::string& room : socket.Rooms()) rooms.Append(room);
    ack(rooms);
  });
  socket.On("publish", [&socket](const Args& args, const Ack& ack) {
    socket.name_space().Publish(
        args[0].AsString(), args[1].AsString(), args[2],
        {.id = std::string(args[3].AsString())},
        [ack](const absl::StatusOr<Published>& published) {
          if (!published.ok()) return ack(published.status().message());
          ack(nullptr, FormatPosition(published->position),
              published->duplicate);
        });
  });
  socket.On("history", [&socket](const Args& args, const Ack& ack) {
    const auto room =
        RoomKey::Make(socket.name_space().name(), args[0].AsString());
    socket.History({.room = *room, .limit = 100},
                   [ack](const absl::StatusOr<HistoryAnswer>& page) {
                     ack(ParseJson(absl::StrCat("[", page->events_json, "]"))
                             .value_or(Value()));
                   });
  });
}

// What became of the client's session, once it is connected.
void ServeRecovery(Socket& socket) {
  socket.On("session", [&socket](const Args&, const Ack& ack) {
    const SessionGap* const gap = socket.recovery_gap();
    ack(Value::ObjectOf(
        {{"recovered", socket.recovered()},
         {"gap",
          gap == nullptr ? Value() : Value(SessionGapReasonName(gap->reason))},
         {"middlewares", static_cast<double>(Middlewares())}}));
  });
  // Says something to the socket itself: plain, volatile, and as a question.
  socket.On("tell-me", [&socket](const Args& args) {
    socket.EmitValues(args[0].AsString(), Rest(args, 1), nullptr, {});
  });
  socket.On("tell-me-volatile", [&socket](const Args& args) {
    socket.EmitValues(args[0].AsString(), Rest(args, 1), nullptr,
                      {.is_volatile = true});
  });
  socket.On("ask-me-later", [&socket](const Args& args) {
    socket.EmitValues(args[0].AsString(), Rest(args, 1),
                      [](const absl::StatusOr<Values>&) {}, {});
  });
}

void Serve(Socket& socket) {
  if (!socket.recovered()) {
    socket.Data().Set("node", absl::GetFlag(FLAGS_name));
  }
  ServeRecovery(socket);
  ServeEchoes(socket);
  ServeBroadcasts(socket);
  ServeRooms(socket);
  socket.OnDisconnect(
      [](absl::string_view reason) { LastReason() = std::string(reason); });
  socket.On("last-reason",
            [](const Args&, const Ack& ack) { ack(LastReason()); });
  socket.On("data", [&socket](const Args& args, const Ack& ack) {
    socket.Data().Set(args[0].AsString(), args[1]);
    ack(socket.Data());
  });
  socket.On("handshake", [&socket](const Args&, const Ack& ack) {
    const HandshakeInfo& request = socket.Handshake().request;
    ack(request.url, request.headers.Find("x-test"), request.remote_address,
        socket.Handshake().auth);
  });
  // Asks the client, and hands its answer back.
  socket.On("ask-me", [&socket](const Args& args, const Ack& ack) {
    socket.Timeout(absl::Milliseconds(args[0].AsNumber()))
        .Emit("question", args[1], [ack](const absl::StatusOr<Values>& answer) {
          if (answer.ok()) {
            ack(nullptr, Value(*answer));
          } else {
            ack(answer.status().message());
          }
        });
  });
  socket.On("leave-me", [&socket] {
    socket.Disconnect();
    socket.Emit("never");
  });
  socket.On("close-me", [&socket] { socket.Disconnect(/*close=*/true); });
  socket.On("flood", [&socket] {
    socket.Emit("flood");
    const std::string filler(100'000, 'x');
    for (int i = 0; i < 1000; ++i) socket.Emit("filler", filler);
  });
  socket.On("throw", [] { throw std::runtime_error("thrown on purpose"); });
  socket.On("sleep", [] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  });
  socket.On("reserved", [&socket](const Args&, const Ack& ack) {
    socket.Emit("connect", 1);  // Refused, and logged.
    ack();
  });
}

std::optional<RecoveryOptions> Recovery() {
  const absl::Duration window = absl::GetFlag(FLAGS_recovery_window);
  if (window == absl::ZeroDuration()) return std::nullopt;
  return RecoveryOptions{
      .window = window,
      .skip_middlewares = absl::GetFlag(FLAGS_skip_middlewares)};
}

int Run() {
  Server io(
      {.listen = absl::GetFlag(FLAGS_listen),
       .broker = absl::GetFlag(FLAGS_broker),
       .name = absl::GetFlag(FLAGS_name),
       .engine = {.times = {.ping_interval = absl::GetFlag(FLAGS_ping_interval),
                            .ping_timeout = absl::GetFlag(FLAGS_ping_timeout)},
                  .threads = absl::GetFlag(FLAGS_threads)},
       .recovery = Recovery()});
  if (Recovery().has_value()) {
    io.Use([](Socket&, const Next& next) {
      ++Middlewares();
      next();
    });
  }
  io.Use([](Socket& socket, const Next& next) {
    socket.SetUser(socket.Handshake().auth["user"].AsString());
    next();
  });
  io.OnConnection(Serve);
  io.On("announce", [&io](const Args& args) {
    io.Local().Emit("announced", args[0], absl::GetFlag(FLAGS_name));
  });
  // Those here are told who comes to the stage and goes.
  io.OnPresence("stage", [&io](const PresenceChange& change) {
    io.Local().Emit("stage", change.has_joined ? "join" : "leave", change.user,
                    change.is_first_or_last,
                    static_cast<double>(change.sockets));
  });
  io.On("who-are-you",
        [](const Args&, const Ack& ack) { ack(absl::GetFlag(FLAGS_name)); });
  io.On("say-nothing", [](const Args&, const Ack&) {});

  Namespace guarded = io.Of("/guarded");
  guarded.Use([](Socket& socket, const Next& next) {
    const absl::string_view token = socket.Handshake().auth["token"].AsString();
    if (token == "plain") return next("refused");
    if (token == "throw") throw std::runtime_error("thrown on purpose");
    if (token != "sesame") {
      return next("wrong token",
                  Value::ObjectOf({{"code", 401}, {"token", token}}));
    }
    next();
  });
  guarded.Use([](Socket& socket, const Next& next) {
    socket.Emit("before", "the connection");
    // Takes its time, on another thread.
    std::thread([next] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      next();
      next("too late");
    }).detach();
  });
  guarded.OnConnection(Serve);
  io.Of([](absl::string_view name) {
      return absl::StartsWith(name, "/dynamic-");
    }).OnConnection([](Socket& socket) {
    socket.Emit("welcome", socket.name_space().name());
    Serve(socket);
  });

  const absl::Status status = io.Run([](uint16_t port) {
    std::printf("library_server listening on http://127.0.0.1:%d\n", port);
    std::fflush(stdout);
  });
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace roomlog

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return roomlog::Run();
}
