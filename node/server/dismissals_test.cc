// Who is put out, and who may come in, while not all is known yet.
#include "node/server/dismissals.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/server/server_loop.h"
#include "test/fakes/fake_backplane.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_socket.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A server whose clients say who they are and since when, as {"user","since"};
// an event's time is its offset in seconds.
class DismissalsTest : public ::testing::Test {
 protected:
  DismissalsTest() {
    core_->hears_dismissals = true;
    core_->follow_namespaces = false;
    core_->namespaces["/"] = rules_;
    Namespace io(core_, rules_, "/");
    io.LetInBy({.user_of =
                    [](const Value& auth) {
                      return std::string(auth["user"].AsString());
                    },
                .admit = [this](Socket& socket,
                                const Next& next) { Admit(socket, next); }});
    const auto port = std::make_shared<LoopPort>(
        [](LoopPort::Task task) { std::move(task)(); });
    loop_ = std::make_unique<ServerLoop>(core_, 0, "loop", backplane_, clock_,
                                         port);
    core_->loops.push_back({port, loop_.get()});
    backplane_.set_follower(&loop_->follower());
  }

  static void Admit(Socket& socket, const Next& next) {
    const Value auth = socket.Handshake().auth;
    const absl::string_view user = auth["user"].AsString();
    int64_t since = 0;
    if (!absl::SimpleAtoi(auth["since"].AsString(), &since)) {
      return next("since when?");
    }
    const absl::Time proven = absl::FromUnixSeconds(since);
    const auto revoked = socket.RevokedAt(user);
    if (revoked.has_value() && proven <= *revoked) return next("revoked");
    socket.SetUser(user);
    socket.SetProvenAt(proven);
    next();
  }

  FakeSocket& Connect(const std::string& user, int since) {
    wires_.push_back(std::make_unique<FakeSocket>(
        absl::StrCat("123456789012345678", 10 + wires_.size())));
    wires_.back()->set_auth(
        absl::StrCat(R"({"user":")", user, R"(","since":")", since, R"("})"));
    loop_->OnConnect(*wires_.back());
    return *wires_.back();
  }
  Offset Say(const proto::Dismissal& dismissal) {
    return backplane_.Append(Dismissals::Room(), dismissal.SerializeAsString(),
                             "", 0);
  }
  Offset Revoke(const std::string& user) {
    proto::Dismissal dismissal;
    dismissal.set_user(user);
    dismissal.set_revokes(true);
    return Say(dismissal);
  }
  Offset PutOut(const std::string& user) {
    proto::Dismissal dismissal;
    dismissal.set_user(user);
    return Say(dismissal);
  }
  void Settle() { backplane_.Settle(); }

  std::shared_ptr<ServerCore> core_ = std::make_shared<ServerCore>();
  std::shared_ptr<NamespaceRules> rules_ = std::make_shared<NamespaceRules>();
  FakeBackplane backplane_{Epoch(1)};
  FakeClock clock_;
  std::vector<std::unique_ptr<FakeSocket>> wires_;
  std::unique_ptr<ServerLoop> loop_;
};

TEST_F(DismissalsTest, NobodyComesInBeforeTheRevocationsAreKnown) {
  Revoke("ann");  // At 1 s.
  FakeSocket& ann = Connect("ann", 1);
  FakeSocket& ann_anew = Connect("ann", 2);
  FakeSocket& ben = Connect("ben", 0);
  EXPECT_FALSE(ben.accepted());
  Settle();
  EXPECT_EQ(ann.refusal(), "revoked");
  EXPECT_TRUE(ann_anew.accepted());
  EXPECT_TRUE(ben.accepted());
  EXPECT_EQ(Connect("ann", 0).refusal(), "revoked");
}

TEST_F(DismissalsTest, WhoWaitsTooLongForThemIsRefused) {
  FakeSocket& ann = Connect("ann", 1);
  clock_.Advance(kRevocationsWaitMax);
  loop_->OnTick();
  EXPECT_THAT(ann.refusal(), HasSubstr("unavailable"));
  FakeSocket& gone = Connect("ben", 1);
  loop_->OnDisconnect(gone, "transport close");
  Settle();
  EXPECT_FALSE(gone.accepted());
}

