#include "node/link/local_log.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "node/socketio/socketio_limits.h"
#include "proto/sessions.pb.h"
#include "test/status_matchers.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Epoch kEpoch(0xe);

class LocalLogTest : public ::testing::Test {
 protected:
  static RoomKey Key(absl::string_view room) {
    return *RoomKey::Make("/", room);
  }

  PublishAnswer Publish(absl::string_view room, std::string packet,
                        std::string id = "", uint32_t flags = 0) {
    return *log_.Do(
        0, {Key(room), flags, std::move(id), std::move(packet)}, ++now_ms_,
        [this](size_t loop, const RoomEvent& event) {
          heard_.push_back(absl::StrCat(
              loop, ":", event.room.value(), " ", event.event.packet, "@",
              event.event.offset.value(), "<", event.event.previous.value()));
        });
  }

  std::vector<std::string> Read(HistoryRequest request) {
    request.room = Key("r");
    if (request.events_max == 0) request.events_max = 100;
    last_page_ = log_.Read(request);
    std::vector<std::string> packets;
    for (const EventView& event : last_page_.events) {
      packets.emplace_back(event.packet);
    }
    return packets;
  }

  LocalLog log_{kEpoch};
  int64_t now_ms_ = 0;
  std::vector<std::string> heard_;
  HistoryPage last_page_;
};

TEST_F(LocalLogTest, HandsEventsToWhoFollowsTheRoom) {
  Publish("r", "before");
  EXPECT_EQ(log_.Follow(Key("r"), {0, RoomHandle(7)}),
            (Position{kEpoch, Offset(1)}));
  EXPECT_EQ(log_.Follow(Key("r"), {1, RoomHandle(8)}).offset, Offset(1));
  Publish("other", "x");
  const PublishAnswer answer = Publish("r", "a");
  EXPECT_EQ(answer.position, (Position{kEpoch, Offset(3)}));
  EXPECT_THAT(heard_, ElementsAre("0:7 a@3<1", "1:8 a@3<1"));
  heard_.clear();
  log_.Unfollow({0, RoomHandle(7)});
  log_.Unfollow({0, RoomHandle(7)});
  Publish("r", "b");
  EXPECT_THAT(heard_, ElementsAre("1:8 b@4<3"));
}

TEST_F(LocalLogTest, AppendsOnceForAnId) {
  EXPECT_EQ(Publish("r", "a", "id").position.offset, Offset(1));
  const PublishAnswer again = Publish("r", "b", "id");
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.position.offset, Offset(1));
  EXPECT_FALSE(Publish("other", "a", "id").duplicate);
  EXPECT_THAT(Read({}), ElementsAre("a"));
}

TEST_F(LocalLogTest, KeepsNothingOfWhatIsEphemeral) {
  EXPECT_EQ(Publish("r", "x", "", proto::EVENT_FLAG_EPHEMERAL).receivers, 0u);
  log_.Follow(Key("r"), {0, RoomHandle(1)});
  log_.Follow(Key("r"), {1, RoomHandle(2)});
  Publish("r", "a");
  EXPECT_EQ(Publish("r", "x", "", proto::EVENT_FLAG_EPHEMERAL).receivers, 2u);
  EXPECT_THAT(heard_,
              ElementsAre("0:1 a@2<0", "1:2 a@2<0", "0:1 x@3<0", "1:2 x@3<0"));
  EXPECT_THAT(Read({}), ElementsAre("a"));
  // It took a number all the same.
  EXPECT_EQ(Publish("r", "b").position.offset, Offset(4));
}

TEST_F(LocalLogTest, KeepsSessionsAsTheBrokerDoes) {
  // Of loop 0, whose notices go to "loop0", and so on.
  std::vector<std::string> notices;
  const auto deliver = [&](size_t loop, const RoomEvent& event) {
    proto::SessionNotice notice;
    ASSERT_TRUE(notice.ParseFromString(std::string(event.event.packet)));
    notices.push_back(absl::StrCat(
        loop, notice.fenced() ? " fenced " : " expired ", notice.claim()));
  };
  const auto apply = [&](size_t loop, proto::SessionOperation operation) {
    operation.set_name_space("/");
    operation.set_private_id("private-id-123456789");
    return log_.Do(
        loop,
        {Key(""), proto::EVENT_FLAG_SESSION, "", operation.SerializeAsString()},
        now_ms_, deliver);
  };
  const auto follow = [&](size_t loop) {
    const std::string room = absl::StrCat("loop", loop);
    log_.Follow(*RoomKey::Make("/$node", room), {loop, RoomHandle(1)});
  };
  follow(0);
  follow(1);
  Publish("r", "a");

  proto::SessionOperation open;
  open.set_claim(7);
  open.mutable_open()->set_socket_id("socket-id-1234567890");
  open.mutable_open()->set_notice_room("loop0");
  open.mutable_open()->set_window_ms(1000);
  const absl::StatusOr<PublishAnswer> opened = apply(0, open);
  ASSERT_TRUE(opened.ok()) << opened.status();
  // It has a place in the order, and is in no room.
  EXPECT_EQ(opened->position, (Position{kEpoch, Offset(2)}));
  EXPECT_THAT(Read({}), ElementsAre("a"));

  proto::SessionOperation restore;
  restore.set_claim(8);
  restore.mutable_restore()->set_notice_room("loop1");
  const absl::StatusOr<PublishAnswer> restored = apply(1, restore);
  ASSERT_TRUE(restored.ok()) << restored.status();
  proto::SessionRecord record;
  ASSERT_TRUE(record.ParseFromString(restored->session));
  EXPECT_EQ(record.opened_at(), 2u);
  EXPECT_THAT(notices, ElementsAre("0 fenced 7"));

  proto::SessionOperation detach;
  detach.set_claim(7);
  detach.mutable_detach();
  EXPECT_EQ(apply(0, detach).status().code(),
            absl::StatusCode::kFailedPrecondition);
  detach.set_claim(8);
  EXPECT_TRUE(apply(1, detach).ok());
  now_ms_ += 900;
  log_.Settle(now_ms_, deliver);
  EXPECT_EQ(notices.size(), 1u);
  now_ms_ += 200;
  log_.Settle(now_ms_, deliver);
  EXPECT_THAT(notices, ElementsAre("0 fenced 7", "1 expired 8"));
}

