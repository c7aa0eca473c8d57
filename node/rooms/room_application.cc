#include "node/rooms/room_application.h"

#include <algorithm>
#include <cassert>
#include <deque>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "node/rooms/gap.h"
#include "node/rooms/recent_frames.h"
#include "node/rooms/replay.h"
#include "node/rooms/room_packet.h"

namespace roomlog {

// What one socket is in the middle of.
struct RoomApplication::Client : std::enable_shared_from_this<Client> {
  // Either a member to go on with, or a page of history to read.
  struct Work {
    Membership* member = nullptr;
    std::shared_ptr<const HistoryPageRead> history;
  };

  explicit Client(Socket& its_socket) : socket(its_socket) {}

  bool full() const { return socket.queued_bytes() > kClientBufferBytesMax; }

  void Answer(std::optional<uint64_t> ack_id, absl::string_view arguments) {
    if (ack_id.has_value()) socket.Acknowledge(*ack_id, arguments);
  }

  Socket& socket;
  absl::flat_hash_map<const Room*, std::shared_ptr<Membership>> memberships;
  size_t unanswered = 0;  // Requests.
  std::deque<Work> waiting;
  size_t reads = 0;  // Under way.
};

struct RoomApplication::HistoryPageRead {
  std::optional<uint64_t> ack_id;
  ClientHistory request;
};

// A room that somebody is in or wants to be in.
struct RoomApplication::Room {
  explicit Room(const RoomKey& its_key) : key(its_key), packets(its_key) {}

  const RoomKey key;
  const RoomPackets packets;
  // None while nobody follows: the node was refused, and tries again.
  std::optional<RoomHandle> handle;
  // Of what the backplane said last; none before it ever followed.
  std::optional<Position> position;
  std::vector<Membership*> members;
  size_t catching_up = 0;  // Members for whom `recent` is held.
  RecentFrames recent;
};

// A socket in a room, or on its way in or out.
struct RoomApplication::Membership : std::enable_shared_from_this<Membership> {
  enum class State {
    kOut,      // Gets nothing.
    kJoining,  // Is sent the past that the first of `requests` asked for.
    kBehind,   // Is a member; events after the cursor wait for it.
    kLive,     // Is a member and has all up to the room's position.
  };
  struct Request {
    std::optional<uint64_t> ack_id;
    std::optional<ReplayStart> join;  // None: a leave.
  };

  Membership(Client& its_client, Room& its_room)
      : client(its_client), room(its_room) {}

  void Become(State next) {
    const auto catches_up = [](State s) {
      return s == State::kJoining || s == State::kBehind;
    };
    if (catches_up(state)) --room.catching_up;
    if (catches_up(next)) ++room.catching_up;
    state = next;
    if (room.catching_up == 0 && room.position.has_value()) {
      room.recent.Reset(room.position->offset);
    }
  }

  // No answer to a read that is under way matters any more.
  void DropReplay() {
    replay.reset();
    ++reads_begun;
    reading = false;
  }

