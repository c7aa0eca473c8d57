#include "examples/engine_echo.h"

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "node/engineio/engine_server.h"
#include "node/engineio/engine_session.h"
#include "node/engineio/shared_frame.h"

namespace roomlog {
namespace {

// The sessions of one loop, and what they were sent in this turn.
struct Everybody {
  absl::flat_hash_set<EngineSession*> sessions;
  std::vector<SharedFramePtr> frames;
};

class Echo final : public EngineHandler {
 public:
  // Borrows both. `all` is null unless messages go to everybody.
  Echo(EngineSession& session, Everybody* all) : session_(session), all_(all) {
    if (all_ != nullptr) all_->sessions.insert(&session_);
  }
  ~Echo() override {
    if (all_ != nullptr) all_->sessions.erase(&session_);
  }

  void OnText(absl::string_view message) override { Say(MakeFrame(message)); }
  void OnBinary(absl::string_view message) override {
    Say(MakeBinaryFrame(message));
  }
  void OnDrained() override {}
  void OnTurn() override {
    if (all_ == nullptr || all_->frames.empty()) return;
    for (EngineSession* session : all_->sessions) {
      session->SendAll(all_->frames);
    }
    all_->frames.clear();
  }
  void OnClose(absl::string_view) override {}
  absl::Duration deadline() const override { return absl::InfiniteDuration(); }
  void OnTick(absl::Duration) override {}

 private:
  void Say(SharedFramePtr frame) {
    if (all_ == nullptr) return session_.Send(std::move(frame));
    all_->frames.push_back(std::move(frame));
    session_.WantTurn();
  }

  EngineSession& session_;
  Everybody* const all_;
};

// Each client needs a descriptor.
void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int RunEngineEcho(EngineEchoOptions options) {
  RaiseDescriptorLimit();
  boost::asio::io_context io(1);
  std::vector<Everybody> everybody(options.engine.threads);
  const char* const scheme = options.engine.tls.has_value() ? "https" : "http";
  EngineServer server(
      std::move(options.engine), io,
      [&](EngineSession& session, size_t loop_index) {
        return std::make_unique<Echo>(
            session, options.fans_out ? &everybody[loop_index] : nullptr);
      });
  const absl::StatusOr<uint16_t> port = server.Start(options.listen);
  if (!port.ok()) {
    std::fprintf(stderr, "%s\n", port.status().ToString().c_str());
    return 1;
  }
  std::printf("listening on %s://127.0.0.1:%d\n", scheme, *port);
  std::fflush(stdout);

  boost::asio::signal_set stop(io, SIGTERM, SIGINT);
  stop.async_wait([&](boost::system::error_code error, int) {
    if (!error) server.Stop("server shutting down", [&] { io.stop(); });
  });
  boost::asio::signal_set reload(io, SIGHUP);
  std::function<void()> wait_for_reload = [&] {
    reload.async_wait([&](boost::system::error_code error, int) {
      if (error) return;
      const absl::Status status = server.ReloadCertificate();
      std::fprintf(stderr, "certificate: %s\n", status.ToString().c_str());
      wait_for_reload();
    });
  };
  wait_for_reload();
  io.run();
  return 0;
}

}  // namespace roomlog
