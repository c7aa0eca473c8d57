#include "storage/memory_room_log.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/limits.h"

namespace roomlog {

absl::StatusOr<std::unique_ptr<MemoryRoomLog>> MemoryRoomLog::Open(
    MemoryDisk& disk, MemoryRoomLogOptions options) {
  MemoryDisk::Opening opening;
  absl::Status status = disk.Open(&opening);
  if (!status.ok()) return status;
  std::unique_ptr<MemoryRoomLog> log(
      new MemoryRoomLog(disk, opening, std::move(options)));
  status = log->Start();
  if (!status.ok()) return status;
  return log;
}

MemoryRoomLog::~MemoryRoomLog() {
  // If the disk crashed or is full, the log is simply not closed in order.
  disk_.Write(opening_, MemoryDisk::Closed(), /*sync=*/true).IgnoreError();
  disk_.Close(opening_);
}

absl::Status MemoryRoomLog::Start() {
  absl::MutexLock lock(&mutex_);
  std::optional<MemoryDisk::Opened> last_life;
  bool closed = false;
  for (const MemoryDisk::Record& record : disk_.records()) {
    closed = std::holds_alternative<MemoryDisk::Closed>(record);
    if (const auto* opened = std::get_if<MemoryDisk::Opened>(&record)) {
      if (last_life.has_value() && last_life->epoch != opened->epoch) {
        state_.clear();
      }
      last_life = *opened;
    } else if (const auto* reserved =
                   std::get_if<MemoryDisk::Reserved>(&record)) {
      reserved_through_ = reserved->through;
    } else if (const auto* commit = std::get_if<MemoryDisk::Commit>(&record)) {
      Apply(*commit);
    } else if (const auto* trimmed =
                   std::get_if<MemoryDisk::Trimmed>(&record)) {
      Apply(*trimmed);
    }
  }
  first_offset_ = reserved_through_.Next();

  const bool tail_may_be_lost = last_life.has_value() && !closed &&
                                !last_life->every_commit_synced &&
                                last_life->boot != disk_.boot();
  epoch_ = last_life.has_value() ? last_life->epoch : Epoch(0);
  if (!last_life.has_value() || tail_may_be_lost || disk_.copied()) {
    epoch_ = epoch_.Next();
    state_.clear();
  }
  return disk_.Write(
      opening_,
      MemoryDisk::Opened{epoch_, options_.every_commit_synced, disk_.boot()},
      /*sync=*/true);
}

absl::Status MemoryRoomLog::ReserveThrough(Offset through) {
  absl::MutexLock lock(&mutex_);
  if (through <= reserved_through_) return absl::OkStatus();
  absl::Status status =
      disk_.Write(opening_, MemoryDisk::Reserved{through}, /*sync=*/true);
  if (status.ok()) reserved_through_ = through;
  return status;
}

MemoryRoomLog::Room& MemoryRoomLog::RoomOf(const RoomKey& key) {
  auto [entry, is_new] = ids_.try_emplace(key);
  if (is_new) entry->second = last_room_id_ = last_room_id_.Next();
  Room& room = rooms_[entry->second];
  if (is_new) {
    room.id = entry->second;
    room.key = key;
  }
  return room;
}

absl::StatusOr<RoomHead> MemoryRoomLog::FindRoom(absl::string_view name) {
  const absl::StatusOr<RoomKey> key = RoomKey::Parse(name);
  if (!key.ok()) return key.status();
  absl::MutexLock lock(&mutex_);
  if (rooms_.size() >= kRoomsMax && ids_.count(*key) == 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("there are ", kRoomsMax, " rooms already"));
  }
  const Room& room = RoomOf(*key);
  return RoomHead{.id = room.id,
                  .head = room.head,
                  .trimmed_through = room.trimmed_through,
                  .events = room.events.size(),
                  .bytes = room.bytes};
}

void MemoryRoomLog::Release(RoomId id) {
  absl::MutexLock lock(&mutex_);
  const auto room = rooms_.find(id);
  // A room that lost its events must go on telling that it did.
  if (room == rooms_.end() || room->second.head != Offset()) return;
  ids_.erase(room->second.key);
  rooms_.erase(room);
}

