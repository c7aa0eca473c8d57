// Whatever happens in whatever order: a member hears what it should, in the
// order of the log across its rooms, once, or hears of the gap. Each seed is a
// story; a failed one can be told again with --gtest_filter and the seed in its
// name.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "base/position.h"
#include "gtest/gtest.h"
#include "node/application/application_on_a_loop.h"
#include "node/rooms/room_packet.h"
#include "test/fakes/fake_backplane.h"
#include "test/fakes/fake_socket.h"

namespace roomlog {
namespace {

constexpr int kSteps = 2000;
constexpr int kClients = 5;
constexpr const char* kRooms[] = {"a", "b"};

// The string member `name` of JSON that we wrote ourselves.
std::string Member(absl::string_view json, absl::string_view name) {
  const std::string key = absl::StrCat("\"", name, "\":\"");
  const size_t begin = json.find(key);
  if (begin == absl::string_view::npos) return "";
  const absl::string_view rest = json.substr(begin + key.size());
  return std::string(rest.substr(0, rest.find('"')));
}

// What one client believes of one room, and what it must find true.
class Listener {
 public:
  struct Join {
    enum Kind { kNow, kLast, kAfter, kSince, kStart } kind = kNow;
    uint64_t argument = 0;  // Count, offset or milliseconds.
    Position after;
  };

  explicit Listener(const std::vector<FakeBackplane::Event>* log) : log_(log) {}

  bool in() const { return in_; }
  Position last() const { return last_; }

  // Requests are answered in their order.
  void Asked(std::optional<Join> join) { asked_.push_back(join); }

  // Sets `live` if it is not part of a history that was asked for.
  void OnEvent(Position at, bool* live) {
    ASSERT_TRUE(in_ || !asked_.empty()) << "heard without having joined";
    // Whoever joins anew is first told what it should have anyway, and then
    // again what it asked for, which goes no further.
    if (!in_ || (at.epoch == last_.epoch && at.offset <= last_.offset)) {
      ASSERT_TRUE(!asked_.empty() && asked_.front().has_value());
      replayed_.push_back(at);
      return;
    }
    ExpectContiguous(last_, at);
    last_ = at;
    *live = true;
  }

  void OnGap(Position from, Position to) {
    ASSERT_TRUE(in_);
    // The client's place may be that of an event of another room.
    if (from != last_) {
      ExpectContiguous(last_, {from.epoch, from.offset.Next()});
    }
    last_ = to;
    heard_since_ = to;
  }

  void OnAnswer(bool ok, absl::string_view json) {
    ASSERT_FALSE(asked_.empty());
    const std::optional<Join> join = asked_.front();
    asked_.erase(asked_.begin());
    if (!join.has_value()) {
      ASSERT_TRUE(ok);
      in_ = false;
      ASSERT_TRUE(replayed_.empty());
      return;
    }
    const std::vector<Position> replayed = std::exchange(replayed_, {});
    if (!ok) return;
    const Position at = *ParsePosition(Member(json, "offset"));
    const std::string reason = Member(json, "reason");
    if (HasHeardSince(*join, at)) {
      ASSERT_EQ(at, last_);
      ASSERT_TRUE(replayed.empty()) << "sent again what it has";
      ASSERT_TRUE(reason.empty());
      return;
    }
    if (in_ && at != last_) {
      // Only by its own word was it ahead of the node, or is it now.
      ASSERT_EQ(at.epoch, last_.epoch);
      ASSERT_TRUE((join->kind == Join::kAfter && at == join->after) ||
                  (join->kind != Join::kNow && last_ == ahead_))
          << "joining anew moved the member";
    }
    if (join->kind == Join::kAfter && at == join->after) ahead_ = at;
    if (!in_ || at == ahead_) heard_since_ = at;
    in_ = true;
    last_ = at;
    Position from{at.epoch, Offset(0)};
    if (!reason.empty()) {
      from = *ParsePosition(Member(json, "to"));
      ASSERT_EQ(from.epoch, at.epoch);
    }
    Check(*join, at, reason, from, replayed);
  }

  // All has come to rest.
  void OnRest(Position head) {
    ASSERT_TRUE(asked_.empty()) << "a request was not answered";
    if (!in_) return;
    ASSERT_EQ(last_.epoch, head.epoch);
    ExpectContiguous(last_, {head.epoch, Offset(head.offset.value() + 1)});
  }

 private:
  // A member asks for what it heard live.
  bool HasHeardSince(const Join& join, Position at) const {
    return in_ && join.kind == Join::kAfter && join.after.epoch == at.epoch &&
           heard_since_.epoch == at.epoch &&
           join.after.offset >= heard_since_.offset &&
           join.after.offset < at.offset;
  }

  // Nothing was said between the two.
  void ExpectContiguous(Position before, Position at) {
    ASSERT_EQ(before.epoch, at.epoch);
    ASSERT_LT(before.offset, at.offset);
    const auto next =
        std::upper_bound(log_->begin(), log_->end(), before.offset,
                         [](Offset offset, const FakeBackplane::Event& event) {
                           return offset < event.offset;
                         });
    ASSERT_TRUE(next == log_->end() || next->offset >= at.offset)
        << "missed " << next->offset.value() << " between "
        << before.offset.value() << " and " << at.offset.value();
  }

