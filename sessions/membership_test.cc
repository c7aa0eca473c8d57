// How long who is a member of rooms: the session table and its index together.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/presence_limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sessions/room_members.h"
#include "sessions/session_table.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr ProducerId kNodeA{0xa};
constexpr ProducerId kNodeB{0xb};
constexpr int64_t kWindowMs = 60'000;
const int64_t kGraceMs = absl::ToInt64Milliseconds(kPresenceGrace);

std::string Id(absl::string_view kind, int number) {
  std::string id = absl::StrCat(kind, number);
  id.resize(20, '_');
  return id;
}

class MembershipTest : public ::testing::Test {
 protected:
  proto::SessionOperation Of(int number, uint64_t claim = 1) {
    proto::SessionOperation operation;
    operation.set_name_space("/");
    operation.set_private_id(Id("private", number));
    operation.set_claim(claim);
    return operation;
  }
  void Open(ProducerId node, int number, std::string user) {
    proto::SessionOperation operation = Of(number);
    proto::OpenSession& open = *operation.mutable_open();
    open.set_socket_id(Id("socket", number));
    open.add_rooms("lobby");
    open.set_window_ms(kWindowMs);
    open.set_notice_room("notices");
    open.set_user(std::move(user));
    open.set_user_unproven(true);  // Whoever has the private id comes back.
    Do(node, operation);
  }
  void Detach(ProducerId node, int number, uint64_t claim = 1) {
    proto::SessionOperation operation = Of(number, claim);
    operation.mutable_detach();
    Do(node, operation);
  }
  void Restore(ProducerId node, int number, uint64_t claim) {
    proto::SessionOperation operation = Of(number, claim);
    operation.mutable_restore()->set_notice_room("notices");
    Do(node, operation);
  }
  void Do(ProducerId node, const proto::SessionOperation& operation) {
    EXPECT_THAT(table_.Apply(node, operation.SerializeAsString(), Offset(1),
                             now_ms_, &effects_),
                IsOk());
    Keep();
  }
  void Gone(ProducerId node, bool said_goodbye) {
    table_.OwnerGone(node, said_goodbye, now_ms_, &effects_);
    Settle();
  }
  // A turn of tidying up after `ms` have passed.
  void Pass(int64_t ms) {
    now_ms_ += ms;
    Settle();
  }
  void Settle() {
    table_.SettleMembers(now_ms_, 100, &effects_);
    table_.Expire(now_ms_, 100, &effects_);
    Keep();
  }
  void Keep() {
    for (const StateChange& row : effects_.rows) {
      if (row.value.has_value()) {
        disk_[row.key] = *row.value;
      } else {
        disk_.erase(row.key);
      }
    }
    for (const MemberChange& change : effects_.members) {
      members_.Apply(change);
      if (!change.joined.empty()) told_.push_back("+" + change.user);
      if (!change.left.empty()) told_.push_back("-" + change.user);
    }
    effects_ = {};
    table_.Written();
    EXPECT_EQ(Words(members_), Words(Reloaded()));
  }
  // What there would be after a restart.
  RoomMembers& Reloaded() {
    SessionTable table(100);
    for (const auto& [key, value] : disk_) {
      EXPECT_THAT(table.Load(key, value), IsOk());
    }
    reloaded_ = std::make_unique<RoomMembers>();
    table.ForEachMember(
        [this](const MemberChange& change) { reloaded_->Apply(change); });
    return *reloaded_;
  }
  static std::vector<std::string> Words(const RoomMembers& members) {
    std::vector<std::string> words;
    members.ForEachSocket(absl::string_view("/\0lobby", 7), "",
                          [&](const RoomMembers::SocketMember& member) {
                            words.push_back(absl::StrCat(
                                member.user, member.is_away ? " away" : ""));
                            return true;
                          });
    return words;
  }
  std::vector<std::string> InLobby() const { return Words(members_); }
  // Who joined and left since it was asked last.
  std::vector<std::string> Told() { return std::exchange(told_, {}); }

  SessionTable table_{100};
  SessionTable::Effects effects_;
  std::map<std::string, std::string> disk_;
  RoomMembers members_;
  std::unique_ptr<RoomMembers> reloaded_;
  std::vector<std::string> told_;
  int64_t now_ms_ = 1'000'000;
};

