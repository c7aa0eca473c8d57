// Questions for members, as a node asks them.
#include "broker/requests/member_reads.h"

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/presence_limits.h"
#include "broker/journal/batch_story.h"
#include "broker/requests/broker_core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/protocol_version.h"
#include "sessions/last_seen.h"
#include "test/fakes/fake_clock.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kAsker = 1;
constexpr uint64_t kOther = 2;

class AcceptingJournal final : public Journal {
 public:
  bool Submit(JournalEntry&& entry) override {
    if (auto* gone = std::get_if<OwnerGone>(&entry)) goodbyes.push_back(*gone);
    return true;
  }
  std::vector<OwnerGone> goodbyes;
};
class NoReads final : public HistoryReads {
 public:
  bool Submit(HistoryRead) override { return false; }
};
class LastMembers final : public Transport {
 public:
  void Send(absl::string_view, OutgoingMessage message) override {
    proto::BrokerMessage parsed;
    ASSERT_TRUE(parsed.ParseFromString(message.header));
    if (parsed.has_members()) answers.push_back(parsed.members());
    if (parsed.has_refused()) ++refused;
  }
  std::vector<proto::Members> answers;
  int refused = 0;
};

std::string SocketId(int number) {
  std::string id = absl::StrCat("socket", number);
  id.resize(20, '_');
  return id;
}

MemberChange Comes(int number, std::string user, uint64_t owner) {
  MemberChange change;
  change.name_space = "/";
  change.socket_id = SocketId(number);
  change.user = std::move(user);
  change.owner = ProducerId(owner);
  change.joined = {"", "lobby"};
  return change;
}

class MemberReadsTest : public ::testing::Test {
 protected:
  MemberReadsTest() {
    Greet(kAsker);
    Greet(kOther);
  }
  void Say(uint64_t node, proto::NodeMessage message) {
    message.set_session(1);
    if (!message.has_hello()) message.set_sequence(++sequence_[node]);
    core_.OnMessage(absl::StrCat("peer", node),
                    {SharedBytes(message.SerializeAsString()), SharedBytes()});
  }
  void Greet(uint64_t node) {
    proto::NodeMessage message;
    proto::Hello* const hello = message.mutable_hello();
    hello->set_protocol_major(kProtocolMajor);
    hello->set_node_name("ann");
    hello->set_producer(node);
    hello->set_delivery_credit_bytes(kMessageBytesMax);
    Say(node, std::move(message));
  }
  void Beat(uint64_t node) {
    proto::NodeMessage message;
    message.mutable_heartbeat();
    Say(node, std::move(message));
  }
  void Ask(proto::ReadMembers::What what, std::string after = "",
           uint32_t limit = 10, std::string room = Room("lobby")) {
    proto::NodeMessage message;
    message.mutable_read_members()->set_request(5);
    message.mutable_read_members()->set_room(std::move(room));
    message.mutable_read_members()->set_what(what);
    message.mutable_read_members()->set_after(std::move(after));
    message.mutable_read_members()->set_limit(limit);
    message.mutable_read_members()->set_user(asked_user_);
    Say(kAsker, std::move(message));
  }
  // "3 sockets of 2 users at 9: names.." of the answers since the last call.
  std::vector<std::string> Answers() {
    std::vector<std::string> words;
    for (const proto::Members& answer : std::exchange(transport_.answers, {})) {
      EXPECT_EQ(answer.request(), 5u);
      std::string line =
          absl::StrCat(answer.socket_count(), " of ", answer.user_count(),
                       " at ", answer.at(), ":");
      for (const auto& socket : answer.sockets()) {
        absl::StrAppend(&line, " ", socket.id().substr(6, 1), socket.user(),
                        socket.away() ? "(away)" : "");
      }
      for (const auto& user : answer.users()) {
        absl::StrAppend(&line, " ", user.name(), "*", user.sockets(),
                        user.away() ? "(away)" : "");
      }
      for (const auto& room : answer.rooms()) {
        absl::StrAppend(&line, " ", room.name(), "*", room.sockets(), "/",
                        room.users());
      }
      if (answer.last_seen_ms() != 0) {
        absl::StrAppend(&line, " seen ", answer.last_seen_ms());
      }
      if (answer.has_error()) line = "error";
      words.push_back(line + (answer.more() ? " .." : ""));
    }
    return words;
  }
  void Tell(std::vector<MemberChange> changes, uint64_t through,
            bool is_complete = true) {
    core_.OnJournalResult(
        MembersChanged{std::move(changes), {}, Offset(through), is_complete});
  }
  void Pass(absl::Duration span) {
    clock_.Advance(span);
    core_.OnTick();
  }

