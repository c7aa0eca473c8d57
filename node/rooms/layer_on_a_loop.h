// The rooms of one loop, their sockets and sessions, without a network, for
// tests.
#ifndef ROOMLOG_NODE_ROOMS_LAYER_ON_A_LOOP_H_
#define ROOMLOG_NODE_ROOMS_LAYER_ON_A_LOOP_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/rooms/room_layer.h"
#include "test/fakes/fake_backplane.h"
#include "test/fakes/fake_socket.h"

namespace roomlog {

// What is asked to be made durable, until the test says what came of it.
class FakeSessions final : public SessionChanges {
 public:
  void Change(SocketWire& socket, std::vector<SessionRoomJoin> joins,
              std::vector<std::string> leaves, Done done) override {
    std::string asked = socket.id();
    for (const std::string& room : leaves) absl::StrAppend(&asked, " -", room);
    for (const SessionRoomJoin& join : joins) {
      absl::StrAppend(&asked, " +", join.name, "@",
                      absl::Hex(join.from.value()));
      if (!join.start.empty()) absl::StrAppend(&asked, "(", join.start, ")");
    }
    asked_.push_back(std::move(asked));
    waiting_.push_back(std::move(done));
  }

  // What was asked since the last call, as "socket -left +joined@from(start)".
  std::vector<std::string> TakeAsked() { return std::exchange(asked_, {}); }
  void Answer(const absl::Status& status = absl::OkStatus()) {
    ASSERT_FALSE(waiting_.empty());
    Done done = std::move(waiting_.front());
    waiting_.pop_front();
    std::move(done)(status);
  }

 private:
  std::vector<std::string> asked_;
  std::deque<Done> waiting_;
};

// A packet is told as its data, with "@" and the offset behind it if it has
// one; all else as it is.
inline std::string Short(absl::string_view sent) {
  static constexpr absl::string_view kEvent = "2[\"m\",\"";
  if (!absl::StartsWith(sent, kEvent)) return std::string(sent);
  const absl::string_view rest = sent.substr(kEvent.size());
  const size_t end = rest.find('"');
  std::string told(rest.substr(0, end));
  const absl::string_view offset = rest.substr(end + 1);
  if (offset.size() > 4) {  // ,"..."]
    absl::StrAppend(&told, "@", offset.substr(2, offset.size() - 4));
  }
  return told;
}

class LayerTest : public ::testing::Test, public NodeEventHandler {
 protected:
  static constexpr Epoch kEpoch{0xe};

  LayerTest() { backplane_.set_follower(&layer_); }

  static RoomKey Key(absl::string_view room) {
    return *RoomKey::Make("/", room);
  }

  // ---- What is said ----

  // The next event of the log is a broadcast to `room`.
  Offset Say(absl::string_view room, absl::string_view data) {
    proto::Envelope envelope;
    if (!room.empty()) envelope.add_rooms(std::string(room));
    return SayTo(room, envelope, data);
  }
  Offset SayTo(absl::string_view room, const proto::Envelope& envelope,
               absl::string_view data) {
    return backplane_.Append(
        Key(room),
        AddressPacket(envelope, absl::StrCat("2[\"m\",\"", data, "\"]")), "",
        proto::EVENT_FLAG_ADDRESSED);
  }
  void SayVolatile(absl::string_view room, absl::string_view data) {
    layer_.Publish(
        {.room = Key(room),
         .flags = proto::EVENT_FLAG_EPHEMERAL | proto::EVENT_FLAG_ADDRESSED,
         .id = "",
         .packet = AddressPacket(proto::Envelope(),
                                 absl::StrCat("2[\"m\",\"", data, "\"]"))},
        nullptr);
  }

  // ---- Clients ----

