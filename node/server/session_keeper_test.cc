#include "node/server/session_keeper.h"

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "node/socketio/socketio_limits.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_socket.h"

namespace roomlog {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A broker that answers when, and what, the test says.
struct AskedBroker final : public Backplane {
  void Publish(PublishRequest request, PublishDone done) override {
    proto::SessionOperation operation;
    EXPECT_EQ(request.flags, static_cast<uint32_t>(proto::EVENT_FLAG_SESSION));
    EXPECT_TRUE(operation.ParseFromString(request.packet));
    asked.push_back({std::move(operation), std::move(done)});
  }
  RoomHandle Follow(const RoomKey& room) override {
    followed.emplace_back(room.room());
    return RoomHandle(followed.size());
  }
  void Unfollow(RoomHandle) override {}
  void Read(HistoryRequest, ReadDone) override {}
  void ReadMembers(MembersRequest, MembersDone) override {}
  absl::Status health() const override { return absl::OkStatus(); }

  // Answers the oldest, and returns what it was.
  proto::SessionOperation Answer(absl::StatusOr<PublishAnswer> answer = [] {
    PublishAnswer ok;
    ok.position = {Epoch(0xe), Offset(5)};
    return ok;
  }()) {
    EXPECT_FALSE(asked.empty());
    auto [operation, done] = std::move(asked.front());
    asked.pop_front();
    std::move(done)(std::move(answer));
    return operation;
  }

  std::deque<std::pair<proto::SessionOperation, PublishDone>> asked;
  std::vector<std::string> followed;
};

class SessionKeeperTest : public ::testing::Test {
 protected:
  void Advance(absl::Duration by) {
    clock_.Advance(by);
    timers_.Run(clock_.Steady());
  }
  void Tell(const proto::SessionNotice& notice) {
    const std::string packet = notice.SerializeAsString();
    RoomEvent event;
    event.room = RoomHandle(1);
    event.event.packet = packet;
    event.event.flags = proto::EVENT_FLAG_EPHEMERAL;
    rooms_.OnEvents({&event, 1});
  }
  // What Open() and Restore() came to.
  SessionKeeper::OpenDone NoteOpened() {
    return [this](const absl::StatusOr<SessionKeeper::Opened>& opened) {
      told_.push_back(opened.ok() ? "opened" : CodeOf(opened.status()));
    };
  }
  SessionKeeper::RestoreDone NoteRestored() {
    return [this](const absl::StatusOr<SessionKeeper::Restored>& restored) {
      told_.push_back(restored.ok() ? absl::StrCat("restored ",
                                                   restored->record.socket_id())
                                    : CodeOf(restored.status()));
    };
  }
  SessionChanges::Done NoteChanged() {
    return
        [this](const absl::Status& status) { told_.push_back(CodeOf(status)); };
  }
  static std::string CodeOf(const absl::Status& status) {
    return absl::StatusCodeToString(status.code());
  }
  static PublishAnswer AnswerWith(const std::string& socket_id) {
    proto::SessionRecord record;
    record.set_socket_id(socket_id);
    PublishAnswer answer;
    answer.session = record.SerializeAsString();
    return answer;
  }

