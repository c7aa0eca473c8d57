// Who lets clients in, and to which sessions.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/server/server_loop.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_socket.h"
#include "test/fakes/shared_backplanes.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A server whose clients say who they are, as {"user"}.
class GatekeeperTest : public ::testing::Test {
 protected:
  GatekeeperTest() {
    core_->recovery.emplace();
    core_->namespaces["/"] = rules_;
    Namespace io(core_, rules_, "/");
    io.Use([this](Socket& socket, const Next& next) {
      seen_.push_back(absl::StrCat("middleware ", socket.User()));
      next();
    });
    io.LetInBy({.user_of =
                    [](const Value& auth) {
                      return std::string(auth["user"].AsString());
                    },
                .admit =
                    [this](Socket& socket, const Next& next) {
                      socket.SetUser(std::string(
                          socket.Handshake().auth["user"].AsString()));
                      seen_.push_back(absl::StrCat("gate ", socket.User()));
                      if (socket.User().empty()) return next("who?");
                      if (on_admit_) on_admit_(socket);
                      next();
                    }});
    io.OnConnection([this](Socket& socket) {
      seen_.push_back(socket.recovered()                 ? "recovered"
                      : socket.recovery_gap() != nullptr ? "begins anew"
                                                         : "new");
      latest_ = &socket;
    });
  }

  void Start() {
    const auto port = std::make_shared<LoopPort>(
        [](LoopPort::Task task) { std::move(task)(); });
    loop_ = std::make_unique<ServerLoop>(core_, 0, "loop", backplanes_.Add(),
                                         clock_, port);
    core_->loops.push_back({port, loop_.get()});
    backplanes_.set_follower(0, &loop_->follower());
    Settle();
  }
  void Settle() {
    backplanes_.Settle();
    loop_->timers().Run(clock_.Steady());
    backplanes_.Settle();
  }
  FakeSocket& Connect(absl::string_view user,
                      const FakeSocket* earlier = nullptr) {
    wires_.push_back(std::make_unique<FakeSocket>(
        absl::StrCat("123456789012345678", 10 + wires_.size())));
    FakeSocket& wire = *wires_.back();
    wire.set_auth(absl::StrCat(
        R"({"user":")", user, "\"",
        earlier == nullptr
            ? ""
            : absl::StrCat(R"(,"pid":")", earlier->private_id(), "\""),
        "}"));
    wire.set_breakable(false);  // It never says what it has.
    loop_->OnConnect(wire);
    Settle();
    return wire;
  }
  void Cut(FakeSocket& wire) {
    loop_->OnDisconnect(wire, "transport close");
    Settle();
  }
  void Say(absl::string_view room, absl::string_view event) {
    Namespace(core_, nullptr, "/").To(room).Emit(event);
    Settle();
  }
  std::vector<std::string> Seen() { return std::exchange(seen_, {}); }

  FakeClock clock_;
  SharedBackplanes backplanes_;
  const std::shared_ptr<ServerCore> core_ = std::make_shared<ServerCore>();
  const std::shared_ptr<NamespaceRules> rules_ =
      std::make_shared<NamespaceRules>();
  std::function<void(Socket&)> on_admit_;
  std::vector<std::string> seen_;
  Socket* latest_ = nullptr;
  std::vector<std::unique_ptr<FakeSocket>> wires_;
  std::unique_ptr<ServerLoop> loop_;
};

TEST_F(GatekeeperTest, ComesBeforeMiddlewaresAndIsNeverSkipped) {
  core_->recovery->skip_middlewares = true;
  Start();
  FakeSocket& first = Connect("ann");
  EXPECT_THAT(Seen(), ElementsAre("gate ann", "middleware ann", "new"));
  Cut(first);
  Connect("ann", &first);
  EXPECT_THAT(Seen(), ElementsAre("gate ann", "recovered"));
}

TEST_F(GatekeeperTest, NobodyElseSaysWhoTheClientIs) {
  Namespace(core_, rules_, "/").Use([](Socket& socket, const Next& next) {
    socket.SetUser("eve");
    next();
  });
  Start();
  FakeSocket& ann = Connect("ann");
  EXPECT_EQ(latest_->User(), "ann");
  Cut(ann);
  EXPECT_EQ(Connect("ann", &ann).id(), ann.id());
  EXPECT_EQ(latest_->User(), "ann");
}