absl::StatusOr<std::optional<Offset>> MemoryRoomLog::FindPublishId(
    RoomId room_id, absl::string_view id) {
  absl::MutexLock lock(&mutex_);
  const auto room = rooms_.find(room_id);
  if (room == rooms_.end() || id.empty()) return std::nullopt;
  const auto& events = room->second.events;
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->id.view() == id) return event->offset;
  }
  return std::nullopt;
}

absl::Status MemoryRoomLog::Check(const LogBatch& batch) const {
  std::map<RoomId, Offset> heads;
  for (const NewEvent& event : batch.events) {
    const auto room = rooms_.find(event.room);
    if (room == rooms_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("there is no room number ", event.room.value()));
    }
    Offset& head =
        heads.try_emplace(event.room, room->second.head).first->second;
    if (event.offset <= head || event.offset > reserved_through_) {
      return absl::InvalidArgumentError(absl::StrCat(
          "offset ", event.offset.value(), " is not between the room's head ",
          head.value(), " and what is reserved, ", reserved_through_.value()));
    }
    head = event.offset;
  }
  return absl::OkStatus();
}

absl::Status MemoryRoomLog::Append(LogBatch* batch, Durability durability) {
  absl::MutexLock lock(&mutex_);
  absl::Status status = Check(*batch);
  if (!status.ok()) return status;
  MemoryDisk::Commit commit;
  commit.time_ms = batch->time_ms;
  commit.answers = batch->answers;
  commit.forgotten_answers = batch->forgotten_answers;
  commit.state = batch->state;
  std::map<RoomId, Offset> heads;
  for (NewEvent& event : batch->events) {
    const Room& room = rooms_.at(event.room);
    Offset& head = heads.try_emplace(event.room, room.head).first->second;
    event.previous = head;
    head = event.offset;
    commit.events.push_back({.room = room.key,
                             .offset = event.offset,
                             .flags = event.flags,
                             .id = std::string(event.id),
                             .packet = std::string(event.packet)});
  }
  status = disk_.Write(opening_, commit, durability == Durability::kSynced);
  if (status.ok()) Apply(commit);
  return status;
}

void MemoryRoomLog::Apply(const MemoryDisk::Commit& commit) {
  for (const MemoryDisk::Commit::Event& event : commit.events) {
    Room& room = RoomOf(event.room);
    room.events.push_back({.offset = event.offset,
                           .previous = room.head,
                           .time_ms = commit.time_ms,
                           .flags = event.flags,
                           .id = SharedBytes(event.id),
                           .packet = SharedBytes(event.packet)});
    room.bytes += event.packet.size();
    room.head = event.offset;
  }
  for (const auto& key : commit.forgotten_answers) answers_.erase(key);
  for (const ProducerAnswers& answers : commit.answers) {
    answers_[{answers.producer, answers.first}] = answers;
  }
  for (const StateChange& change : commit.state) {
    if (change.value.has_value()) {
      state_[change.key] = *change.value;
    } else {
      state_.erase(change.key);
    }
  }
}

void MemoryRoomLog::Apply(const MemoryDisk::Trimmed& trimmed) {
  Room& room = RoomOf(trimmed.room);
  while (!room.events.empty() &&
         room.events.front().offset <= trimmed.through) {
    room.bytes -= room.events.front().packet.size();
    room.events.pop_front();
  }
  room.trimmed_through = trimmed.through;
}

absl::Status MemoryRoomLog::Sync() { return disk_.Sync(opening_); }

absl::Status MemoryRoomLog::LoadAnswers(
    absl::FunctionRef<void(ProducerAnswers)> each) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [key, answers] : answers_) each(answers);
  return absl::OkStatus();
}