  void Check(const Join& join, Position at, const std::string& reason,
             Position gap_end, const std::vector<Position>& replayed) {
    std::vector<Offset> want;
    for (const FakeBackplane::Event& event : *log_) {
      if (event.offset > at.offset) break;
      if (join.kind == Join::kNow) continue;
      if (join.kind == Join::kAfter && join.after.epoch == at.epoch &&
          event.offset <= join.after.offset) {
        continue;
      }
      if (join.kind == Join::kSince &&
          event.offset.value() * 1000 < join.argument) {
        continue;
      }
      want.push_back(event.offset);
    }
    if (join.kind == Join::kLast && want.size() > join.argument) {
      want.erase(want.begin(), want.end() - static_cast<int>(join.argument));
    }
    std::vector<Offset> got;
    for (const Position& position : replayed) {
      // In a new epoch the replay began anew.
      if (position.epoch != at.epoch) continue;
      ASSERT_TRUE(got.empty() || got.back() < position.offset);
      got.push_back(position.offset);
    }
    if (reason.empty()) {
      ASSERT_EQ(got, want) << "and no gap was told";
      return;
    }
    // What is missing lies within the gap, and nothing came that was not
    // asked for.
    ASSERT_TRUE(
        std::includes(want.begin(), want.end(), got.begin(), got.end()));
    for (const Offset offset : want) {
      if (offset > gap_end.offset) {
        ASSERT_TRUE(std::binary_search(got.begin(), got.end(), offset));
      }
    }
  }

  const std::vector<FakeBackplane::Event>* const log_;
  std::vector<std::optional<Join>> asked_;
  bool in_ = false;
  Position ahead_;        // Where it said it was, last.
  Position last_;         // Heard everything up to here, or heard of the gap.
  Position heard_since_;  // Everything after this came, in this membership.
  std::vector<Position> replayed_;
};

class SeamTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  struct Client {
    std::unique_ptr<FakeSocket> socket;
    std::map<std::string, Listener> rooms;
    std::map<uint64_t, std::string> asked;  // The room of each request.
    uint64_t next_ack_id = 0;
    Position place;  // Of the last live event, in whatever room.
  };

  SeamTest() : random_(GetParam()) {
    backplane_.set_page_events_max(1 + Draw(6));
    backplane_.set_events_at_once(1 + Draw(6));
    for (int i = 0; i < kClients; ++i) Connect(clients_[i]);
  }

  uint32_t Draw(uint32_t below) { return random_() % below; }
  const char* AnyRoom() { return kRooms[Draw(2)]; }
  static RoomKey Key(const std::string& room) {
    return *RoomKey::Make("/", room);
  }

  void Connect(Client& client) {
    client = Client();
    client.socket =
        std::make_unique<FakeSocket>(absl::StrCat("id", ++connected_));
    for (const char* room : kRooms) {
      client.rooms.emplace(room, Listener(&backplane_.events(Key(room))));
    }
    app_.OnConnect(*client.socket);
  }

  void Emit(Client& client, const std::string& room, absl::string_view name,
            absl::string_view options) {
    const uint64_t ack_id = client.next_ack_id++;
    client.asked[ack_id] = room;
    app_.OnEvent(
        *client.socket,
        {name, absl::StrCat("[\"", name, "\",\"", room, "\"", options, "]"),
         ack_id});
  }

  void Join(Client& client) {
    const std::string room = AnyRoom();
    Listener& listener = client.rooms.at(room);
    if (listener.in() && Draw(3) != 0) return;
    Listener::Join join;
    join.kind = static_cast<Listener::Join::Kind>(Draw(5));
    std::string options;
    switch (join.kind) {
      case Listener::Join::kNow:
        break;
      case Listener::Join::kLast:
        join.argument = Draw(12);
        options = absl::StrCat(",{\"last\":", join.argument, "}");
        break;
      case Listener::Join::kAfter:
        // Where it was when it left, or anywhere.
        join.after = listener.last();
        if (join.after.epoch == Epoch(0) || Draw(3) == 0) {
          const uint64_t last = backplane_.head(Key(room)).offset.value();
          join.after = {backplane_.head(Key(room)).epoch,
                        Offset(Draw(static_cast<uint32_t>(last) + 1))};
        }
        options =
            absl::StrCat(",{\"after\":\"", FormatPosition(join.after), "\"}");
        break;
      case Listener::Join::kSince:
        join.argument =
            1000 *
            Draw(static_cast<uint32_t>(backplane_.last_offset().value()) + 2);
        options = absl::StrCat(",{\"since\":", join.argument, "}");
        break;
      case Listener::Join::kStart:
        options = ",{\"from\":\"start\"}";
        break;
    }
    listener.Asked(join);
    Emit(client, room, "join", options);
  }

  void Leave(Client& client) {
    const std::string room = AnyRoom();
    if (!client.asked.empty() && Draw(2) == 0) return;
    client.rooms.at(room).Asked(std::nullopt);
    Emit(client, room, "leave", "");
  }

