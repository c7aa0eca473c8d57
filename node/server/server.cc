#include "node/server/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "node/engineio/engine_limits.h"
#include "node/engineio/engine_server.h"
#include "node/engineio/id_generator.h"
#include "node/link/local_broker.h"
#include "node/link/loop_link.h"
#include "node/server/loop_runtime.h"
#include "node/socketio/client_connection.h"

namespace roomlog {

namespace asio = boost::asio;

namespace {

constexpr absl::string_view kShuttingDown = "server shutting down";

}  // namespace

// What there is from Start() on.
class Server::Runtime {
 public:
  Runtime(const ServerOptions& options, ServerCore& core)
      : options_(options), core_(core) {
    rules_.connect_timeout = options.connect_timeout;
    rules_.is_namespace = [&core](absl::string_view name) {
      return core.Find(name) != nullptr;
    };
  }

  ~Runtime() {
    // Their threads, and the program's, may still ask which loops there are;
    // what is posted to them from here on is dropped.
    for (const auto& loop : loops_) loop->loop().port()->Close();
    // The engine ends its threads, and with them every use of what follows.
    engine_.reset();
    loops_.clear();
  }

  absl::StatusOr<uint16_t> Start(std::shared_ptr<const ServerCore> core) {
    if (options_.drain_time < absl::ZeroDuration() ||
        options_.drain_time > kDrainTimeMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("the time to drain must be from 0 to ",
                       absl::FormatDuration(kDrainTimeMax)));
    }
    if (options_.recovery.has_value() &&
        (options_.recovery->window < absl::Seconds(1) ||
         options_.recovery->window > kRecoveryWindowMax)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the window of recovery must be from 1s to ",
                       absl::FormatDuration(kRecoveryWindowMax)));
    }
    EngineOptions engine = options_.engine;
    if (!engine.health) engine.health = [this] { return BrokerHealth(); };
    for (HttpRoute& route : engine.routes) {
      // So that what is done for a request is done on its loop.
      route.handle = [this, handle = std::move(route.handle)](
                         std::shared_ptr<HttpExchange> exchange,
                         size_t loop_index) {
        const LoopPort::Scope scope(core_.loops[loop_index].port.get());
        handle(std::move(exchange), loop_index);
      };
    }
    if (options_.broker != "none") {
      engine.other_nodes.emplace(OtherNodes{
          .own = IdGenerator::DrawTag(),
          .hand_on = [this](size_t loop_index, NodeTag node, size_t its_loop,
                            std::shared_ptr<HttpExchange> exchange) {
            loops_[loop_index]->relay().HandOn(node, its_loop,
                                               std::move(exchange));
          }});
    }
    const std::optional<OtherNodes> other_nodes = engine.other_nodes;
    engine_ = std::make_unique<EngineServer>(
        std::move(engine), io_, [this](EngineSession& session, size_t index) {
          LoopRuntime& loop = *loops_[index];
          return std::make_unique<ClientConnection>(
              session, loop.loop(), rules_, loop.ids(), clock_.Steady());
        });
    for (size_t i = 0; i < engine_->loop_count(); ++i) {
      absl::StatusOr<std::unique_ptr<LoopBackplane>> backplane = Connect(i);
      if (!backplane.ok()) return backplane.status();
      loops_.push_back(std::make_unique<LoopRuntime>(
          core, i, *std::move(backplane), clock_, engine_->loop(i).io()));
      if (!other_nodes.has_value()) continue;
      loops_.back()->RelayRequests(
          {.node = other_nodes->own,
           .loop_index = i,
           .body_bytes_max = options_.engine.message_bytes_max},
          [this, i](std::shared_ptr<HttpExchange> exchange) {
            engine_->Serve(i, std::move(exchange));
          });
    }
    for (const auto& loop : loops_) {
      core_.loops.push_back({loop->loop().port(), &loop->loop()});
    }
    const absl::StatusOr<uint16_t> port = engine_->Start(options_.listen);
    if (!port.ok()) return port;
    for (const auto& loop : loops_) loop->Begin();
    return port;
  }

  void Wait() { io_.run(); }

  void StopOnSignals() {
    signals_.emplace(io_, SIGTERM, SIGINT);
    WaitForSignal();
    if (options_.engine.tls.has_value() || options_.on_hangup) {
      hangups_.emplace(io_, SIGHUP);
      ReloadOnHangup();
    }
  }

  void PostStop() {
    asio::post(io_, [this] { Stop(); });
  }

  void PostDrain() {
    asio::post(io_, [this] { Drain(); });
  }

  size_t client_count() const {
    return engine_ == nullptr ? 0 : engine_->session_count();
  }

 private:
  absl::StatusOr<std::unique_ptr<LoopBackplane>> Connect(size_t index) {
    if (options_.broker == "none") {
      if (local_broker_ == nullptr) {
        // A new life each time: what an earlier one had is gone.
        const Epoch epoch(
            static_cast<uint64_t>(absl::ToUnixMillis(clock_.Now())));
        local_broker_ =
            std::make_unique<LocalBroker>(engine_->loop_count(), epoch, clock_);
      }
      return local_broker_->Connect(index);
    }
    const std::string name =
        options_.name.empty() ? options_.listen : options_.name;
    absl::StatusOr<std::unique_ptr<LoopLink>> link = LoopLink::Start(
        options_.broker, index == 0 ? name : absl::StrCat(name, "#", index),
        clock_, core_.log, options_.link_keys);
    if (!link.ok()) return link.status();
    return std::unique_ptr<LoopBackplane>(*std::move(link));
  }

  // The broker answers and takes publishes, or why not.
  Health BrokerHealth() const {
    for (const auto& loop : loops_) {
      const absl::Status status = loop->backplane().health();
      if (status.ok()) continue;
      return {false, absl::StrCat(R"({"ok":false,"reason":)",
                                  Quote(status.message()), "}")};
    }
    return {};
  }

  void ReloadOnHangup() {
    hangups_->async_wait([this](boost::system::error_code error, int) {
      if (error) return;
      if (options_.engine.tls.has_value()) ReloadCertificate();
      if (options_.on_hangup) options_.on_hangup();
      ReloadOnHangup();
    });
  }

  void ReloadCertificate() {
    const absl::Status status = engine_->ReloadCertificate();
    if (!core_.log) return;
    core_.log(status.ok() ? std::string("the certificate was read anew")
                          : absl::StrCat("the old certificate stays in use: ",
                                         status.message()));
  }

  void WaitForSignal() {
    signals_->async_wait([this](boost::system::error_code error, int signal) {
      if (error) return;
      if (signal == SIGTERM && !is_draining_) {
        WaitForSignal();
        Drain();
      } else {
        Stop();
      }
    });
  }

  void Drain() {
    if (is_draining_ || is_stopping_) return;
    if (options_.drain_time <= absl::ZeroDuration()) return Stop();
    is_draining_ = true;
    if (core_.log) {
      core_.log(absl::StrCat("draining: closing ", client_count(),
                             " clients within ",
                             absl::FormatDuration(options_.drain_time)));
    }
    engine_->Drain(kShuttingDown, options_.drain_time, [this] { EndLoops(); });
  }

  void Stop() {
    if (std::exchange(is_stopping_, true)) return;
    signals_.reset();
    hangups_.reset();
    if (core_.log) {
      core_.log(absl::StrCat("stopping: closing ", client_count(), " clients"));
    }
    engine_->Stop(kShuttingDown, [this] { EndLoops(); });
  }

  void EndLoops() {
    // Each loop lets go of its descriptors on its own thread.
    signals_.reset();
    hangups_.reset();
    loops_left_ = loops_.size();
    for (const auto& loop : loops_) {
      loop->End([this] {
        asio::post(io_, [this] {
          if (--loops_left_ == 0) io_.stop();
        });
      });
    }
  }

  const ServerOptions& options_;
  ServerCore& core_;
  const SystemClock clock_;
  ClientRules rules_;
  asio::io_context io_{1};
  std::optional<asio::signal_set> signals_;
  std::optional<asio::signal_set> hangups_;
  std::unique_ptr<LocalBroker> local_broker_;
  std::vector<std::unique_ptr<LoopRuntime>> loops_;
  std::unique_ptr<EngineServer> engine_;
  bool is_draining_ = false;
  bool is_stopping_ = false;
  size_t loops_left_ = 0;
};