absl::Status MemoryRoomLog::LoadState(
    absl::FunctionRef<absl::Status(absl::string_view, absl::string_view)>
        each) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [key, value] : state_) {
    absl::Status status = each(key, value);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> MemoryRoomLog::TrimRoom(const Room& room,
                                               int64_t now_ms) {
  const Retention& retention = options_.retention.For(room.key);
  if (room.events.empty()) return 0;
  if (!retention.Exceeded(room.events.size(), room.bytes) &&
      !retention.Outlived(room.events.front().time_ms, now_ms)) {
    return 0;
  }
  size_t gone = 0;
  uint64_t bytes = room.bytes;
  for (const Event& event : room.events) {
    if (room.events.size() - gone <= retention.events_max &&
        bytes <= retention.bytes_max &&
        event.time_ms >= retention.ExpiredBefore(now_ms)) {
      break;
    }
    bytes -= event.packet.size();
    ++gone;
  }
  if (gone == 0) return 0;
  const MemoryDisk::Trimmed trimmed = {room.key, room.events[gone - 1].offset};
  absl::Status status = disk_.Write(opening_, trimmed, /*sync=*/false);
  if (!status.ok()) return status;
  Apply(trimmed);
  return gone;
}

absl::StatusOr<size_t> MemoryRoomLog::Trim(int64_t now_ms, size_t rooms_max) {
  absl::MutexLock lock(&mutex_);
  // Rooms over their bounds first; then one after the other.
  std::vector<const Room*> rooms;
  for (const auto& [id, room] : rooms_) {
    if (rooms.size() < rooms_max && options_.retention.For(room.key).Exceeded(
                                        room.events.size(), room.bytes)) {
      rooms.push_back(&room);
    }
  }
  for (size_t i = 0; i < rooms_.size() && rooms.size() < rooms_max; ++i) {
    auto next = rooms_.upper_bound(trimmed_last_);
    if (next == rooms_.end()) next = rooms_.begin();
    trimmed_last_ = next->first;
    rooms.push_back(&next->second);
  }
  size_t gone = 0;
  for (const Room* room : rooms) {
    absl::StatusOr<size_t> trimmed = TrimRoom(*room, now_ms);
    if (!trimmed.ok()) return trimmed.status();
    gone += *trimmed;
  }
  return gone;
}

absl::StatusOr<ReadPage> MemoryRoomLog::Read(const ReadQuery& query) const {
  absl::MutexLock lock(&mutex_);
  ReadPage page;
  const auto id = ids_.find(query.room);
  if (id == ids_.end()) return page;
  const Room& room = rooms_.at(id->second);
  page.head = room.head;
  page.trimmed_through = room.trimmed_through;
  const int64_t expired_before =
      options_.retention.For(room.key).ExpiredBefore(query.now_ms);
  for (const Event& event : room.events) {
    if (event.time_ms < expired_before) page.trimmed_through = event.offset;
  }
  std::vector<const Event*> matching;  // In the order of the query.
  for (const Event& event : room.events) {
    if (event.offset > page.trimmed_through && event.offset > query.after &&
        event.offset < query.before && event.time_ms >= query.since_ms) {
      matching.push_back(&event);
    }
  }
  const bool newest_first =
      query.direction == ReadQuery::Direction::kNewestFirst;
  if (newest_first) std::reverse(matching.begin(), matching.end());

  size_t bytes = 0;
  for (const Event* event : matching) {
    bytes += event->packet.size();
    if (page.events.size() >= query.events_max ||
        (!page.events.empty() && bytes > query.bytes_max)) {
      page.more = true;
      break;
    }
    if (disk_.IsDamaged(event->offset)) {
      return absl::DataLossError(
          absl::StrCat("event ", event->offset.value(), " of ", room.key.room(),
                       " in the memory disk is damaged"));
    }
    EventView view;
    view.offset = event->offset;
    view.previous = event->previous;
    view.time_ms = event->time_ms;
    view.flags = event->flags;
    view.id = event->id.view();
    view.packet = event->packet.view();
    page.events.push_back(view);
    page.bytes.push_back(event->id);
    page.bytes.push_back(event->packet);
  }
  if (newest_first) std::reverse(page.events.begin(), page.events.end());
  return page;
}

}  // namespace roomlog
