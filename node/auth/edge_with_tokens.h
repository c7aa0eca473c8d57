// What tests of authentication share.
#ifndef ROOMLOG_NODE_AUTH_EDGE_WITH_TOKENS_H_
#define ROOMLOG_NODE_AUTH_EDGE_WITH_TOKENS_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "node/application/room_application.h"
#include "node/auth/authentication.h"
#include "node/auth/room_access.h"
#include "node/auth/signing_key.h"
#include "node/server/server_core.h"
#include "node/server/server_loop.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_socket.h"
#include "test/fakes/shared_backplanes.h"

namespace roomlog {

// An edge with the room application, whose clients must show tokens, signed by
// `key_`; all on one thread.
class EdgeWithTokens : public ::testing::Test {
 protected:
  void Start(AuthenticationOptions options, SocketLimits limits = {}) {
    authentication_ = std::make_unique<Authentication>(
        std::move(options), [this] { return keys_; }, clock_);
    access_ = std::make_unique<RoomAccess>(limits, clock_);
    application_ = std::make_unique<RoomApplication>("node", access_.get());
    auto core = std::make_shared<ServerCore>();
    core->follow_namespaces = false;
    core->recovery = recovery_;
    auto rules = std::make_shared<NamespaceRules>();
    core->patterns.emplace_back([](absl::string_view) { return true; }, rules);
    const Namespace all(core, rules, "");
    authentication_->Protect(all);
    application_->Serve(all);
    Namespace(all).OnConnection([this](Socket& socket) { latest_ = &socket; });
    const auto port = std::make_shared<LoopPort>(
        [](LoopPort::Task task) { std::move(task)(); });
    loop_ = std::make_unique<ServerLoop>(core, 0, "loop", backplanes_.Add(),
                                         clock_, port);
    core->loops.push_back({port, loop_.get()});
    backplanes_.set_follower(0, &loop_->follower());
  }
  void Start(absl::string_view grants) {
    AuthenticationOptions options;
    options.grants = *Grants::Parse(grants);
    options.tokens.leeway = absl::ZeroDuration();
    Start(std::move(options));
  }

  // Valid for 100 s from now; `more` are claims such as `,"iss":"x"`.
  std::string TokenOf(absl::string_view user, absl::string_view more = "",
                      int seconds = 100) const {
    return key_.Token(absl::StrCat(R"({"sub":")", user, R"(","exp":)",
                                   absl::ToUnixSeconds(clock_.Now()) + seconds,
                                   more, "}"));
  }

  FakeSocket& ConnectWith(absl::string_view auth,
                          std::string name_space = "/") {
    wires_.push_back(std::make_unique<FakeSocket>(
        absl::StrCat("123456789012345678", 10 + wires_.size()),
        std::move(name_space)));
    wires_.back()->set_auth(std::string(auth));
    wires_.back()->set_breakable(false);  // It never says what it has.
    loop_->OnConnect(*wires_.back());
    Settle();
    return *wires_.back();
  }
  // Comes with the private id of an earlier connection.
  FakeSocket& ComeBack(absl::string_view token, const FakeSocket& earlier) {
    return ConnectWith(absl::StrCat(R"({"token":")", token, R"(","pid":")",
                                    earlier.private_id(), R"("})"));
  }
  FakeSocket& Connect(absl::string_view token, std::string name_space = "/") {
    return ConnectWith(absl::StrCat(R"({"token":")", token, R"("})"),
                       std::move(name_space));
  }

  // Sends an event, a JSON array, and returns the answer to it.
  std::string Ask(FakeSocket& wire, const std::string& event) {
    wire.TakeSent();
    const size_t end = event.find('"', 2);
    loop_->OnEvent(wire, {.name = absl::string_view(event).substr(2, end - 2),
                          .arguments = event,
                          .ack_id = 7});
    backplanes_.Settle();
    std::string answer;
    for (const std::string& sent : wire.TakeSent()) {
      if (absl::StartsWith(sent, "7[") || absl::StartsWith(sent, "37[")) {
        answer += sent;
      }
    }
    return answer;
  }
  std::string Renew(FakeSocket& wire, absl::string_view token) {
    return Ask(wire,
               absl::StrCat(R"(["auth:renew",{"token":")", token, R"("}])"));
  }

  void Pass(absl::Duration time) {
    clock_.Advance(time);
    loop_->timers().Run(clock_.Steady());
    Settle();
  }
  void Settle() {
    backplanes_.Settle();
    loop_->timers().Run(clock_.Steady());
    backplanes_.Settle();
  }

  // For clients that come back: to be set before Start().
  std::optional<RecoveryOptions> recovery_;
  const SigningKey key_{SignatureAlgorithm::kHs256};
  std::shared_ptr<const KeySet> keys_ =
      std::make_shared<const KeySet>(*KeySet::FromSecret(key_.FileText()));
  FakeClock clock_;
  SharedBackplanes backplanes_;
  std::unique_ptr<Authentication> authentication_;
  std::unique_ptr<RoomAccess> access_;
  std::unique_ptr<RoomApplication> application_;
  std::vector<std::unique_ptr<FakeSocket>> wires_;
  std::unique_ptr<ServerLoop> loop_;
  Socket* latest_ = nullptr;  // That was let in.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_EDGE_WITH_TOKENS_H_