TEST_F(LocalLogTest, TellsOfAUserAndWhenHeWasOnlineLast) {
  const auto apply = [&](proto::SessionOperation operation) {
    operation.set_name_space("/");
    operation.set_private_id("private-id-123456789");
    operation.set_claim(7);
    return log_.Do(
        0,
        {Key(""), proto::EVENT_FLAG_SESSION, "", operation.SerializeAsString()},
        now_ms_, [](size_t, const RoomEvent&) {});
  };
  const auto ask = [&](absl::string_view room = "") {
    MembersRequest request{.room = Key(room), .user = "ann"};
    request.what = MembersRequest::What::kUser;
    return log_.ReadMembers(request);
  };
  proto::SessionOperation open;
  open.mutable_open()->set_socket_id("socket-id-1234567890");
  open.mutable_open()->set_notice_room("loop0");
  open.mutable_open()->set_window_ms(1000);
  open.mutable_open()->set_user("ann");
  open.mutable_open()->add_rooms("hall");
  ASSERT_THAT(apply(open).status(), IsOk());
  EXPECT_THAT(ask().users, ElementsAre(MembersPage::User{"ann", 1}));
  EXPECT_EQ(ask().last_seen_ms, 0);
  now_ms_ = 5000;
  proto::SessionOperation close;
  close.mutable_close();
  ASSERT_THAT(apply(close).status(), IsOk());
  EXPECT_THAT(ask().users, IsEmpty());
  EXPECT_EQ(ask().last_seen_ms, 5000);
  EXPECT_EQ(ask("hall").last_seen_ms, 0) << "nobody asked for all rooms";
}

TEST_F(LocalLogTest, ReadsPagesBothWays) {
  for (int i = 1; i <= 5; ++i) Publish("r", absl::StrCat(i));
  EXPECT_THAT(Read({.events_max = 2}), ElementsAre("1", "2"));
  EXPECT_TRUE(last_page_.more);
  EXPECT_THAT(Read({.newest_first = true, .events_max = 2}),
              ElementsAre("4", "5"));
  EXPECT_TRUE(last_page_.more);
  EXPECT_THAT(Read({.after = Offset(1), .before = Offset(4)}),
              ElementsAre("2", "3"));
  EXPECT_FALSE(last_page_.more);
  EXPECT_THAT(Read({.since_ms = 4}), ElementsAre("4", "5"));
  EXPECT_THAT(Read({.newest_first = true, .after = Offset(3)}),
              ElementsAre("4", "5"));
  EXPECT_FALSE(last_page_.more);
  EXPECT_THAT(Read({.after = Offset(5)}), IsEmpty());
  EXPECT_EQ(last_page_.head, Offset(5));
}

TEST_F(LocalLogTest, ForgetsTheOldestAndSaysSo) {
  for (size_t i = 0; i < kLocalRoomEventsMax + 2; ++i) {
    Publish("r", "x", absl::StrCat(i));
  }
  Read({.events_max = 2000});
  EXPECT_EQ(last_page_.events.size(), kLocalRoomEventsMax);
  EXPECT_EQ(last_page_.trimmed_through, Offset(2));
  EXPECT_FALSE(Publish("r", "x", "0").duplicate);  // Its event is gone.
  EXPECT_TRUE(Publish("r", "x", "5").duplicate);
}

TEST_F(LocalLogTest, ForgetsTheRoomsThatWereSilentLongest) {
  Publish("r", "x");
  const std::string large(kLocalRoomBytesMax / 2, 'x');
  for (size_t i = 0; i * large.size() < kLocalLogBytesMax; ++i) {
    Publish(absl::StrCat("room", i), large);
  }
  EXPECT_LE(log_.bytes(), kLocalLogBytesMax);
  EXPECT_THAT(Read({}), IsEmpty());
  EXPECT_GE(last_page_.trimmed_through, Offset(1));
  // It goes on beyond all that it may have had.
  const Position head = log_.Follow(Key("r"), {0, RoomHandle(1)});
  EXPECT_GE(head.offset, Offset(1));
  EXPECT_GT(Publish("r", "y").position.offset, head.offset);
}

}  // namespace
}  // namespace roomlog
