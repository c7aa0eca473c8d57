// However often a client is cut off, and wherever: what it hears over all of
// its connections is what it would have heard over one. Each seed is a story.
#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/rooms/layer_on_a_loop.h"

namespace roomlog {
namespace {

using ::testing::ElementsAreArray;

constexpr int kSteps = 1500;
constexpr const char* kRooms[] = {"", "a", "b", "c"};

// The record of one session, which changes when the test says so.
class Record final : public SessionChanges {
 public:
  void Change(SocketWire& /*socket*/, std::vector<SessionRoomJoin> joins,
              std::vector<std::string> leaves, Done done) override {
    ASSERT_TRUE(leaves.empty());
    asked_.push_back({std::move(joins), std::move(done)});
  }

  // Takes what was asked for into the record, and tells, in two steps, between
  // which the client may go.
  void Step(bool fail) {
    if (asked_.empty()) return;
    Asked& asked = asked_.front();
    if (!asked.is_taken && !fail) {
      asked.is_taken = true;
      for (const SessionRoomJoin& join : asked.joins) {
        const auto same = [&](const auto& e) { return e.name == join.name; };
        rooms.erase(std::remove_if(rooms.begin(), rooms.end(), same),
                    rooms.end());
        rooms.push_back(join);
      }
      return;
    }
    Asked told = std::move(asked);
    asked_.pop_front();
    std::move(told.done)(told.is_taken ? absl::OkStatus()
                                       : absl::UnavailableError("busy"));
  }

  // Somebody else has the session: what was asked for before is not taken.
  void Fence() {
    for (Asked& asked : std::exchange(asked_, {})) {
      std::move(asked.done)(absl::FailedPreconditionError("fenced"));
    }
  }

  std::vector<SessionRoomEntry> rooms;

