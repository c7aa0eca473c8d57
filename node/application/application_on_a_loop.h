// The room application on one loop of a server, without a network, for tests.
#ifndef ROOMLOG_NODE_APPLICATION_APPLICATION_ON_A_LOOP_H_
#define ROOMLOG_NODE_APPLICATION_APPLICATION_ON_A_LOOP_H_

#include <memory>
#include <string>
#include <utility>

#include "node/application/room_application.h"
#include "node/server/server_core.h"
#include "node/server/server_loop.h"
#include "test/fakes/fake_backplane.h"
#include "test/fakes/fake_clock.h"

namespace roomlog {

class ApplicationOnALoop final : public SocketWireHandler {
 public:
  struct Options {
    std::string node_name;
  };

  ApplicationOnALoop(Options options, FakeBackplane& backplane)
      : application_(std::move(options.node_name)) {
    auto core = std::make_shared<ServerCore>();
    core->follow_namespaces = false;
    auto rules = std::make_shared<NamespaceRules>();
    core->patterns.emplace_back([](absl::string_view) { return true; }, rules);
    application_.Serve(Namespace(core, rules, ""));
    const auto port = std::make_shared<LoopPort>(
        [](LoopPort::Task task) { std::move(task)(); });
    loop_ =
        std::make_unique<ServerLoop>(core, 0, "loop", backplane, clock_, port);
    core->loops.push_back({port, loop_.get()});
    // There are no turns here: what is left for the next one is done at once.
    loop_->timers().set_on_earlier(
        [this] { loop_->timers().Run(clock_.Steady()); });
    backplane.set_follower(&loop_->follower());
  }

  void OnTick() { loop_->OnTick(); }
  size_t room_count() const { return loop_->rooms().room_count(); }
  size_t client_count() const { return loop_->socket_count(); }
  uint64_t unsendable_events() const {
    return loop_->rooms().unsendable_events();
  }

  void OnConnect(SocketWire& wire) override { loop_->OnConnect(wire); }
  void OnEvent(SocketWire& wire, const IncomingEvent& event) override {
    loop_->OnEvent(wire, event);
  }
  void OnAck(SocketWire& wire, const IncomingAck& ack) override {
    loop_->OnAck(wire, ack);
  }
  void OnDisconnect(SocketWire& wire, absl::string_view reason) override {
    loop_->OnDisconnect(wire, reason);
  }
  void OnDrained(SocketWire& wire) override { loop_->OnDrained(wire); }
  void OnAllHeard(SocketWire& wire) override { loop_->OnAllHeard(wire); }

 private:
  FakeClock clock_;
  RoomApplication application_;
  std::unique_ptr<ServerLoop> loop_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_APPLICATION_APPLICATION_ON_A_LOOP_H_
