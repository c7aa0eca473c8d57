#include "node/engineio/engine_server.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/engineio/engine_limits.h"

namespace roomlog {
namespace {

namespace asio = boost::asio;

}  // namespace

EngineServer::EngineServer(EngineOptions options, asio::io_context& io,
                           MakeHandler make_handler) {
  shared_.options = std::move(options);
  shared_.loop_count =
      std::clamp<size_t>(shared_.options.threads, 1, kLoopsMax);
  shared_.hand_over = [this](size_t index, HttpConnection::HandedOver from) {
    EngineShard* const shard = loops_[index]->shard.get();
    asio::post(*loops_[index]->io, [shard, from = std::move(from)]() mutable {
      shard->TakeOver(std::move(from));
    });
  };
  for (size_t i = 0; i < shared_.loop_count; ++i) {
    auto loop = std::make_unique<Loop>();
    if (i > 0) loop->own_io = std::make_unique<asio::io_context>(1);
    loop->io = i > 0 ? loop->own_io.get() : &io;
    loop->shard = std::make_unique<EngineShard>(
        std::make_shared<EngineLoop>(*loop->io), i, shared_, make_handler);
    loops_.push_back(std::move(loop));
  }
  listener_ =
      std::make_unique<HttpListener>(io, [this](ClientSocket::Released socket) {
        OnConnection(std::move(socket));
      });
}

EngineServer::~EngineServer() {
  listener_->Close();
  for (const auto& loop : loops_) {
    if (loop->own_io != nullptr) loop->own_io->stop();
  }
  for (const auto& loop : loops_) {
    if (loop->thread.joinable()) loop->thread.join();
  }
  for (const auto& loop : loops_) loop->shard.reset();
}

absl::Status EngineServer::Load() {
  const EngineOptions& options = shared_.options;
  if (options.threads > kLoopsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.threads, " threads are more than ", kLoopsMax));
  }
  if (!options.static_directory.empty()) {
    absl::StatusOr<StaticFiles> files =
        StaticFiles::Open(options.static_directory);
    if (!files.ok()) return files.status();
    shared_.static_files = *std::move(files);
  }
  if (!options.client_directory.empty()) {
    absl::StatusOr<StaticFiles> files =
        StaticFiles::Open(options.client_directory);
    if (!files.ok()) return files.status();
    shared_.client_files = *std::move(files);
  }
  if (options.tls.has_value()) {
    shared_.tls = std::make_unique<TlsContext>(*options.tls);
    return shared_.tls->Load();
  }
  return absl::OkStatus();
}

absl::StatusOr<uint16_t> EngineServer::Start(const std::string& address) {
  const absl::Status status = Load();
  if (!status.ok()) return status;
  absl::StatusOr<uint16_t> port = listener_->Listen(address);
  if (!port.ok()) return port;
  for (const auto& loop : loops_) {
    if (loop->own_io == nullptr) continue;
    loop->thread = std::thread([io = loop->own_io.get()] {
      const auto guard = asio::make_work_guard(*io);
      io->run();
    });
  }
  return port;
}

void EngineServer::OnConnection(ClientSocket::Released socket) {
  const size_t index = next_loop_;
  next_loop_ = (next_loop_ + 1) % loops_.size();
  EngineShard* const shard = loops_[index]->shard.get();
  if (index == 0) return shard->AddConnection(std::move(socket));
  asio::post(*loops_[index]->io, [shard, socket = std::move(socket)]() mutable {
    shard->AddConnection(std::move(socket));
  });
}

void EngineServer::Drain(absl::string_view reason, absl::Duration time,
                         std::function<void()> done) {
  shared_.is_draining = true;
  OnEachLoop(
      [reason, time](EngineShard& shard, std::function<void()> told) {
        shard.Drain(reason, time, std::move(told));
      },
      [this, done = std::move(done)] {
        listener_->Close();
        done();
      });
}

void EngineServer::Stop(absl::string_view reason, std::function<void()> done) {
  listener_->Close();
  const bool was_draining = shared_.is_draining;
  OnEachLoop(
      [reason, was_draining](EngineShard& shard, std::function<void()> told) {
        shard.Stop(reason, was_draining ? nullptr : std::move(told));
      },
      std::move(done));
}

void EngineServer::OnEachLoop(
    std::function<void(EngineShard&, std::function<void()> told)> what,
    std::function<void()> done) {
  const auto left = std::make_shared<size_t>(loops_.size());
  const auto told = [this, left, done = std::move(done)] {
    asio::post(*loops_[0]->io, [left, done] {
      if (--*left == 0) done();
    });
  };
  for (const auto& loop : loops_) {
    if (loop->own_io != nullptr && !loop->thread.joinable()) {
      told();  // It was never started.
      continue;
    }
    asio::post(*loop->io,
               [shard = loop->shard.get(), what, told] { what(*shard, told); });
  }
}

absl::Status EngineServer::ReloadCertificate() {
  if (shared_.tls == nullptr) {
    return absl::FailedPreconditionError("this server does not speak TLS");
  }
  return shared_.tls->Load();
}

}  // namespace roomlog
