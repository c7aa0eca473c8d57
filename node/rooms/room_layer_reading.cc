// How RoomLayer reads the log for who is not live: see room_layer.h.
#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "node/rooms/gap.h"
#include "node/rooms/room_layer.h"

namespace roomlog {

void RoomLayer::GoOn(Membership& member) {
  if (member.cursor >= member.room.position->offset) {
    member.Become(Membership::State::kLive);
  } else {
    member.Become(Membership::State::kBehind);
    Enqueue(member);
  }
}

void RoomLayer::Enqueue(Membership& member) {
  if (member.waiting || member.reading) return;
  member.waiting = true;
  member.client.waiting.push_back({&member, nullptr});
}

void RoomLayer::Pump(RoomClient& client) {
  while (!client.waiting.empty() && client.reads < kReadsPerClientMax &&
         !client.full()) {
    RoomClient::Work work = std::move(client.waiting.front());
    client.waiting.pop_front();
    if (work.member != nullptr) {
      work.member->waiting = false;
      WorkOn(*work.member);
    } else {
      work.read();
    }
  }
}

void RoomLayer::WorkOn(Membership& member) {
  if (member.state == Membership::State::kJoining) {
    StartReplayRead(member);
    return;
  }
  if (member.state != Membership::State::kBehind) return;
  Room& room = member.room;
  if (member.cursor >= room.recent.floor()) {
    member.DropReplay();
    room.recent.ForEachAfter(
        member.cursor, [&](const RecentFrames::Held& event) {
          if (member.client.full()) return false;
          if (Audience(event.envelope.get(), room.key, rooms_)
                  .Includes(member.client)) {
            member.client.Send(event.frames);
          }
          member.cursor = event.offset;
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

void RoomLayer::StartReplayRead(Membership& member) {
  RoomClient& client = member.client;
  ++client.reads;
  member.reading = true;
  backplane_.Read(
      member.replay->NextRead(),
      [this, asking = client.weak_from_this(),
       reading = member.weak_from_this(),
       read = ++member.reads_begun](absl::StatusOr<HistoryPage> page) {
        const std::shared_ptr<RoomClient> client = asking.lock();
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

void RoomLayer::TakeReplayPage(Membership& member,
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
    const RoomPackets::Rendered rendered =
        room.packets.Render(event, page->epoch);
    if (!rendered.frames.empty()) {
      if (Audience(rendered.envelope.get(), room.key, rooms_)
              .Includes(member.client)) {
        member.client.Send(rendered.frames);
      }
    } else if (rendered.envelope == nullptr) {
      ++unsendable_events_;
    }  // Else it was for the nodes, and has had its time.
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

void RoomLayer::ReplayFailed(Membership& member, const absl::Status& status) {
  if (member.state == Membership::State::kJoining) {
    RefuseJoin(member, status);
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

void RoomLayer::SendGap(Membership& member, const Gap& gap) {
  const RoomKey& room = member.room.key;
  member.client.socket.Send(
      MakeFrame(GapPacket(room.name_space(), room.room(), gap)));
}

void RoomLayer::ReadHistory(SocketWire& socket, HistoryQuery query,
                            HistoryDone done) {
  RoomClient* const client = FindClient(socket);
  if (client == nullptr) return;
  if (client->asks_too_much()) {
    std::move(done)(
        absl::ResourceExhaustedError("too many requests are unanswered"));
    return;
  }
  ++client->unanswered;
  client->waiting.push_back(
      {nullptr,
       [this, client, query = std::make_shared<const HistoryQuery>(query),
        done = std::make_shared<HistoryDone>(std::move(done))] {
         StartHistoryRead(*client, query, done);
       }});
  Pump(*client);
}

void RoomLayer::ReadHistory(HistoryQuery query, HistoryDone done) {
  HistoryRequest request = RequestFor(query);
  backplane_.Read(std::move(request),
                  [this, query = std::move(query), done = std::move(done)](
                      absl::StatusOr<HistoryPage> page) mutable {
                    if (!page.ok()) {
                      std::move(done)(page.status());
                      return;
                    }
                    NoteLogHead({page->epoch, page->head});
                    std::move(done)(AnswerFor(query, *page));
                  });
}

void RoomLayer::StartHistoryRead(RoomClient& client,
                                 std::shared_ptr<const HistoryQuery> query,
                                 std::shared_ptr<HistoryDone> done) {
  ++client.reads;
  backplane_.Read(
      RequestFor(*query), [this, asking = client.weak_from_this(), query,
                           done](absl::StatusOr<HistoryPage> page) {
        const std::shared_ptr<RoomClient> client = asking.lock();
        if (client == nullptr) return;
        --client->reads;
        if (client->full()) {
          // Read again once there is room: holding the page would be a queue
          // too.
          client->waiting.push_front(
              {nullptr, [this, client = client.get(), query, done] {
                 StartHistoryRead(*client, query, done);
               }});
        } else if (!page.ok()) {
          --client->unanswered;
          std::move (*done)(page.status());
        } else {
          --client->unanswered;
          NoteLogHead({page->epoch, page->head});
          absl::StatusOr<HistoryAnswer> answer = AnswerFor(*query, *page);
          if (answer.ok()) unsendable_events_ += answer->left_out;
          std::move (*done)(std::move(answer));
        }
        Pump(*client);
      });
}

void RoomLayer::Stall(Membership& member) {
  stalled_.push_back(member.weak_from_this());
}

}  // namespace roomlog