  Client& client;
  Room& room;
  size_t index_in_room = 0;
  State state = State::kOut;
  bool is_member = false;  // Also while joining anew.
  // As a member it got everything up to here that it should. May be beyond the
  // room's position, if it joined after what this node has not seen yet.
  Offset cursor;
  std::deque<Request> requests;
  std::optional<Replay> replay;
  uint64_t reads_begun = 0;  // Only the answer to the last one counts.
  bool reading = false;
  bool waiting = false;  // In client.waiting.
};

RoomApplication::RoomApplication(Options options, Backplane& backplane)
    : node_name_(std::move(options.node_name)), backplane_(backplane) {}

RoomApplication::~RoomApplication() = default;

void RoomApplication::OnConnect(Socket& socket) {
  clients_.emplace(&socket, std::make_shared<Client>(socket));
}

void RoomApplication::OnDisconnect(Socket& socket, absl::string_view) {
  const auto found = clients_.find(&socket);
  if (found == clients_.end()) return;
  // Reads and publishes that are under way find the client gone.
  const std::shared_ptr<Client> client = std::move(found->second);
  clients_.erase(found);
  while (!client->memberships.empty()) {
    Membership& member = *client->memberships.begin()->second;
    member.Become(Membership::State::kOut);
    Remove(member);
  }
}

void RoomApplication::OnDrained(Socket& socket) {
  const auto found = clients_.find(&socket);
  if (found != clients_.end()) Pump(*found->second);
}

void RoomApplication::OnEvent(Socket& socket, const IncomingEvent& event) {
  const auto found = clients_.find(&socket);
  if (found == clients_.end()) return;
  Client& client = *found->second;
  if (client.unanswered >= kUnansweredRequestsPerClientMax) {
    client.Answer(event.ack_id,
                  ErrorAnswer({ErrorCode::kLimit,
                               "too many requests are unanswered; wait for "
                               "answers before sending more"}));
    return;
  }
  std::visit(
      [&](auto request) { On(client, event.ack_id, std::move(request)); },
      request_reader_.Read(socket.name_space(), event));
  Pump(client);
}

void RoomApplication::On(Client& client, std::optional<uint64_t> ack_id,
                         ClientJoin join) {
  if (FindMembership(client, join.room) == nullptr &&
      client.memberships.size() >= kRoomsPerClientMax) {
    client.Answer(ack_id, ErrorAnswer({ErrorCode::kLimit,
                                       "the client is in too many rooms"}));
    return;
  }
  Membership& member = MembershipOf(client, join.room);
  ++client.unanswered;
  member.requests.push_back({ack_id, join.start});
  Advance(member);
}

void RoomApplication::On(Client& client, std::optional<uint64_t> ack_id,
                         ClientLeave leave) {
  Membership* member = FindMembership(client, leave.room);
  if (member == nullptr) {
    client.Answer(ack_id, LeaveAnswer());
    return;
  }
  ++client.unanswered;
  member->requests.push_back({ack_id, std::nullopt});
  Advance(*member);
}

void RoomApplication::On(Client& client, std::optional<uint64_t> ack_id,
                         ClientPublish publish) {
  ++client.unanswered;
  backplane_.Publish(
      {.room = std::move(publish.room),
       .flags = proto::EVENT_FLAG_ROOM_APPLICATION,
       .id = std::move(publish.id),
       .packet = std::move(publish.packet)},
      [this, ack_id,
       asking = client.weak_from_this()](absl::StatusOr<PublishAnswer> answer) {
        if (answer.ok()) NoteLogHead(answer->position);
        const std::shared_ptr<Client> client = asking.lock();
        if (client == nullptr) return;
        --client->unanswered;
        client->Answer(
            ack_id, answer.ok()
                        ? PublishAnswerJson(answer->position, answer->duplicate)
                        : ErrorAnswer(RefusalOf(answer.status())));
      });
}

void RoomApplication::On(Client& client, std::optional<uint64_t> ack_id,
                         ClientHistory history) {
  if (!ack_id.has_value()) return;  // Nobody waits for what it would find.
  ++client.unanswered;
  client.waiting.push_back(
      {nullptr, std::make_shared<const HistoryPageRead>(
                    HistoryPageRead{ack_id, std::move(history)})});
}

void RoomApplication::On(Client& client, std::optional<uint64_t> ack_id,
                         ClientNode) {
  client.Answer(ack_id, NodeAnswer(node_name_));
}

void RoomApplication::On(Client& client, std::optional<uint64_t> ack_id,
                         Refusal refusal) {
  client.Answer(ack_id, ErrorAnswer(refusal));
}

RoomApplication::Membership* RoomApplication::FindMembership(
    Client& client, const RoomKey& key) {
  const auto room = rooms_.find(key);
  if (room == rooms_.end()) return nullptr;
  const auto member = client.memberships.find(room->second.get());
  return member == client.memberships.end() ? nullptr : member->second.get();
}

RoomApplication::Membership& RoomApplication::MembershipOf(Client& client,
                                                           const RoomKey& key) {
  std::unique_ptr<Room>& room = rooms_[key];
  if (room == nullptr) {
    room = std::make_unique<Room>(key);
    Follow(*room);
  }
  std::shared_ptr<Membership>& member = client.memberships[room.get()];
  if (member == nullptr) {
    member = std::make_shared<Membership>(client, *room);
    member->index_in_room = room->members.size();
    room->members.push_back(member.get());
  }
  return *member;
}

void RoomApplication::Follow(Room& room) {
  room.handle = backplane_.Follow(room.key);
  followed_[*room.handle] = &room;
}

void RoomApplication::Remove(Membership& member) {
  Client& client = member.client;
  Room& room = member.room;
  Membership* const last = room.members.back();
  room.members[member.index_in_room] = last;
  last->index_in_room = member.index_in_room;
  room.members.pop_back();
  if (member.waiting) {
    client.waiting.erase(std::find_if(
        client.waiting.begin(), client.waiting.end(),
        [&](const Client::Work& work) { return work.member == &member; }));
  }
  client.memberships.erase(&room);  // Deletes `member`.
  if (!room.members.empty()) return;
  if (room.handle.has_value()) {
    backplane_.Unfollow(*room.handle);
    followed_.erase(*room.handle);
  }
  rooms_.erase(RoomKey(room.key));
}

void RoomApplication::Advance(Membership& member) {
  while (!member.requests.empty()) {
    if (member.state == Membership::State::kJoining) return;
    if (!member.requests.front().join.has_value()) {
      const std::optional<uint64_t> ack_id = member.requests.front().ack_id;
      member.requests.pop_front();
      member.is_member = false;
      member.DropReplay();
      member.Become(Membership::State::kOut);
      --member.client.unanswered;
      member.client.Answer(ack_id, LeaveAnswer());
      continue;
    }
    // A member that is behind gets what it already should have first.
    if (!member.room.position.has_value() || !member.room.handle.has_value() ||
        member.state == Membership::State::kBehind) {
      return;
    }
    BeginJoin(member, std::nullopt);
  }
  if (member.state == Membership::State::kOut) Remove(member);
}

void RoomApplication::BeginJoin(Membership& member,
                                const std::optional<Position>& lost_from) {
  const Position through = *member.room.position;
  member.Become(Membership::State::kJoining);
  member.replay =
      Replay::ForJoin(member.room.key, *member.requests.front().join, through);
  if (lost_from.has_value()) member.replay->NoteLostEpoch(*lost_from);
  if (log_head_.epoch == through.epoch) {
    member.replay->NoteLogHead(log_head_.offset);
  }
  if (member.replay->done()) {
    FinishJoin(member);
  } else {
    Enqueue(member);
  }
}

void RoomApplication::FinishJoin(Membership& member) {
  const Replay& replay = *member.replay;
  const bool from_now =
      std::holds_alternative<FromNow>(*member.requests.front().join);
  if (!(member.is_member && from_now)) {
    member.cursor = replay.position().offset;
  }  // Else it may be ahead of the room, and stays there.
  const std::string answer = JoinAnswer(
      member.room.key.room(), {replay.position().epoch, member.cursor},
      replay.sent(), replay.gap());
  member.is_member = true;
  const std::optional<uint64_t> ack_id = member.requests.front().ack_id;
  member.requests.pop_front();
  member.DropReplay();
  --member.client.unanswered;
  member.client.Answer(ack_id, answer);
  GoOn(member);
}

void RoomApplication::RefuseJoin(Membership& member, const Refusal& refusal) {
  const std::optional<uint64_t> ack_id = member.requests.front().ack_id;
  member.requests.pop_front();
  member.DropReplay();
  --member.client.unanswered;
  member.client.Answer(ack_id, ErrorAnswer(refusal));
  if (member.is_member) {
    GoOn(member);
  } else {
    member.Become(Membership::State::kOut);
  }
}

void RoomApplication::GoOn(Membership& member) {
  if (member.cursor >= member.room.position->offset) {
    member.Become(Membership::State::kLive);
  } else {
    member.Become(Membership::State::kBehind);
    Enqueue(member);
  }
}

void RoomApplication::Enqueue(Membership& member) {
  if (member.waiting || member.reading) return;
  member.waiting = true;
  member.client.waiting.push_back({&member, nullptr});
}

void RoomApplication::Pump(Client& client) {
  while (!client.waiting.empty() && client.reads < kReadsPerClientMax &&
         !client.full()) {
    Client::Work work = std::move(client.waiting.front());
    client.waiting.pop_front();
    if (work.member != nullptr) {
      work.member->waiting = false;
      WorkOn(*work.member);
    } else {
      StartHistoryRead(client, std::move(work.history));
    }
  }
}

void RoomApplication::WorkOn(Membership& member) {
  if (member.state == Membership::State::kJoining) {
    StartReplayRead(member);
    return;
  }
  if (member.state != Membership::State::kBehind) return;
  Room& room = member.room;
  if (member.cursor >= room.recent.floor()) {
    member.DropReplay();
    room.recent.ForEachAfter(member.cursor,
                             [&](Offset offset, const SharedFramePtr& frame) {
                               if (member.client.full()) return false;
                               member.client.socket.Send(frame);
                               member.cursor = offset;
                               return true;
                             });
    // What came last may have been left out as unsendable.
    if (!member.client.full()) {
      member.cursor = std::max(member.cursor, room.position->offset);
    }
    GoOn(member);
    Advance(member);
    return;
  }
  if (!member.replay.has_value()) {
    member.replay = Replay::ForMember(room.key, member.cursor, *room.position);
  }
  StartReplayRead(member);
}

void RoomApplication::StartReplayRead(Membership& member) {
  Client& client = member.client;
  ++client.reads;
  member.reading = true;
  backplane_.Read(
      member.replay->NextRead(),
      [this, asking = client.weak_from_this(),
       reading = member.weak_from_this(),
       read = ++member.reads_begun](absl::StatusOr<HistoryPage> page) {
        const std::shared_ptr<Client> client = asking.lock();
        if (client == nullptr) return;
        --client->reads;
        const std::shared_ptr<Membership> member = reading.lock();
        if (member != nullptr && member->reads_begun == read) {
          member->reading = false;
          TakeReplayPage(*member, page);
        }
        Pump(*client);
      });
}

void RoomApplication::TakeReplayPage(Membership& member,
                                     const absl::StatusOr<HistoryPage>& page) {
  if (!page.ok()) {
    ReplayFailed(member, page.status());
    return;
  }
  NoteLogHead({page->epoch, page->head});
  Room& room = member.room;
  if (page->epoch != room.position->epoch) {
    // The log began a new life; the backplane is about to say so.
    Stall(member);
    return;
  }
  const bool joining = member.state == Membership::State::kJoining;
  Replay& replay = *member.replay;
  if (log_head_.epoch == page->epoch) replay.NoteLogHead(log_head_.offset);
  const auto send_gap = [&] {
    if (joining) return;  // Its answer will tell.
    if (const std::optional<Gap> gap = replay.TakeGap()) SendGap(member, *gap);
  };
  const absl::Status status = replay.Take(*page, [&](const EventView& event) {
    if (member.client.full()) return false;
    send_gap();
    const std::optional<std::string> packet =
        room.packets.ForClient(event, page->epoch);
    if (packet.has_value()) {
      member.client.socket.Send(MakeFrame(*packet));
    } else {
      ++unsendable_events_;
    }
    return true;
  });
  send_gap();
  if (!joining) member.cursor = replay.position().offset;
  if (!status.ok()) {
    ReplayFailed(member, status);
    return;
  }
  if (!replay.done()) {
    Enqueue(member);
    return;
  }
  if (joining) {
    FinishJoin(member);
  } else {
    member.DropReplay();
    GoOn(member);
  }
  Advance(member);
}

void RoomApplication::ReplayFailed(Membership& member,
                                   const absl::Status& status) {
  if (member.state == Membership::State::kJoining) {
    RefuseJoin(member, RefusalOf(status));
    Advance(member);
    return;
  }
  if (status.code() == absl::StatusCode::kUnavailable) {
    Stall(member);
    return;
  }
  // Reading again would fail again. So the member learns that it misses
  // something, and goes on from the present.
  const Position from = member.replay->position();
  const Position to = *member.room.position;
  member.DropReplay();
  member.cursor = to.offset;
  SendGap(member, {GapReason::kDamage, from, to});
  GoOn(member);
  Advance(member);
}

void RoomApplication::SendGap(Membership& member, const Gap& gap) {
  const RoomKey& room = member.room.key;
  member.client.socket.Send(
      MakeFrame(GapPacket(room.name_space(), room.room(), gap)));
}

void RoomApplication::StartHistoryRead(
    Client& client, std::shared_ptr<const HistoryPageRead> read) {
  const ClientHistory& wanted = read->request;
  HistoryRequest request;
  request.room = wanted.room;
  request.newest_first = !wanted.after.has_value();
  if (wanted.after.has_value()) request.after = wanted.after->offset;
  if (wanted.before.has_value()) {
    // No event has the offset 0, which the wire takes for "no bound".
    request.before = std::max(wanted.before->offset, Offset(1));
  }
  request.events_max = wanted.limit;
  ++client.reads;
  backplane_.Read(std::move(request),
                  [this, asking = client.weak_from_this(),
                   read = std::move(read)](absl::StatusOr<HistoryPage> page) {
                    const std::shared_ptr<Client> client = asking.lock();
                    if (client == nullptr) return;
                    --client->reads;
                    TakeHistoryPage(*client, read, page);
                    Pump(*client);
                  });
}

void RoomApplication::TakeHistoryPage(
    Client& client, std::shared_ptr<const HistoryPageRead> read,
    const absl::StatusOr<HistoryPage>& page) {
  if (client.full()) {
    // Read again once there is room: holding the page would be a queue too.
    client.waiting.push_front({nullptr, std::move(read)});
    return;
  }
  --client.unanswered;
  if (!page.ok()) {
    client.Answer(read->ack_id, ErrorAnswer(RefusalOf(page.status())));
    return;
  }
  NoteLogHead({page->epoch, page->head});
  const ClientHistory& wanted = read->request;
  for (const std::optional<Position>& given : {wanted.before, wanted.after}) {
    if (given.has_value() && given->epoch != page->epoch) {
      client.Answer(read->ack_id,
                    ErrorAnswer({ErrorCode::kBadOffset,
                                 absl::StrCat("the log began a new life after ",
                                              FormatPosition(*given))}));
      return;
    }
  }

  const RoomPackets packets(wanted.room);
  std::string events;
  bool more = page->more;
  for (size_t i = 0; i < page->events.size(); ++i) {
    const EventView& event = wanted.after.has_value()
                                 ? page->events[i]
                                 : page->events[page->events.size() - 1 - i];
    const size_t size_before = events.size();
    if (size_before > 0) events.push_back(',');
    if (!packets.AppendForHistory(event, page->epoch, &events)) {
      events.resize(size_before);
      ++unsendable_events_;
    } else if (size_before > 0 && events.size() > kHistoryAnswerBytesMax) {
      events.resize(size_before);
      more = true;
      break;
    }
  }

  // Retention took part of what was asked for if it reaches into the range, and
  // reading backward has come to it.
  std::optional<Gap> gap;
  const Offset from =
      wanted.after.has_value() ? wanted.after->offset : Offset(0);
  Offset to = page->trimmed_through;
  if (wanted.before.has_value()) {
    to = std::min(
        to, Offset(std::max<uint64_t>(wanted.before->offset.value(), 1) - 1));
  }
  const bool reached =
      wanted.after.has_value() || (!more && page->events.size() < wanted.limit);
  if (reached && to > from) {
    gap = Gap{GapReason::kRetention, {page->epoch, from}, {page->epoch, to}};
  }
  client.Answer(read->ack_id, HistoryAnswer(events, more, gap));
}

void RoomApplication::Stall(Membership& member) {
  stalled_.push_back(member.weak_from_this());
}

void RoomApplication::OnTick() {
  for (const RoomKey& key : std::exchange(rooms_to_follow_again_, {})) {
    const auto room = rooms_.find(key);
    if (room != rooms_.end() && !room->second->handle.has_value()) {
      Follow(*room->second);
    }
  }
  for (const std::weak_ptr<Membership>& stalled : std::exchange(stalled_, {})) {
    const std::shared_ptr<Membership> member = stalled.lock();
    if (member == nullptr) continue;
    if (member->state == Membership::State::kJoining ||
        member->state == Membership::State::kBehind) {
      Enqueue(*member);
      Pump(member->client);
    }
  }
}

void RoomApplication::OnFollowing(RoomHandle handle, Position head) {
  const auto found = followed_.find(handle);
  if (found == followed_.end()) return;
  Room& room = *found->second;
  FollowLogHead(head);
  if (room.position.has_value() && room.position->epoch != head.epoch) {
    BeginNewEpoch(room, head);
    return;
  }
  // If the room was followed before, its members read what came in between.
  if (!room.position.has_value() || room.position->offset < head.offset) {
    room.position = head;
    room.recent.Reset(head.offset);
    for (Membership* member : room.members) {
      if (member->state == Membership::State::kLive) GoOn(*member);
    }
  }
  AdvanceAll(room);
}

void RoomApplication::OnFollowFailed(RoomHandle handle,
                                     const absl::Status& status) {
  const auto found = followed_.find(handle);
  if (found == followed_.end()) return;
  Room& room = *found->second;
  followed_.erase(found);
  room.handle.reset();
  // Those who are in already stay: they are late, but miss nothing.
  rooms_to_follow_again_.push_back(room.key);
  Refusal refusal = RefusalOf(status);
  if (refusal.code == ErrorCode::kBadRequest) {
    refusal.code = ErrorCode::kBadRoom;
  }
  ForEachMember(room, [&](Membership& member) {
    while (member.state == Membership::State::kOut &&
           !member.requests.empty() &&
           member.requests.front().join.has_value()) {
      RefuseJoin(member, refusal);
    }
    Advance(member);
  });
}

void RoomApplication::OnEvents(absl::Span<const RoomEvent> events) {
  for (const RoomEvent& arrived : events) {
    const auto found = followed_.find(arrived.room);
    if (found == followed_.end()) continue;
    Room& room = *found->second;
    const EventView& event = arrived.event;
    if (!room.position.has_value() || event.offset <= room.position->offset) {
      continue;
    }
    FollowLogHead({room.position->epoch, event.offset});
    const std::optional<std::string> packet =
        room.packets.ForClient(event, room.position->epoch);
    SharedFramePtr frame;
    if (packet.has_value()) {
      frame = MakeFrame(*packet);
    } else {
      ++unsendable_events_;
    }
    for (Membership* member : room.members) {
      if (member->state != Membership::State::kLive ||
          event.offset <= member->cursor) {
        continue;
      }
      if (member->client.full()) {
        // Its queue is long enough; it reads on from here as that drains.
        member->Become(Membership::State::kBehind);
        Enqueue(*member);
        continue;
      }
      if (frame != nullptr) member->client.socket.Send(frame);
      member->cursor = event.offset;
    }
    room.position->offset = event.offset;
    if (room.catching_up == 0) {
      room.recent.Reset(event.offset);
    } else if (frame != nullptr) {
      room.recent.Add(event.offset, std::move(frame), packet->size());
    }
  }
}

void RoomApplication::OnGap(RoomHandle handle, Position /*from*/, Position to,
                            GapReason reason) {
  const auto found = followed_.find(handle);
  if (found == followed_.end()) return;
  Room& room = *found->second;
  FollowLogHead(to);
  if (!room.position.has_value()) return;
  if (room.position->epoch != to.epoch) {
    BeginNewEpoch(room, to);
    return;
  }
  if (to.offset <= room.position->offset) return;
  room.position = to;
  room.recent.Reset(to.offset);
  for (Membership* member : room.members) {
    // Those who are being sent the past will find the gap in the log.
    if (member->state != Membership::State::kLive ||
        member->cursor >= to.offset) {
      continue;
    }
    // The cursor says from where on this member misses something.
    SendGap(*member, {reason, {to.epoch, member->cursor}, to});
    member->cursor = to.offset;
  }
}

void RoomApplication::BeginNewEpoch(Room& room, Position to) {
  const Epoch old_epoch = room.position->epoch;
  room.position = to;
  room.recent.Reset(to.offset);
  for (Membership* member : room.members) {
    const Gap gap{GapReason::kEpoch, {old_epoch, member->cursor}, to};
    switch (member->state) {
      case Membership::State::kOut:
        break;
      case Membership::State::kBehind:
      case Membership::State::kLive:
        SendGap(*member, gap);
        member->DropReplay();
        member->cursor = to.offset;
        member->Become(Membership::State::kLive);
        break;
      case Membership::State::kJoining: {
        // It begins anew. What was sent so far belongs to the old life, and so
        // does what a member who joins anew had before.
        if (member->is_member) SendGap(*member, gap);
        std::optional<Position> lost_from;
        if (member->replay->sent() > 0) lost_from = member->replay->position();
        member->DropReplay();
        member->cursor = to.offset;
        BeginJoin(*member, lost_from);
        break;
      }
    }
  }
  AdvanceAll(room);
}

void RoomApplication::AdvanceAll(Room& room) {
  ForEachMember(room, [this](Membership& member) {
    Client& client = member.client;
    Advance(member);
    Pump(client);
  });
}

void RoomApplication::ForEachMember(
    Room& room, absl::FunctionRef<void(Membership&)> visit) {
  std::vector<std::shared_ptr<Membership>> members;
  members.reserve(room.members.size());
  for (Membership* member : room.members) {
    members.push_back(member->shared_from_this());
  }
  for (const std::shared_ptr<Membership>& member : members) visit(*member);
}

void RoomApplication::NoteLogHead(Position head) {
  if (head.epoch == log_head_.epoch) {
    log_head_.offset = std::max(log_head_.offset, head.offset);
  }
}

void RoomApplication::FollowLogHead(Position head) {
  if (head.epoch != log_head_.epoch) log_head_ = head;
  NoteLogHead(head);
}

}  // namespace roomlog