  FakeSocket& NewSocket(const std::string& id) {
    sockets_.push_back(std::make_unique<FakeSocket>(id));
    return *sockets_.back();
  }
  FakeSocket& Connect(const std::string& id) {
    FakeSocket& socket = NewSocket(id);
    layer_.AddClient(socket);
    return socket;
  }
  // Whose session was opened where the log ends now.
  FakeSocket& ConnectRecoverable(const std::string& id) {
    FakeSocket& socket = NewSocket(id);
    layer_.AddRecoverableClient(socket, {kEpoch, backplane_.last_offset()},
                                {""}, sessions_);
    return socket;
  }
  // What comes of it is noted in `told_` as "joined <room>", or the error.
  void Join(FakeSocket& socket, const std::string& room,
            const ReplayStart& start = FromNow{}) {
    layer_.Join(socket, Key(room), start, Note("joined", room));
  }
  void Leave(FakeSocket& socket, const std::string& room) {
    layer_.Leave(socket, Key(room), Note("left", room));
  }
  JoinDone Note(const std::string& what, const std::string& room) {
    return [this, what, room](const absl::StatusOr<Joined>& joined) {
      told_.push_back(joined.ok() ? absl::StrCat(what, " ", room)
                                  : absl::StrCat("not ", what, " ", room, ": ",
                                                 absl::StatusCodeToString(
                                                     joined.status().code())));
    };
  }
  std::vector<std::string> TakeTold() { return std::exchange(told_, {}); }

  static std::vector<std::string> Heard(FakeSocket& socket) {
    std::vector<std::string> heard;
    for (const std::string& sent : socket.TakeSent()) {
      heard.push_back(Short(sent));
    }
    return heard;
  }

  void Read(FakeSocket& socket) {
    Drains drains(layer_);
    socket.Read(drains);
  }
  static void Fill(FakeSocket& socket) {
    socket.QueueBytes(kClientBufferBytesMax + 1);
  }

  // ---- Coming back ----

  struct Outcome {
    bool recovered = false;
    std::vector<std::string> missed;
    std::vector<RecoveryGap> gaps;
  };
  // The outcome is set when it is known.
  std::shared_ptr<std::optional<Outcome>> Recover(
      FakeSocket& socket, Offset opened, std::vector<SessionRoomEntry> rooms,
      absl::string_view has) {
    return Recover(socket, opened, std::move(rooms), has, sessions_);
  }
  std::shared_ptr<std::optional<Outcome>> Recover(
      FakeSocket& socket, Offset opened, std::vector<SessionRoomEntry> rooms,
      absl::string_view has, SessionChanges& changes) {
    RecoveredSession session;
    session.opened = {kEpoch, opened};
    session.restored = {kEpoch, backplane_.last_offset()};
    session.rooms = std::move(rooms);
    if (!has.empty()) session.has = *ParseClientOffset(has);
    auto outcome = std::make_shared<std::optional<Outcome>>();
    layer_.Recover(
        socket, std::move(session), changes,
        [outcome](std::variant<Recovered, NotRecovered> result) {
          ASSERT_FALSE(outcome->has_value()) << "told twice";
          *outcome = Outcome();
          if (const auto* recovered = std::get_if<Recovered>(&result)) {
            (*outcome)->recovered = true;
            for (const SharedFramePtr& frame : recovered->missed) {
              (*outcome)->missed.push_back(Short(frame->payload().substr(1)));
            }
          } else {
            (*outcome)->gaps = std::get<NotRecovered>(result).gaps;
          }
        });
    EXPECT_FALSE(outcome->has_value()) << "told from within";
    return outcome;
  }

  void OnNodeEvent(const NodeEvent& /*event*/) override {}

  FakeBackplane backplane_{kEpoch};
  FakeSessions sessions_;
  RoomLayer layer_{backplane_, this};
  std::vector<std::unique_ptr<FakeSocket>> sockets_;

 private:
  struct Drains final : SocketWireHandler {
    explicit Drains(RoomLayer& layer) : layer_(layer) {}
    void OnConnect(SocketWire& /*socket*/) override {}
    void OnEvent(SocketWire& /*socket*/,
                 const IncomingEvent& /*event*/) override {}
    void OnAck(SocketWire& /*socket*/, const IncomingAck& /*ack*/) override {}
    void OnDisconnect(SocketWire& /*socket*/,
                      absl::string_view /*reason*/) override {}
    void OnDrained(SocketWire& socket) override { layer_.OnDrained(socket); }

    RoomLayer& layer_;
  };

  std::vector<std::string> told_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_LAYER_ON_A_LOOP_H_
