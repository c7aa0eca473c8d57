// How the changes of a session's rooms are made durable: see room_layer.h.
#include <algorithm>
#include <utility>

#include "node/rooms/room_layer.h"
#include "node/rooms/session_start.h"

namespace roomlog {

void RoomLayer::AddRecoverableClient(SocketWire& socket, Position opened,
                                     const std::vector<std::string>& rooms,
                                     SessionChanges& changes) {
  const auto client = std::make_shared<RoomClient>(socket);
  client->with_offsets = true;
  client->changes = &changes;
  client->flows = false;
  client->cursor = opened.offset;
  Insert(client);
  for (const std::string& name : rooms) {
    const absl::StatusOr<RoomKey> room =
        RoomKey::Make(socket.name_space(), name);
    if (!room.ok()) continue;
    Membership& member = MembershipOf(*client, *room);
    member.is_in = true;
    member.from = opened.offset;
    member.heard_since = opened;
    member.Recount();
  }
  GoOn(*client);
}

void RoomLayer::JoinDirect(SocketWire& socket, const RoomKey& room,
                           JoinDone done) {
  RoomClient* const client = FindClient(socket);
  if (client == nullptr) return;
  const Membership* const member = FindMembership(*client, room);
  if (member != nullptr && member->is_in) {
    if (done != nullptr) {
      std::move(done)(Joined{{stream_position_.epoch, member->from}});
    }
    return;
  }
  client->direct_waiting.push_back(std::move(done));
  if (client->direct_waiting.size() > 1) return;
  const std::weak_ptr<RoomClient> joining = client->weak_from_this();
  Join(socket, room, FromNow{},
       [this, joining](const absl::StatusOr<Joined>& joined) {
         const std::shared_ptr<RoomClient> client = joining.lock();
         if (client != nullptr) TellDirect(*client, joined);
       });
}

void RoomLayer::TellDirect(RoomClient& client,
                           const absl::StatusOr<Joined>& joined) {
  for (JoinDone& done : std::exchange(client.direct_waiting, {})) {
    if (done != nullptr && !client.is_removed) std::move(done)(joined);
  }
}

void RoomLayer::AskChange(Membership& member) {
  member.client.to_change.push_back(member.shared_from_this());
  SendChanges(member.client);
}

void RoomLayer::SendChanges(RoomClient& client) {
  if (client.is_changing || client.to_change.empty() || client.is_removed) {
    return;
  }
  std::vector<std::shared_ptr<Membership>> changed(client.to_change.begin(),
                                                   client.to_change.end());
  client.to_change.clear();
  if (client.changes == nullptr) {
    // The session went while they waited.
    OnChanged(client, changed, absl::OkStatus());
    return;
  }
  std::vector<SessionRoomJoin> joins;
  std::vector<std::string> leaves;
  for (const std::shared_ptr<Membership>& member : changed) {
    const std::string name(member->room.key.room());
    const std::optional<ReplayStart>& join = member->requests.front().join;
    if (!join.has_value()) {
      leaves.push_back(name);
      continue;
    }
    joins.push_back(
        {name, member->join_from, FormatSessionStart({member->join, *join})});
  }
  client.is_changing = true;
  client.changes->Change(client.socket, std::move(joins), std::move(leaves),
                         [this, asking = client.weak_from_this(),
                          changed = std::move(changed)](absl::Status status) {
                           const std::shared_ptr<RoomClient> client =
                               asking.lock();
                           if (client == nullptr || client->is_removed) return;
                           client->is_changing = false;
                           OnChanged(*client, changed, status);
                         });
}

void RoomLayer::OnChanged(
    RoomClient& client, const std::vector<std::shared_ptr<Membership>>& changed,
    const absl::Status& status) {
  if (status.code() == absl::StatusCode::kUnavailable) {
    client.to_change.insert(client.to_change.begin(), changed.begin(),
                            changed.end());
    stalled_changes_.push_back(client.weak_from_this());
    return;
  }
  const bool is_gone = status.code() == absl::StatusCode::kNotFound ||
                       status.code() == absl::StatusCode::kFailedPrecondition;
  if (is_gone) client.changes = nullptr;
  const bool is_done = status.ok() || is_gone;
  for (const std::shared_ptr<Membership>& member : changed) {
    if (client.is_removed) return;
    if (member->removed) continue;
    if (!member->requests.front().join.has_value()) {
      member->step = Membership::Step::kWaiting;
      if (is_done) {
        member->Answer(Joined());
      } else {
        member->Answer(status);
      }
    } else if (is_done) {
      StartHistory(*member);
    } else {
      RefuseJoin(*member, status);
    }
    Advance(*member);
  }
  if (client.is_removed) return;
  SendChanges(client);
  Pump(client);
}

}  // namespace roomlog