  FakeClock clock_;
  std::string asked_user_;
  AcceptingJournal journal_;
  NoReads reads_;
  LastMembers transport_;
  BrokerCore core_{Epoch(42),
                   {},
                   clock_,
                   journal_,
                   reads_,
                   transport_,
                   [](absl::string_view) {}};
  std::map<uint64_t, uint64_t> sequence_;
};

TEST_F(MemberReadsTest, CountsAndPagesSocketsAndUsers) {
  Tell({Comes(1, "ann", kOther), Comes(2, "ann", kAsker),
        Comes(3, "bob", kOther), Comes(4, "", kOther)},
       7);
  Ask(proto::ReadMembers::WHAT_COUNTS);
  Ask(proto::ReadMembers::WHAT_SOCKETS, "", 2);
  Ask(proto::ReadMembers::WHAT_SOCKETS, SocketId(2), 2);
  Ask(proto::ReadMembers::WHAT_USERS, "", 1);
  Ask(proto::ReadMembers::WHAT_USERS, "ann", 1);
  Ask(proto::ReadMembers::WHAT_USERS, "", 10, Room("hall"));
  EXPECT_THAT(Answers(),
              ElementsAre("4 of 2 at 7:", "4 of 2 at 7: 1ann 2ann ..",
                          "4 of 2 at 7: 3bob 4", "4 of 2 at 7: ann*2 ..",
                          "4 of 2 at 7: bob*1", "0 of 0 at 7:"));
}

TEST_F(MemberReadsTest, PagesTheRoomsOfANamespace) {
  MemberChange both = Comes(1, "ann", kOther);
  both.joined.push_back("annex");
  Tell({both, Comes(2, "bob", kOther)}, 7);
  Ask(proto::ReadMembers::WHAT_ROOMS, "", 1, Room(""));
  Ask(proto::ReadMembers::WHAT_ROOMS, "annex", 1, Room(""));
  EXPECT_THAT(Answers(), ElementsAre("2 of 2 at 7: annex*1/1 ..",
                                     "2 of 2 at 7: lobby*2/2"));
}

TEST_F(MemberReadsTest, TellsOfOneUserAndWhenHeWasOnlineLast) {
  const auto ask = [this](std::string user) {
    asked_user_ = std::move(user);
    Ask(proto::ReadMembers::WHAT_USER, "", 1, Room(""));
  };
  const auto seen = [](absl::string_view user,
                       std::optional<std::string> when) {
    return StateChange{LastSeen::RowKey("/", user), std::move(when)};
  };
  MembersChanged changed;
  changed.changes = {Comes(1, "ann", kOther), Comes(2, "bob", kOther)};
  changed.seen = {seen("ann", "400"), seen("cas", "500"), seen("dan", "600")};
  changed.through = Offset(7);
  core_.OnJournalResult(changed);
  MembersChanged forgotten;
  forgotten.seen = {seen("dan", std::nullopt)};
  forgotten.through = Offset(8);
  core_.OnJournalResult(forgotten);
  for (const char* user : {"ann", "bob", "cas", "dan"}) ask(user);
  EXPECT_THAT(Answers(), ElementsAre("2 of 2 at 8: ann*1", "2 of 2 at 8: bob*1",
                                     "2 of 2 at 8: seen 500", "2 of 2 at 8:"));
  asked_user_ = "cas";
  Ask(proto::ReadMembers::WHAT_USER);
  EXPECT_THAT(Answers(), ElementsAre("2 of 2 at 8:"))
      << "who asks for one room is not told who was in another";
}