Server::Server(ServerOptions options)
    : Server(std::move(options), std::make_shared<ServerCore>()) {}

Server::Server(ServerOptions options, std::shared_ptr<ServerCore> core)
    : Namespace(
          core,
          core->namespaces.emplace("/", std::make_shared<NamespaceRules>())
              .first->second,
          "/"),
      options_(std::move(options)),
      core_(std::move(core)) {
  core_->follow_namespaces = options_.follow_namespaces;
  core_->hears_dismissals = true;
  core_->recovery = options_.recovery;
  core_->slow_handler_time = options_.slow_handler_time;
  core_->log = options_.log ? options_.log : [](absl::string_view line) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  };
  std::random_device random;
  core_->server_id = uint64_t{random()} << 32 | random();
}

Server::~Server() = default;

Namespace Server::Of(absl::string_view name) {
  // As Socket.IO does.
  const std::string full =
      absl::StrCat(absl::StartsWith(name, "/") ? "" : "/", name);
  if (!core_->loops.empty()) return Namespace(core_, nullptr, full);
  auto& rules = core_->namespaces[full];
  if (rules == nullptr) rules = std::make_shared<NamespaceRules>();
  return Namespace(core_, rules, full);
}

Namespace Server::Of(std::function<bool(absl::string_view name)> pattern) {
  auto rules = std::make_shared<NamespaceRules>();
  if (core_->loops.empty()) {
    core_->patterns.emplace_back(std::move(pattern), rules);
  }
  return Namespace(core_, rules, "(pattern)");
}

absl::StatusOr<uint16_t> Server::Start() {
  runtime_ = std::make_unique<Runtime>(options_, *core_);
  return runtime_->Start(core_);
}

void Server::Wait() { runtime_->Wait(); }

absl::Status Server::Run(std::function<void(uint16_t port)> on_listening) {
  const absl::StatusOr<uint16_t> port = Start();
  if (!port.ok()) return port.status();
  runtime_->StopOnSignals();
  if (on_listening) on_listening(*port);
  Wait();
  return absl::OkStatus();
}

void Server::Stop() {
  if (runtime_ != nullptr) runtime_->PostStop();
}

void Server::Drain() {
  if (runtime_ != nullptr) runtime_->PostDrain();
}

size_t Server::client_count() const {
  return runtime_ == nullptr ? 0 : runtime_->client_count();
}

}  // namespace roomlog