  FakeClock clock_;
  Timers timers_;
  AskedBroker broker_;
  RoomLayer rooms_{broker_, nullptr};
  std::vector<std::string> told_;
  SessionKeeper keeper_{
      rooms_,
      timers_,
      clock_,
      "loop",
      0,
      absl::Minutes(2),
      {.on_fenced =
           [this](SocketWire& socket) {
             told_.push_back(absl::StrCat("fenced ", socket.id()));
           },
       .on_expired =
           [this](const proto::SessionNotice& notice) {
             told_.push_back(absl::StrCat("expired ", notice.socket_id()));
           },
       .log = [this](absl::string_view) { told_.push_back("logged"); }}};
  FakeSocket socket_{"12345678901234567890"};
  const SessionName name_{"/", "private-id-12345678.", 7};
};

TEST_F(SessionKeeperTest, OpensWhatTheBrokerIsToKeep) {
  keeper_.Open({.name_space = "/",
                .socket_id = "12345678901234567890",
                .user = "ann",
                .rooms = {""},
                .data = "data"},
               NoteOpened());
  const proto::SessionOperation asked = broker_.Answer();
  EXPECT_THAT(told_, ElementsAre("opened"));
  EXPECT_EQ(asked.private_id().size(), 20u);
  EXPECT_NE(asked.claim(), 0u);
  EXPECT_EQ(asked.open().socket_id(), "12345678901234567890");
  EXPECT_THAT(asked.open().rooms(), ElementsAre(""));
  EXPECT_EQ(asked.open().data(), "data");
  EXPECT_EQ(asked.open().user(), "ann");
  EXPECT_EQ(asked.open().window_ms(), 120'000u);
  EXPECT_EQ(asked.open().notice_room(), "loop/sessions");
  EXPECT_THAT(broker_.followed, ElementsAre("loop/sessions"));
  Advance(kSessionOpenTime);
  EXPECT_THAT(told_, ElementsAre("opened"));
}

TEST_F(SessionKeeperTest, WhatIsOpenedTooLateIsClosedAgain) {
  keeper_.Open({.name_space = "/", .socket_id = "12345678901234567890"},
               NoteOpened());
  Advance(kSessionOpenTime);
  EXPECT_THAT(told_, ElementsAre("DEADLINE_EXCEEDED"));
  const proto::SessionOperation open = broker_.Answer();
  const proto::SessionOperation close = broker_.Answer();
  EXPECT_TRUE(close.has_close());
  EXPECT_EQ(close.private_id(), open.private_id());
  EXPECT_EQ(close.claim(), open.claim());
  EXPECT_THAT(told_, ElementsAre("DEADLINE_EXCEEDED"));
}

TEST_F(SessionKeeperTest, RestoresOnceTheBrokerIsBack) {
  keeper_.Restore(
      {.name_space = "/", .private_id = name_.private_id, .is_breakable = true},
      NoteRestored());
  const proto::SessionOperation first =
      broker_.Answer(absl::UnavailableError(""));
  EXPECT_TRUE(first.restore().breakable());
  // "Nothing" is a place too.
  EXPECT_EQ(first.restore().offset(), "-");
  EXPECT_THAT(broker_.asked, IsEmpty());
  keeper_.OnTick();
  // Its answer was given before, and lost.
  const proto::SessionOperation second = broker_.Answer(PublishAnswer());
  EXPECT_NE(second.claim(), first.claim());
  keeper_.OnTick();
  broker_.Answer(AnswerWith("ann"));
  EXPECT_THAT(told_, ElementsAre("restored ann"));
  keeper_.OnTick();
  EXPECT_THAT(broker_.asked, IsEmpty());
}

TEST_F(SessionKeeperTest, AsksForSomeSessionsAtATime) {
  for (size_t i = 0; i < kRestoresAtOnce + 2; ++i) {
    keeper_.Restore(
        {.name_space = "/", .private_id = absl::StrCat("client ", i)},
        NoteRestored());
  }
  EXPECT_EQ(broker_.asked.size(), kRestoresAtOnce);
  broker_.Answer(absl::NotFoundError("no such session"));
  EXPECT_THAT(told_, ElementsAre("NOT_FOUND"));
  EXPECT_EQ(broker_.asked.size(), kRestoresAtOnce);
  EXPECT_EQ(broker_.asked.back().first.private_id(),
            absl::StrCat("client ", kRestoresAtOnce));
}

TEST_F(SessionKeeperTest, WhoWaitsForHisTurnWaitsWhileTheBrokerAnswers) {
  for (size_t i = 0; i < kRestoresAtOnce + 1; ++i) {
    keeper_.Restore(
        {.name_space = "/", .private_id = absl::StrCat("client ", i)},
        NoteRestored());
  }
  Advance(kSessionRestoreTime - absl::Seconds(1));
  while (broker_.asked.size() > 1) {
    broker_.Answer(absl::NotFoundError("no such session"));
  }
  told_.clear();
  Advance(absl::Seconds(1));
  // The one that it asked for last is not too late yet.
  EXPECT_THAT(told_, IsEmpty());
  broker_.Answer(absl::NotFoundError("no such session"));
  EXPECT_THAT(told_, ElementsAre("NOT_FOUND"));
}

TEST_F(SessionKeeperTest, NobodyWaitsForABrokerThatAnswersNobody) {
  for (size_t i = 0; i < kRestoresAtOnce + 1; ++i) {
    keeper_.Restore(
        {.name_space = "/", .private_id = absl::StrCat("client ", i)},
        NoteRestored());
  }
  Advance(kSessionRestoreTime);
  EXPECT_EQ(told_.size(), kRestoresAtOnce + 1);
  EXPECT_THAT(told_, Each("DEADLINE_EXCEEDED"));
}

TEST_F(SessionKeeperTest, WhatIsRestoredTooLateIsClosed) {
  keeper_.Restore(
      {.name_space = "/", .private_id = name_.private_id, .is_breakable = true},
      NoteRestored());
  Advance(kSessionRestoreTime);
  EXPECT_THAT(told_, ElementsAre("DEADLINE_EXCEEDED"));
  const uint64_t claim = broker_.Answer(AnswerWith("ann")).claim();
  const proto::SessionOperation close = broker_.Answer();
  EXPECT_TRUE(close.has_close());
  EXPECT_EQ(close.claim(), claim);
}

TEST_F(SessionKeeperTest, TellsWhatBecameOfAChange) {
  const struct {
    absl::Status answer;
    std::vector<std::string> told;
    bool is_kept;
    bool is_closed;
  } cases[] = {
      {absl::OkStatus(), {"OK"}, true, false},
      {absl::UnavailableError(""), {"UNAVAILABLE"}, true, false},
      {absl::ResourceExhaustedError(""), {"UNAVAILABLE"}, true, false},
      {absl::NotFoundError(""),
       {"fenced 12345678901234567890", "NOT_FOUND"},
       false,
       false},
      {absl::FailedPreconditionError(""),
       {"fenced 12345678901234567890", "FAILED_PRECONDITION"},
       false,
       false},
      {absl::InvalidArgumentError(""),
       {"logged", "fenced 12345678901234567890", "INVALID_ARGUMENT"},
       false,
       true},
  };
  for (const auto& c : cases) {
    told_.clear();
    keeper_.Add(socket_, name_);
    keeper_.Change(socket_, {{"room", Offset(4), "start"}}, {"left"},
                   NoteChanged());
    absl::StatusOr<PublishAnswer> answer = PublishAnswer();
    if (!c.answer.ok()) answer = c.answer;
    const proto::SessionOperation asked = broker_.Answer(std::move(answer));
    EXPECT_EQ(asked.claim(), name_.claim);
    EXPECT_THAT(asked.change().leaves(), ElementsAre("left"));
    EXPECT_EQ(asked.change().joins(0).name(), "room");
    EXPECT_EQ(asked.change().joins(0).from(), 4u);
    EXPECT_EQ(asked.change().joins(0).start(), "start");
    EXPECT_EQ(told_, c.told) << c.answer;
    EXPECT_EQ(keeper_.Find(socket_) != nullptr, c.is_kept) << c.answer;
    EXPECT_EQ(broker_.asked.size(), c.is_closed ? 1u : 0u) << c.answer;
    if (c.is_closed) broker_.Answer();
    keeper_.Remove(socket_);
  }
}

TEST_F(SessionKeeperTest, AnAnswerToAnEarlierClaimHurtsNobody) {
  keeper_.Add(socket_, name_);
  keeper_.Change(socket_, {}, {"left"}, NoteChanged());
  keeper_.Remove(socket_);
  keeper_.Add(socket_, {"/", name_.private_id, 8});
  broker_.Answer(absl::FailedPreconditionError(""));
  EXPECT_THAT(told_, ElementsAre("FAILED_PRECONDITION"));
  EXPECT_NE(keeper_.Find(socket_), nullptr);
}

TEST_F(SessionKeeperTest, WithoutASessionThereIsNothingToChange) {
  keeper_.Change(socket_, {}, {"left"}, NoteChanged());
  EXPECT_THAT(told_, IsEmpty()) << "from within";
  Advance(absl::ZeroDuration());
  EXPECT_THAT(told_, ElementsAre("NOT_FOUND"));
  EXPECT_THAT(broker_.asked, IsEmpty());
}

TEST_F(SessionKeeperTest, SaysThatAClientIsLostUntilItIsHeard) {
  keeper_.Detach(name_, SessionKeeper::Resent::kNothing);
  keeper_.Close({"/", "another-12345678901.", 8});
  EXPECT_EQ(keeper_.unheard(), 2u);
  const proto::SessionOperation detach =
      broker_.Answer(absl::UnavailableError(""));
  EXPECT_TRUE(detach.detach().resent_nothing());
  // Somebody else has it by now.
  EXPECT_TRUE(broker_.Answer(absl::FailedPreconditionError("")).has_close());
  EXPECT_EQ(keeper_.unheard(), 1u);
  bool is_heard = false;
  keeper_.WhenHeard(absl::Seconds(5), [&] { is_heard = true; });
  keeper_.OnTick();
  EXPECT_FALSE(is_heard);
  const proto::SessionOperation again = broker_.Answer();
  EXPECT_TRUE(again.has_detach());
  EXPECT_EQ(again.claim(), name_.claim);
  EXPECT_TRUE(is_heard);
}

TEST_F(SessionKeeperTest, HearsOfFencesAndExpiries) {
  keeper_.Add(socket_, name_);
  proto::SessionNotice notice;
  notice.set_name_space("/");
  notice.set_private_id(name_.private_id);
  notice.set_claim(name_.claim - 1);
  notice.set_fenced(true);
  Tell(notice);
  EXPECT_THAT(told_, IsEmpty()) << "of an earlier claim";
  notice.set_claim(name_.claim);
  Tell(notice);
  EXPECT_THAT(told_, ElementsAre("fenced 12345678901234567890"));
  EXPECT_EQ(keeper_.Find(socket_), nullptr);
  EXPECT_EQ(keeper_.FindSocket("/", name_.private_id), nullptr);
  notice.set_expired(true);
  notice.set_socket_id("gone");
  Tell(notice);
  EXPECT_EQ(told_.back(), "expired gone");
}

}  // namespace
}  // namespace roomlog