 private:
  struct Asked {
    std::vector<SessionRoomJoin> joins;
    Done done;
    bool is_taken = false;
  };
  std::deque<Asked> asked_;
};

class RecoverySeamTest : public LayerTest,
                         public ::testing::WithParamInterface<uint32_t> {
 protected:
  RecoverySeamTest() : random_(GetParam()) {
    backplane_.set_page_events_max(1 + Draw(8));
    backplane_.set_events_at_once(1 + Draw(8));
    for (uint32_t i = Draw(20); i > 0; --i) SayAnything();
    opened_ = backplane_.last_offset();
    record_.rooms = {{"", opened_, ""}};
    socket_ = &NewSocket("client");
    layer_.AddRecoverableClient(*socket_, {kEpoch, opened_}, {""}, record_);
    is_connected_ = true;
  }

  uint32_t Draw(uint32_t below) { return random_() % below; }

  void SayAnything() {
    // Sometimes so much that it cannot be held.
    const uint32_t count = Draw(150) == 0 ? kHeldEventsMax / 2 : 1;
    for (uint32_t i = 0; i < count; ++i) {
      const std::string room = kRooms[Draw(4)];
      Say(room, absl::StrCat(room, "/"));
    }
  }

  void JoinAnything() {
    const std::string room = kRooms[1 + Draw(3)];
    const bool is_in =
        std::any_of(record_.rooms.begin(), record_.rooms.end(),
                    [&](const auto& entry) { return entry.name == room; });
    if (!is_connected_ || is_in || !asked_.insert(room).second) return;
    switch (Draw(3)) {
      case 0:
        return layer_.Join(*socket_, Key(room), FromNow{}, nullptr);
      case 1:
        return layer_.Join(*socket_, Key(room), FromStart{}, nullptr);
      default:
        return layer_.Join(*socket_, Key(room), LastEvents{Draw(9)}, nullptr);
    }
  }

  // The client gets some of what was sent, or all.
  void Hear(const std::vector<std::string>& sent, bool all) {
    const size_t count =
        all ? sent.size() : Draw(static_cast<uint32_t>(sent.size()) + 1);
    for (size_t i = 0; i < count; ++i) {
      const size_t at = sent[i].find('@');
      ASSERT_NE(at, std::string::npos) << sent[i];
      has_ = sent[i].substr(at + 1);
      const ClientOffset offset = *ParseClientOffset(has_);
      const std::string room = sent[i].substr(0, sent[i].find('/'));
      if (offset.history.has_value()) {
        histories_[room].push_back(offset.event.offset);
      } else {
        ASSERT_GT(offset.event.offset, place_) << "out of order: " << sent[i];
        place_ = offset.event.offset;
        live_[room].push_back(offset.event.offset);
      }
    }
  }

  void CutOff() {
    if (!is_connected_) return;
    Hear(Heard(*socket_), false);
    layer_.RemoveClient(*socket_);
    is_connected_ = false;
  }

  void ComeBack() {
    if (is_connected_) return;
    asked_.clear();
    record_.Fence();
    socket_ = &NewSocket("client");
    outcome_ = Recover(*socket_, opened_, record_.rooms, has_, record_);
    is_connected_ = true;
  }

  void TakeOutcome() {
    if (outcome_ == nullptr || !outcome_->has_value()) return;
    ASSERT_TRUE((*outcome_)->recovered);
    const bool all = Draw(3) != 0;
    Hear((*outcome_)->missed, all);
    outcome_.reset();
    if (!all) {  // And nothing that came later.
      layer_.RemoveClient(*socket_);
      is_connected_ = false;
    }
  }

  void Step() {
    switch (Draw(22)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return SayAnything();
      case 4:
        return JoinAnything();
      case 5:
        if (Draw(5) == 0) CutOff();
        if (!is_connected_) outcome_.reset();
        return;
      case 6:
        return ComeBack();
      case 7:
        if (outcome_ == nullptr && is_connected_) Fill(*socket_);
        return;
      case 8:
      case 9:
        if (outcome_ == nullptr && is_connected_) Read(*socket_);
        return;
      case 10:
        return record_.Step(/*fail=*/Draw(4) == 0);
      case 11:
        return layer_.OnTick();
      case 12:
        backplane_.TakeRequest();
        return;
      case 13:
      case 14:
      case 15:
        // A join that fails would be refused.
        backplane_.FailReads(outcome_ != nullptr && Draw(5) == 0
                                 ? absl::UnavailableError("busy")
                                 : absl::OkStatus());
        if (backplane_.reads_waiting() > 0) {
          backplane_.RunRead(Draw(backplane_.reads_waiting()));
        }
        return;
      case 16:
      case 17:
      case 18:
        if (backplane_.pages_waiting() > 0) {
          backplane_.AnswerRead(Draw(backplane_.pages_waiting()));
        }
        return;
      default:
        for (uint32_t i = Draw(8); i > 0; --i) backplane_.Deliver();
        return;
    }
  }

  void ComeToRest() {
    backplane_.FailReads(absl::OkStatus());
    for (int i = 0; i < 30; ++i) {
      ComeBack();
      backplane_.Settle();
      TakeOutcome();
      if (is_connected_ && outcome_ == nullptr) Read(*socket_);
      record_.Step(false);
      layer_.OnTick();
    }
    ASSERT_TRUE(is_connected_);
    Hear(Heard(*socket_), true);
  }

  std::vector<Offset> Said(const std::string& room, Offset after,
                           Offset through) {
    std::vector<Offset> said;
    for (const FakeBackplane::Event& event : backplane_.events(Key(room))) {
      if (event.offset > after && event.offset <= through) {
        said.push_back(event.offset);
      }
    }
    return said;
  }

  std::mt19937 random_;
  Record record_;
  Offset opened_;
  FakeSocket* socket_ = nullptr;
  bool is_connected_ = false;
  std::set<std::string> asked_;  // By this connection.
  std::shared_ptr<std::optional<Outcome>> outcome_;

  // What the client has.
  std::string has_;
  Offset place_;
  std::map<std::string, std::vector<Offset>> live_;
  std::map<std::string, std::vector<Offset>> histories_;
};

TEST_P(RecoverySeamTest, EverythingIsHeardOnceAndInOrder) {
  for (int step = 0; step < kSteps; ++step) {
    Step();
    TakeOutcome();
    ASSERT_FALSE(HasFailure()) << "in step " << step;
  }
  ComeToRest();
  for (const SessionRoomEntry& entry : record_.rooms) {
    EXPECT_THAT(live_[entry.name],
                ElementsAreArray(
                    Said(entry.name, entry.from, backplane_.last_offset())))
        << entry.name << " from " << entry.from.value();
    std::vector<Offset> history;
    if (!entry.start.empty()) {
      history = Said(entry.name, Offset(), entry.from);
      const SessionStart start = *ParseSessionStart(entry.start);
      if (const auto* last = std::get_if<LastEvents>(&start.start)) {
        const size_t more =
            history.size() - std::min(history.size(), last->count);
        history.erase(history.begin(), history.begin() + more);
      }
    }
    EXPECT_THAT(histories_[entry.name], ElementsAreArray(history))
        << entry.name << " " << entry.start;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RecoverySeamTest, ::testing::Range(0u, 200u));

}  // namespace
}  // namespace roomlog