  void Say() {
    // Sometimes so much that it cannot be held.
    const uint32_t count = Draw(200) == 0 ? kHeldEventsMax + 10 : 1 + Draw(3);
    const RoomKey room = Key(AnyRoom());
    for (uint32_t i = 0; i < count; ++i) {
      backplane_.Append(room, MakeRoomPacket("/", "m", "1"));
    }
  }

  void Trim() {
    const RoomKey room = Key(AnyRoom());
    const auto head =
        static_cast<uint32_t>(backplane_.head(room).offset.value());
    backplane_.Trim(room, Offset(Draw(head + 1)));
  }

  // Moves anything on the way by one.
  void Step() {
    Client& client = clients_[Draw(kClients)];
    switch (Draw(25)) {
      case 0:
      case 1:
      case 2:
        return Join(client);
      case 3:
        return Leave(client);
      case 4:
        app_.OnDisconnect(*client.socket, "transport close");
        return Connect(client);
      case 5:
        client.socket->QueueBytes(kClientBufferBytesMax + 1);
        return;
      case 6:
      case 7:
        return client.socket->Read(app_);
      case 8:
      case 9:
      case 10:
      case 11:
        return Say();
      case 12:
        if (with_trouble() && Draw(10) == 0) Trim();
        backplane_.FailReads(with_trouble() && Draw(4) == 0
                                 ? absl::UnavailableError("busy")
                                 : absl::OkStatus());
        return;
      case 13:
        if (with_trouble() && Draw(30) == 0) {
          backplane_.BeginEpoch(backplane_.head(Key("a")).epoch.Next());
        }
        return;
      case 14:
        return app_.OnTick();
      case 15:
        backplane_.TakeRequest();
        return;
      case 16:
      case 17:
      case 18:
        if (backplane_.reads_waiting() > 0) {
          backplane_.RunRead(Draw(backplane_.reads_waiting()));
        }
        return;
      case 19:
      case 20:
      case 21:
        if (backplane_.pages_waiting() > 0) {
          backplane_.AnswerRead(Draw(backplane_.pages_waiting()));
        }
        return;
      default:
        for (uint32_t i = Draw(8); i > 0; --i) backplane_.Deliver();
        return;
    }
  }

  void Hear(Client& client) {
    for (const std::string& sent : client.socket->TakeSent()) {
      if (absl::StartsWith(sent, "2[\"m\"")) {
        const absl::string_view offset = absl::string_view(sent).substr(
            sent.rfind(',') + 2, sent.size() - sent.rfind(',') - 4);
        const Position at = *ParsePosition(offset);
        bool live = false;
        client.rooms.at(Member(sent, "room")).OnEvent(at, &live);
        if (live) {
          ASSERT_TRUE(at.epoch != client.place.epoch ||
                      at.offset > client.place.offset)
              << "out of the log's order: " << sent;
          client.place = at;
        }
      } else if (absl::StartsWith(sent, "2[\"roomlog:gap\"")) {
        client.rooms.at(Member(sent, "room"))
            .OnGap(*ParsePosition(Member(sent, "from")),
                   *ParsePosition(Member(sent, "to")));
      } else {
        uint64_t ack_id = 0;
        ASSERT_TRUE(absl::SimpleAtoi(sent.substr(0, sent.find('[')), &ack_id));
        const std::string room = client.asked.at(ack_id);
        client.asked.erase(ack_id);
        client.rooms.at(room).OnAnswer(absl::StrContains(sent, "\"ok\":true"),
                                       sent);
      }
      if (HasFatalFailure()) {
        ADD_FAILURE() << "on hearing " << sent;
        return;
      }
    }
  }

  // Retention, new epochs and failing reads in every other story.
  static bool with_trouble() { return GetParam() % 2 == 1; }

  std::mt19937 random_;
  int connected_ = 0;
  FakeBackplane backplane_{Epoch(0xe)};
  ApplicationOnALoop app_{{.node_name = "node"}, backplane_};
  Client clients_[kClients];
};

TEST_P(SeamTest, EachMemberHearsEverythingOnceAndInOrder) {
  for (int step = 0; step < kSteps; ++step) {
    Step();
    for (Client& client : clients_) Hear(client);
    ASSERT_FALSE(HasFailure()) << "in step " << step;
  }
  backplane_.FailReads(absl::OkStatus());
  for (Client& client : clients_) client.socket->Read(app_);
  for (int i = 0; i < 3; ++i) {  // What was stalled goes on.
    backplane_.Settle();
    app_.OnTick();
  }
  backplane_.Settle();
  for (Client& client : clients_) {
    Hear(client);
    for (auto& [room, listener] : client.rooms) {
      listener.OnRest(backplane_.head(Key(room)));
    }
    app_.OnDisconnect(*client.socket, "transport close");
  }
  backplane_.Settle();
  EXPECT_EQ(app_.room_count(), 0u);
  EXPECT_EQ(app_.client_count(), 0u);
  EXPECT_EQ(backplane_.rooms_followed(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SeamTest, ::testing::Range(0u, 200u));

}  // namespace
}  // namespace roomlog