TEST_F(MemberReadsTest, WaitsUntilAllThatTheLogRemembersIsKnown) {
  Ask(proto::ReadMembers::WHAT_COUNTS);
  Tell({Comes(1, "ann", kOther)}, 3, /*is_complete=*/false);
  EXPECT_THAT(Answers(), IsEmpty());
  Tell({Comes(2, "bob", kOther)}, 3);
  EXPECT_THAT(Answers(), ElementsAre("2 of 2 at 3:"));
}

TEST_F(MemberReadsTest, MembersOfASilentNodeAreShownAsAway) {
  Tell({Comes(1, "ann", kAsker), Comes(2, "bob", kOther)}, 1);
  Pass(kNodeSilenceAway);
  Beat(kAsker);
  Ask(proto::ReadMembers::WHAT_SOCKETS);
  EXPECT_THAT(Answers(), ElementsAre("2 of 2 at 1: 1ann 2bob"));
  Pass(absl::Milliseconds(1));
  Ask(proto::ReadMembers::WHAT_SOCKETS);
  Ask(proto::ReadMembers::WHAT_USERS);
  EXPECT_THAT(Answers(), ElementsAre("2 of 2 at 1: 1ann 2bob(away)",
                                     "2 of 2 at 1: ann*1 bob*1(away)"));
  Beat(kOther);
  Ask(proto::ReadMembers::WHAT_SOCKETS);
  EXPECT_THAT(Answers(), ElementsAre("2 of 2 at 1: 1ann 2bob"));
}

// Its clients are about to come back elsewhere, those of a silent one did.
TEST_F(MemberReadsTest, TheJournalHearsWhetherANodeLeftInOrder) {
  proto::NodeMessage message;
  message.mutable_goodbye();
  Say(kOther, std::move(message));
  ASSERT_EQ(journal_.goodbyes.size(), 1u);
  EXPECT_TRUE(journal_.goodbyes[0].said_goodbye);
  for (int i = 0; i < 4; ++i) Pass(kNodeLease / 3);
  ASSERT_EQ(journal_.goodbyes.size(), 2u);
  EXPECT_FALSE(journal_.goodbyes[1].said_goodbye);
}

TEST_F(MemberReadsTest, RefusesWhatIsNoRoomAndGivesNoMoreThanAPage) {
  std::vector<MemberChange> many;
  for (int i = 0; i < 1200; ++i) many.push_back(Comes(i, "ann", kOther));
  Tell(std::move(many), 1);
  Ask(proto::ReadMembers::WHAT_SOCKETS, "", 1, "no namespace");
  EXPECT_THAT(Answers(), ElementsAre("error"));
  Ask(proto::ReadMembers::WHAT_SOCKETS, "", 1'000'000);
  ASSERT_EQ(transport_.answers.size(), 1u);
  EXPECT_EQ(transport_.answers[0].sockets_size(),
            static_cast<int>(kMembersPageMax));
  EXPECT_TRUE(transport_.answers[0].more());
}

// A node that takes nothing in costs the broker no memory.
TEST_F(MemberReadsTest, AnswersOnCreditAndExpelsWhoAsksOnWithoutEnd) {
  std::vector<MemberChange> many;
  for (int i = 0; i < 1000; ++i) {
    many.push_back(Comes(i, std::string(200, 'u'), kOther));
  }
  Tell(std::move(many), 1);
  size_t asked = 0;
  while (transport_.refused == 0 && asked < 10'000) {
    Ask(proto::ReadMembers::WHAT_SOCKETS, "", 1000);
    ++asked;
  }
  EXPECT_EQ(transport_.refused, 1);
  EXPECT_LT(transport_.answers.size() * 200 * 1000, 2 * kMessageBytesMax);
}

}  // namespace
}  // namespace roomlog
