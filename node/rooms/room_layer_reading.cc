// How RoomLayer reads the past that joins and queries ask for: see
// room_layer.h.
#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "node/rooms/gap.h"
#include "node/rooms/room_layer.h"

namespace roomlog {

void RoomLayer::EnqueueReplay(Membership& member) {
  if (member.waiting || member.reading) return;
  member.waiting = true;
  member.client.waiting.push_back([this, waiting = member.weak_from_this()] {
    const std::shared_ptr<Membership> member = waiting.lock();
    if (member == nullptr || member->removed) return;
    member->waiting = false;
    if (member->replay.has_value()) StartReplayRead(*member);
  });
}

void RoomLayer::Pump(RoomClient& client) {
  while (!client.waiting.empty() && client.reads < kReadsPerClientMax &&
         !client.full()) {
    absl::AnyInvocable<void()> read = std::move(client.waiting.front());
    client.waiting.pop_front();
    read();
  }
}

void RoomLayer::StartReplayRead(Membership& member) {
  RoomClient& client = member.client;
  ++client.reads;
  member.reading = true;
  reads_.Read(member.replay->NextRead(),
              [this, asking = client.weak_from_this(),
               reading = member.weak_from_this(), read = ++member.reads_begun](
                  const absl::StatusOr<HistoryPage>& page) {
                const std::shared_ptr<RoomClient> client = asking.lock();
                if (client == nullptr || client->is_removed) return;
                --client->reads;
                const std::shared_ptr<Membership> member = reading.lock();
                if (member != nullptr && !member->removed &&
                    member->reads_begun == read) {
                  member->reading = false;
                  TakeReplayPage(*member, page);
                  if (client->is_removed) return;
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
  RoomClient& client = member.client;
  Room& room = member.room;
  if (page->epoch != room.position->epoch) {
    // The log began a new life; the backplane is about to say so.
    stalled_joins_.push_back(member.weak_from_this());
    return;
  }
  Replay& replay = *member.replay;
  if (log_head_.epoch == page->epoch) replay.NoteLogHead(log_head_.offset);
  const absl::Status status = replay.Take(*page, [&](const EventView& event) {
    if (client.full()) return false;
    RoomPackets::Rendered rendered = room.packets.Render(event, page->epoch);
    if (rendered.frames.empty() && rendered.envelope == nullptr) {
      ++unsendable_events_;
    }  // Else it may have been for the nodes, and has had its time.
    SendTo(member, rendered.envelope.get(), rendered.frames);
    return true;
  });
  if (!status.ok()) {
    ReplayFailed(member, status);
  } else if (client.collection != nullptr) {
    GoOn(client);
  } else if (!replay.done()) {
    EnqueueReplay(member);
  } else {
    FinishJoin(member);
    if (!member.removed) Advance(member);
  }
}

void RoomLayer::ReplayFailed(Membership& member, const absl::Status& status) {
  RoomClient& client = member.client;
  if (client.collection == nullptr) {
    RefuseJoin(member, status);
    if (!member.removed) Advance(member);
    return;
  }
  if (status.code() == absl::StatusCode::kUnavailable) {
    stalled_joins_.push_back(member.weak_from_this());
    return;
  }
  // An offset beyond the log was not beyond it when the client joined.
  SendGap(member,
          {status.code() == absl::StatusCode::kOutOfRange ? GapReason::kEpoch
                                                          : GapReason::kDamage,
           member.replay->position(), *member.room.position});
  GoOn(client);
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
      [this, client, query = std::make_shared<const HistoryQuery>(query),
       done = std::make_shared<HistoryDone>(std::move(done))] {
        StartHistoryRead(*client, query, done);
      });
  Pump(*client);
}

void RoomLayer::ReadHistory(HistoryQuery query, HistoryDone done) {
  HistoryRequest request = RequestFor(query);
  reads_.Read(std::move(request),
              [this, query = std::move(query), done = std::move(done)](
                  const absl::StatusOr<HistoryPage>& page) mutable {
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
  reads_.Read(RequestFor(*query), [this, asking = client.weak_from_this(),
                                   query, done](
                                      const absl::StatusOr<HistoryPage>& page) {
    const std::shared_ptr<RoomClient> client = asking.lock();
    if (client == nullptr || client->is_removed) return;
    --client->reads;
    if (client->full()) {
      // Read again once there is room: holding the page would be a queue
      // too.
      client->waiting.push_front([this, client = client.get(), query, done] {
        StartHistoryRead(*client, query, done);
      });
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
    if (!client->is_removed) Pump(*client);
  });
}

}  // namespace roomlog
