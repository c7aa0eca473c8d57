// In place of the link and the broker: a log in memory, and everything that
// takes time on the way happens when the test says so.
#ifndef ROOMLOG_TEST_FAKES_FAKE_BACKPLANE_H_
#define ROOMLOG_TEST_FAKES_FAKE_BACKPLANE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/position.h"
#include "base/room_key.h"
#include "node/link/backplane.h"

namespace roomlog {

// One thing at a time moves, and only by these calls:
//  * TakeRequest(): the broker gets the node's next follow or publish.
//  * Deliver(): the node gets the broker's next word: that a room is followed,
//    an event, a gap, the answer to a publish. Never out of order.
//  * RunRead() and AnswerRead(): the broker reads, the node gets the page. In
//    whatever order, so that a read may lag behind all else.
class FakeBackplane final : public Backplane {
 public:
  struct Event {
    Offset offset;
    Offset previous;
    std::string id;
    std::string packet;
    uint32_t flags = 0;
  };

  explicit FakeBackplane(Epoch epoch) : epoch_(epoch) {}

  void set_follower(RoomFollower* follower) { follower_ = follower; }
  // A page holds no more than this, whatever is asked for.
  void set_page_events_max(size_t max) { page_events_max_ = max; }

  // Events that come one after the other are handed on together, so many.
  void set_events_at_once(size_t count) { events_at_once_ = count; }

  // ---- What others do to the log ----

  // Offsets count up over all rooms; the time of an event is its offset in
  // seconds.
  Offset Append(const RoomKey& room, std::string packet, std::string id = "",
                uint32_t flags = 1);
  // Retention: the events of the room up to here go.
  void Trim(const RoomKey& room, Offset through);
  // A new life of the log, in which all events are still there.
  void BeginEpoch(Epoch epoch);
  // The link loses what lies between here and the room's end, for good.
  void LoseDeliveries(const RoomKey& room, GapReason reason);

  Position head(const RoomKey& room) const;
  Offset last_offset() const { return last_offset_; }
  // Everything the room ever said, what was trimmed included.
  const std::vector<Event>& events(const RoomKey& room) {
    return rooms_[room].events;
  }

  // ---- Steps; each returns false if there is nothing to do ----

  bool TakeRequest();
  bool Deliver();
  bool RunRead(size_t index = 0);
  bool AnswerRead(size_t index = 0);
  // All of it until nothing moves any more.
  void Settle();

  size_t requests_waiting() const { return requests_.size(); }
  size_t deliveries_waiting() const { return deliveries_.size(); }
  size_t reads_waiting() const { return reads_.size(); }
  size_t pages_waiting() const { return pages_.size(); }
  size_t rooms_followed() const { return followed_.size(); }

  // From now on such requests fail with this; OK ends it.
  void FailFollows(absl::Status status) { follow_status_ = std::move(status); }
  void FailReads(absl::Status status) { read_status_ = std::move(status); }
  void FailPublishes(absl::Status status) {
    publish_status_ = std::move(status);
  }
  // So many other followers take each ephemeral event.
  void set_other_receivers(uint32_t count) { other_receivers_ = count; }
  // The ephemeral events that the node has published.
  const std::vector<PublishRequest>& ephemeral() const { return ephemeral_; }
  // As after a resubscribe that the broker refuses.
  void RefuseRoom(const RoomKey& room, absl::Status status);

  // Backplane:
  void Publish(PublishRequest request, PublishDone done) override;
  RoomHandle Follow(const RoomKey& room) override;
  void Unfollow(RoomHandle room) override;
  void Read(HistoryRequest request, ReadDone done) override;
  // Nobody is anywhere: it keeps no sessions.
  void ReadMembers(MembersRequest, MembersDone done) override;
  absl::Status health() const override { return absl::OkStatus(); }

 private:
  struct Room {
    std::vector<Event> events;
    Offset trimmed_through;
  };
  struct FollowRequest {
    RoomHandle handle;
  };
  struct PublishTaken {
    PublishRequest request;
    PublishDone done;
  };
  struct Following {
    RoomHandle handle;
    Position head;
  };
  struct FollowFailed {
    RoomHandle handle;
    absl::Status status;
  };
  struct Delivered {
    RoomHandle handle;
    Event event;
  };
  struct GapTold {
    RoomHandle handle;
    Position from;
    Position to;
    GapReason reason;
  };
  struct Published {
    PublishDone done;
    absl::StatusOr<PublishAnswer> answer;
  };
  using Delivery =
      std::variant<Following, FollowFailed, Delivered, GapTold, Published>;
  struct Followed {
    RoomKey room;
    bool taken = false;  // The broker knows, and so events come.
    Position sent;       // The last that is on its way to the node.
  };

  absl::StatusOr<HistoryPage> RunRead(const HistoryRequest& request);
  void SendNew(RoomHandle handle, Followed& followed);

  Epoch epoch_;
  RoomFollower* follower_ = nullptr;
  size_t page_events_max_ = 1024;
  size_t events_at_once_ = 1;
  uint64_t last_handle_ = 0;
  Offset last_offset_;
  std::map<RoomKey, Room> rooms_;
  std::map<RoomHandle, Followed> followed_;
  std::deque<std::variant<FollowRequest, PublishTaken>> requests_;
  std::deque<Delivery> deliveries_;
  std::deque<std::pair<HistoryRequest, ReadDone>> reads_;
  std::deque<std::pair<absl::StatusOr<HistoryPage>, ReadDone>> pages_;
  std::vector<PublishRequest> ephemeral_;
  uint32_t other_receivers_ = 0;
  absl::Status follow_status_;
  absl::Status read_status_;
  absl::Status publish_status_;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_FAKES_FAKE_BACKPLANE_H_