TEST_F(DismissalsTest, ReadsAllOfThemPageByPage) {
  backplane_.set_page_events_max(2);
  for (int i = 0; i < 5; ++i) Revoke(absl::StrCat("user-", i));
  Settle();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Connect(absl::StrCat("user-", i), 0).refusal(), "revoked");
  }
}

TEST_F(DismissalsTest, AReadThatFailsIsTriedAgain) {
  Revoke("ann");
  backplane_.FailReads(absl::UnavailableError("later"));
  FakeSocket& ann = Connect("ann", 0);
  Settle();
  EXPECT_THAT(ann.refusal(), IsEmpty());
  backplane_.FailReads(absl::OkStatus());
  loop_->OnTick();
  Settle();
  EXPECT_EQ(ann.refusal(), "revoked");
}

TEST_F(DismissalsTest, TheUsersSocketsAreClosedAndToldWhy) {
  Settle();
  FakeSocket& ann = Connect("ann", 0);
  FakeSocket& other = Connect("ann", 0);
  FakeSocket& ben = Connect("ben", 0);
  Revoke("ann");
  Settle();
  EXPECT_TRUE(ann.disconnected());
  EXPECT_TRUE(other.disconnected());
  EXPECT_FALSE(ben.disconnected());
  EXPECT_THAT(ann.TakeSent(),
              ElementsAre(HasSubstr(R"("roomlog:closed",{"code":"revoked")")));
}

TEST_F(DismissalsTest, WhoCameWithANewerTokenStays) {
  Settle();
  FakeSocket& newer = Connect("ann", 100);  // As by a clock that is ahead.
  Revoke("ann");
  Settle();
  EXPECT_FALSE(newer.disconnected());
  PutOut("ann");
  Settle();
  EXPECT_TRUE(newer.disconnected());
}

TEST_F(DismissalsTest, AfterANewLifeOfTheLogAllIsReadAgainAndNobodyGoesTwice) {
  PutOut("ann");
  Revoke("ann");  // At 2 s.
  Settle();
  FakeSocket& ann = Connect("ann", 3);
  backplane_.BeginEpoch(Epoch(2));
  EXPECT_TRUE(backplane_.Deliver());
  FakeSocket& waiting = Connect("ann", 1);
  EXPECT_THAT(waiting.refusal(), IsEmpty());
  Settle();
  EXPECT_EQ(waiting.refusal(), "revoked");
  EXPECT_FALSE(ann.disconnected());
}

TEST_F(DismissalsTest, OneSocketIsPutOut) {
  Settle();
  FakeSocket& ann = Connect("ann", 0);
  FakeSocket& other = Connect("ann", 0);
  proto::Dismissal dismissal;
  dismissal.set_socket_id(other.id());
  dismissal.set_name_space("/elsewhere");
  Say(dismissal);
  Settle();
  EXPECT_FALSE(other.disconnected());
  dismissal.set_name_space("/");
  Say(dismissal);
  Settle();
  EXPECT_TRUE(other.disconnected());
  EXPECT_FALSE(ann.disconnected());
}

TEST_F(DismissalsTest, WhoIsJustComingInIsPutOutAtOnce) {
  std::optional<Next> going_on;
  rules_->middlewares.emplace_back(
      [&](Socket&, const Next& next) { going_on.emplace(next); });
  bool is_met = false;
  rules_->on_connection.emplace_back([&](Socket&) { is_met = true; });
  Settle();
  FakeSocket& ann = Connect("ann", 0);
  Revoke("ann");
  Settle();
  EXPECT_FALSE(ann.disconnected());
  (*going_on)();
  EXPECT_TRUE(ann.disconnected());
  EXPECT_FALSE(is_met);
}

TEST_F(DismissalsTest, WhatIsNoDismissalHarmsNobody) {
  Settle();
  FakeSocket& ann = Connect("", 0);
  backplane_.Append(Dismissals::Room(), "\xff\xff", "", 0);
  Say(proto::Dismissal());
  Settle();
  EXPECT_FALSE(ann.disconnected());
}

}  // namespace
}  // namespace roomlog