TEST_F(MembershipTest, WhoseClientIsLostIsAwayForTheGraceAndThenGone) {
  Open(kNodeA, 1, "ann");
  Detach(kNodeA, 1);
  EXPECT_THAT(InLobby(), ElementsAre("ann away"));
  Pass(kGraceMs - 1);
  EXPECT_THAT(InLobby(), ElementsAre("ann away"));
  Pass(1);
  EXPECT_THAT(InLobby(), IsEmpty());
  EXPECT_THAT(Told(), ElementsAre("+ann", "-ann"));
  // But he may come back, within his window.
  Restore(kNodeB, 1, 2);
  EXPECT_THAT(InLobby(), ElementsAre("ann"));
}

TEST_F(MembershipTest, WhoComesBackInTimeNeverLeft) {
  Open(kNodeA, 1, "ann");
  Told();
  Detach(kNodeA, 1);
  Pass(kGraceMs - 1);
  Restore(kNodeB, 1, 2);
  Pass(kGraceMs);
  EXPECT_THAT(InLobby(), ElementsAre("ann"));
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(MembershipTest, WhoSaysThatHeLeavesIsGoneAtOnce) {
  Open(kNodeA, 1, "ann");
  proto::SessionOperation close = Of(1);
  close.mutable_close();
  Do(kNodeA, close);
  EXPECT_THAT(InLobby(), IsEmpty());
}

TEST_F(MembershipTest, NoGhostsAfterTheLeaseOfAKilledNode) {
  Open(kNodeA, 1, "ann");
  Open(kNodeA, 2, "bob");
  Open(kNodeB, 3, "cem");
  Told();
  Restore(kNodeB, 2, 2);  // Bob was quick.
  Gone(kNodeA, /*said_goodbye=*/false);
  EXPECT_THAT(InLobby(), ElementsAre("bob", "cem"));
  EXPECT_THAT(Told(), ElementsAre("-ann"));
}

TEST_F(MembershipTest, ClientsOfANodeThatLeavesInOrderHaveTheGrace) {
  Open(kNodeA, 1, "ann");
  Open(kNodeA, 2, "bob");
  Told();
  Gone(kNodeA, /*said_goodbye=*/true);
  Pass(kGraceMs - 1);
  Restore(kNodeB, 2, 2);
  EXPECT_THAT(Told(), IsEmpty());
  Pass(1);
  EXPECT_THAT(Told(), ElementsAre("-ann"));
  EXPECT_THAT(InLobby(), ElementsAre("bob"));
}

TEST_F(MembershipTest, ANodeThatWakesUpHasItsMembersAgain) {
  Open(kNodeA, 1, "ann");
  Open(kNodeA, 2, "bob");
  Detach(kNodeA, 2);
  Told();
  Gone(kNodeA, /*said_goodbye=*/false);
  EXPECT_THAT(Told(), ElementsAre("-ann", "-bob"));
  Pass(1000);
  table_.OwnerBack(kNodeA, now_ms_, &effects_);
  Settle();
  EXPECT_THAT(InLobby(), ElementsAre("ann"));
}

TEST_F(MembershipTest, SettlesNoMoreThanAskedAndTakesBackWhatWasNotWritten) {
  for (int i = 1; i <= 3; ++i) Open(kNodeA, i, absl::StrCat("user", i));
  table_.OwnerGone(kNodeA, /*said_goodbye=*/false, now_ms_, &effects_);
  Keep();
  EXPECT_EQ(table_.next_settling_ms(), now_ms_);
  EXPECT_EQ(table_.SettleMembers(now_ms_, 2, &effects_), 2u);
  effects_ = {};
  table_.Undo();
  EXPECT_EQ(table_.SettleMembers(now_ms_, 2, &effects_), 2u);
  Keep();
  EXPECT_EQ(table_.SettleMembers(now_ms_, 2, &effects_), 1u);
  Keep();
  EXPECT_EQ(table_.next_settling_ms(), std::nullopt);
  EXPECT_THAT(InLobby(), IsEmpty());
}

}  // namespace
}  // namespace roomlog