TEST_F(GatekeeperTest, AnotherUserBeginsAnewAndDisturbsNobody) {
  Start();
  FakeSocket& ann = Connect("ann");
  latest_->Join("room");
  Settle();
  ann.TakeSent();
  Seen();
  FakeSocket& bob = Connect("bob", &ann);
  EXPECT_THAT(Seen(), ElementsAre("gate bob", "middleware bob", "begins anew"));
  EXPECT_NE(bob.id(), ann.id());
  EXPECT_NE(bob.private_id(), ann.private_id());
  EXPECT_THAT(latest_->Rooms(), ElementsAre(bob.id()));
  EXPECT_FALSE(ann.disconnected());
  EXPECT_FALSE(ann.is_cut_off());
  Say("room", "hi");
  EXPECT_THAT(ann.TakeSent(), ElementsAre(HasSubstr("hi")));
  EXPECT_THAT(bob.TakeSent(), IsEmpty());

  // Nor when she is away.
  Cut(ann);
  Say("room", "missed");
  FakeSocket& again = Connect("bob", &ann);
  EXPECT_THAT(again.before_connect(), IsEmpty());
  EXPECT_NE(again.id(), ann.id());
  FakeSocket& back = Connect("ann", &ann);
  EXPECT_EQ(back.id(), ann.id());
  EXPECT_THAT(back.before_connect(),
              ElementsAre(HasSubstr("hi"), HasSubstr("missed")));
}

TEST_F(GatekeeperTest, WhoIsNobodyIsRefusedAndDisturbsNobody) {
  Start();
  FakeSocket& ann = Connect("ann");
  Seen();
  FakeSocket& nobody = Connect("", &ann);
  EXPECT_THAT(Seen(), ElementsAre("gate "));
  EXPECT_EQ(nobody.refusal(), "who?");
  EXPECT_FALSE(nobody.accepted());
  EXPECT_FALSE(ann.disconnected());
  EXPECT_FALSE(ann.is_cut_off());
}

TEST_F(GatekeeperTest, RoomsThatAreGivenUpAreGoneForGood) {
  Start();
  FakeSocket& first = Connect("ann");
  latest_->Join("kept");
  latest_->Join("given up");
  Settle();
  Cut(first);
  Say("given up", "not for her");
  Say("kept", "missed");
  on_admit_ = [](Socket& socket) {
    std::vector<std::string> rooms;
    for (const RestoredRoom& room : socket.RestoredRooms()) {
      rooms.push_back(room.name);
    }
    EXPECT_THAT(rooms, ElementsAre("kept", "given up"));
    socket.GiveUpRestoredRoom("given up");
    socket.GiveUpRestoredRoom("never was there");
  };
  FakeSocket& second = Connect("ann", &first);
  on_admit_ = nullptr;
  ASSERT_TRUE(latest_->recovered());
  EXPECT_THAT(second.before_connect(), ElementsAre(HasSubstr("missed")));
  EXPECT_THAT(latest_->Rooms(), ElementsAre(first.id(), "kept"));
  second.TakeSent();
  Say("given up", "nor this");
  EXPECT_THAT(second.TakeSent(), IsEmpty());

  // The next time nobody gives up anything.
  Cut(second);
  Say("given up", "nor that");
  FakeSocket& third = Connect("ann", &second);
  ASSERT_TRUE(latest_->recovered());
  EXPECT_THAT(latest_->Rooms(), ElementsAre(first.id(), "kept"));
  for (const std::string& event : third.before_connect()) {
    EXPECT_THAT(event, HasSubstr("missed"));
  }
}

TEST_F(GatekeeperTest, ARoomIsGivenUpBeforeAnythingIsSent) {
  Start();
  FakeSocket& first = Connect("ann");
  latest_->Join("given up");
  Settle();
  Cut(first);
  on_admit_ = [this](Socket& socket) {
    socket.GiveUpRestoredRoom("given up");
    backplanes_.Hold(0, true);  // From here on the broker says nothing.
  };
  FakeSocket& second = Connect("ann", &first);
  on_admit_ = nullptr;
  EXPECT_FALSE(second.accepted());
  backplanes_.Hold(0, false);
  Settle();
  EXPECT_TRUE(second.accepted());
  EXPECT_THAT(latest_->Rooms(), ElementsAre(first.id()));
}

}  // namespace
}  // namespace roomlog
