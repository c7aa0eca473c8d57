#include "node/server/loop_runtime.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

namespace roomlog {

namespace asio = boost::asio;

LoopRuntime::LoopRuntime(std::shared_ptr<const ServerCore> core, size_t index,
                         std::unique_ptr<LoopBackplane> backplane,
                         const Clock& clock, asio::io_context& io)
    : clock_(clock),
      io_(io),
      ids_(static_cast<uint8_t>(index)),
      backplane_(std::move(backplane)),
      port_(std::make_shared<LoopPort>([&io](LoopPort::Task task) {
        asio::post(io,
                   [task = std::move(task)]() mutable { std::move(task)(); });
      })),
      loop_(std::make_unique<ServerLoop>(std::move(core), index, ids_.Next(),
                                         *backplane_, clock, port_)) {}

void LoopRuntime::RelayRequests(RequestRelay::Options options,
                                RequestRelay::Serve serve) {
  relay_ = std::make_unique<RequestRelay>(
      options, clock_,
      [this](const std::string& room, std::string bytes,
             RequestRelay::Said said) {
        loop_->rooms().Publish(
            {.room = *RoomKey::Make(kNodeNamespace, room),
             .flags = proto::EVENT_FLAG_EPHEMERAL,
             .id = "",
             .packet = std::move(bytes)},
            [said = std::move(said)](
                const absl::StatusOr<PublishAnswer>& answer) mutable {
              if (said == nullptr) return;
              if (!answer.ok()) return std::move(said)(answer.status());
              std::move(said)(answer->receivers);
            });
      },
      std::move(serve));
  loop_->rooms().FollowRaw(*RoomKey::Make(kNodeNamespace, relay_->room()),
                           {.on_event =
                                [this](const EventView& event) {
                                  if (relay_ != nullptr) {
                                    relay_->OnHeard(event.packet);
                                  }
                                },
                            .on_following = nullptr});
}

void LoopRuntime::Begin() {
  asio::post(io_, [this] {
    wake_.emplace(io_, backplane_->wake_fd());
    tick_.emplace(io_);
    deadline_.emplace(io_);
    loop_->timers().set_on_earlier([this] { WaitForDeadline(); });
    WaitForBackplane();
    WaitForTick();
    WaitForDeadline();
  });
}

void LoopRuntime::End(std::function<void()> done) {
  asio::post(io_, [this, done = std::move(done)] {
    // The requests of clients that wait here belong to the engine, which ends.
    relay_.reset();
    loop_->WhenLossesAreKnown([this, done] {
      // Not from within what is let go.
      asio::post(io_, [this, done] {
        loop_->timers().set_on_earlier(nullptr);
        wake_->release();  // The backplane closes it.
        wake_.reset();
        tick_.reset();
        deadline_.reset();
        done();
      });
    });
  });
}

void LoopRuntime::WaitForBackplane() {
  wake_->async_wait(asio::posix::stream_descriptor::wait_read,
                    [this](boost::system::error_code error) {
                      if (error || !wake_.has_value()) return;
                      {
                        const LoopPort::Scope scope(port_.get());
                        backplane_->DoWork(loop_->follower());
                      }
                      WaitForBackplane();
                    });
}

void LoopRuntime::WaitForTick() {
  tick_->expires_after(std::chrono::seconds(1));
  tick_->async_wait([this](boost::system::error_code error) {
    if (error || !tick_.has_value()) return;
    {
      const LoopPort::Scope scope(port_.get());
      loop_->OnTick();
      if (relay_ != nullptr) relay_->OnTick();
    }
    WaitForTick();
  });
}

void LoopRuntime::WaitForDeadline() {
  const absl::Duration next = loop_->timers().next();
  if (next == absl::InfiniteDuration()) return;
  // Whatever waits already is cancelled by this.
  deadline_->expires_after(absl::ToChronoNanoseconds(next - clock_.Steady()));
  deadline_->async_wait([this](boost::system::error_code error) {
    if (error || !deadline_.has_value()) return;
    {
      const LoopPort::Scope scope(port_.get());
      loop_->timers().Run(clock_.Steady());
    }
    WaitForDeadline();
  });
}

}  // namespace roomlog
