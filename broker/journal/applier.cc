#include "broker/journal/applier.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/limits.h"
#include "base/presence_limits.h"
#include "base/presence_room.h"
#include "base/room_key.h"
#include "base/user_room.h"
#include "proto/events.pb.h"

namespace roomlog {
namespace {

// How much one TidyUp() trims: so many rooms at a time, so often.
constexpr size_t kRoomsTrimmedAtOnce = 1024;
constexpr int kTrimsAtOnce = 4;

uint64_t EventsIn(const std::vector<JournalEntry>& entries) {
  uint64_t count = 0;
  for (const JournalEntry& entry : entries) {
    if (const auto* batch =
            std::get_if<std::shared_ptr<const PublishBatch>>(&entry)) {
      // A session's operation may bring a notice, which takes one more.
      const uint64_t each = (*batch)->has_session_operations ? 2 : 1;
      count += each * (*batch)->events.size();
    }
  }
  return count;
}

// The name of a room, which is "<namespace>\0<room>", without its namespace.
absl::string_view InNamespace(absl::string_view room_text) {
  return room_text.substr(room_text.find('\0') + 1);
}

bool HasInquiry(const std::vector<JournalEntry>& entries, size_t begin,
                size_t end) {
  return std::any_of(entries.begin() + begin, entries.begin() + end,
                     [](const JournalEntry& entry) {
                       return std::holds_alternative<RoomInquiry>(entry);
                     });
}

// The same of one node's.
bool HasInquiryOf(NodeNumber node, const std::vector<JournalEntry>& entries,
                  size_t begin, size_t end) {
  return std::any_of(entries.begin() + begin, entries.begin() + end,
                     [node](const JournalEntry& entry) {
                       const auto* inquiry = std::get_if<RoomInquiry>(&entry);
                       return inquiry != nullptr && inquiry->node == node;
                     });
}

// Adds `run` to `runs`, as part of the last one if it simply goes on.
void AddRun(PublishedRun run, std::vector<PublishedRun>* runs) {
  if (!runs->empty()) {
    PublishedRun& last = runs->back();
    const bool goes_on =
        !last.duplicate && !run.duplicate && last.status.ok() &&
        run.status.ok() && last.session.empty() && run.session.empty() &&
        last.first_offset.value() + last.count == run.first_offset.value();
    if (goes_on || (!run.status.ok() && run.status == last.status)) {
      last.count += run.count;
      return;
    }
  }
  runs->push_back(std::move(run));
}

}  // namespace

struct Applier::Pending {
  LogBatch log;
  Commit commit;
  // For each of commit.answers: where its runs begin that are not repeated.
  std::vector<size_t> new_runs_begin;
  // The publish ids that this commit brings, by room.
  absl::flat_hash_map<std::pair<RoomId, absl::string_view>, Offset> ids;
  // The producers in this commit, with the last number it takes of each.
  absl::flat_hash_map<ProducerId, PublishNumber> through;
  // Rooms that have no events yet; their numbers are dropped if it fails.
  std::vector<RoomId> new_rooms;
  // Ephemeral events, whose `previous` is the room's head before this commit,
  // and what they borrow from.
  std::vector<NewEvent> ephemeral;
  std::vector<NewEvent> notices;  // The same, but only if all is written.
  std::vector<std::shared_ptr<const PublishBatch>> ephemeral_batches;
  // What sessions bring about, and the entries of owners in it.
  SessionTable::Effects sessions;
  std::vector<JournalEntry> owners;
  // How many of `sessions.members` are in `log` as events.
  size_t members_told = 0;
  // The last event that this commit brings of each user's room, and what is to
  // be written of when they end.
  struct UserEvent {
    absl::string_view packet;
    Offset offset;
  };
  absl::flat_hash_map<RoomId, UserEvent> users;
  std::vector<StateChange> user_rows;
  // And of who went offline.
  std::vector<StateChange> seen_rows;
};

Applier::Applier(RoomLog& log, Durability durability, PresenceRules presence)
    : log_(log),
      durability_(durability),
      next_offset_(log.first_offset()),
      reserved_through_(Offset(log.first_offset().value() - 1)),
      sessions_(kSessionsMax),
      presence_(std::move(presence)) {
  assert(log.first_offset() > Offset());
}

absl::Status Applier::Open() {
  absl::Status status = log_.LoadAnswers(
      [this](ProducerAnswers answers) { producers_.Load(std::move(answers)); });
  if (!status.ok()) return status;
  status =
      log_.LoadState([this](absl::string_view key, absl::string_view value) {
        if (UserExpiries::IsRow(key)) return user_expiries_.Load(key, value);
        if (LastSeen::IsRow(key)) return last_seen_.Load(key, value);
        return sessions_.Load(key, value);
      });
  if (!status.ok()) return status;
  sessions_.ForEachMember([this](const MemberChange& member) {
    presence_.Load(member);
    last_seen_.LoadMember(member);
  });
  return status;
}

void Applier::TellMembers(std::vector<JournalResult>* results) const {
  MembersChanged told;
  told.through = Offset(next_offset_.value() - 1);
  const auto tell_if_full = [&] {
    if (told.changes.size() + told.seen.size() < kMembersLoadedAtOnce) return;
    told.is_complete = false;
    results->push_back(std::exchange(told, {{}, {}, told.through}));
  };
  last_seen_.ForEachRow([&](StateChange row) {
    told.seen.push_back(std::move(row));
    tell_if_full();
  });
  sessions_.ForEachMember([&](MemberChange member) {
    told.changes.push_back(std::move(member));
    tell_if_full();
  });
  results->push_back(std::move(told));
}

void Applier::Apply(std::vector<JournalEntry> entries, int64_t now_ms,
                    std::vector<JournalResult>* results) {
  last_time_ms_ = std::max(last_time_ms_, now_ms);
  const uint64_t events = EventsIn(entries);
  if (events > 0) {
    // If it failed, what has no reserved offset is not written.
    reserved_ = ReserveOffsets(events);
    // That it went well says nothing of the disk: most often nothing was to do.
    if (!reserved_.ok()) NotePublishing(reserved_, results);
  }
  Pending pending;
  // Whoever asks for a head hears it after every event that it covers, so the
  // order of the questions among the publishes of others does not matter.
  size_t answered = 0;
  const auto answer_through = [&](size_t end) {
    for (; answered < end; ++answered) {
      const JournalEntry& entry = entries[answered];
      if (const auto* inquiry = std::get_if<RoomInquiry>(&entry)) {
        results->push_back(Answer(*inquiry));
      } else if (const auto* release = std::get_if<RoomRelease>(&entry)) {
        Release(*release);
      }
    }
  };
  bool has_owners = !owners_to_note_.empty();
  for (const JournalEntry& owner : std::exchange(owners_to_note_, {})) {
    TakeOwner(owner, &pending);
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    if (std::holds_alternative<OwnerGone>(entries[i]) ||
        std::holds_alternative<OwnerBack>(entries[i])) {
      has_owners = true;
      TakeOwner(entries[i], &pending);
    }
    const auto* batch =
        std::get_if<std::shared_ptr<const PublishBatch>>(&entries[i]);
    if (batch == nullptr) continue;
    if ((*batch)->ephemeral_request != 0) {
      // But an ephemeral event is for those who asked before it.
      if (HasInquiry(entries, answered, i)) {
        Write(&pending, results);
        pending = Pending();
        answer_through(i);
      }
      TakeEphemeral(*batch, &pending);
      continue;
    }
    if (((*batch)->has_session_operations &&
         HasInquiry(entries, answered, i)) ||
        HasInquiryOf((*batch)->node, entries, answered, i)) {
      // And so is a notice. And who joins a room and then speaks in it hears
      // that: the head that it is told must not cover it.
      Write(&pending, results);
      pending = Pending();
      answer_through(i);
    }
    const auto taken = pending.through.find((*batch)->producer);
    if (taken != pending.through.end() &&
        (*batch)->first_number <= taken->second) {
      // Part of it is in this very commit: write that, then repeat its answers.
      Write(&pending, results);
      pending = Pending();
    }
    Take(*batch, &pending);
    if (pending.log.events.size() >= 2 * kEventsPerCommitMax) {
      // Sessions that are in many rooms with a feed.
      Write(&pending, results);
      pending = Pending();
    }
  }
  Write(&pending, results);
  if (has_owners) SettleMembers(results);
  answer_through(entries.size());
}

absl::StatusOr<RoomHead> Applier::FindRoom(absl::string_view name) {
  absl::StatusOr<RoomHead> head = log_.FindRoom(name);
  if (absl::IsResourceExhausted(head.status())) {
    // Not to be confused with a full disk, which passes.
    return absl::OutOfRangeError(head.status().message());
  }
  return head;
}

absl::Status Applier::ReserveOffsets(uint64_t count) {
  const uint64_t needed = next_offset_.value() - 1 + count;
  if (needed <= reserved_through_.value()) return absl::OkStatus();
  const Offset through(needed + kOffsetsPerReservation);
  absl::Status status = log_.ReserveThrough(through);
  if (status.ok()) reserved_through_ = through;
  return status;
}

void Applier::Take(const std::shared_ptr<const PublishBatch>& batch,
                   Pending* pending) {
  const ProducerId producer = batch->producer;
  producers_.Settle(producer, batch->answered_through, &forgotten_answers_);
  const auto taken = pending->through.find(producer);
  // What its node gave up and needs no answer of counts, too.
  PublishNumber through = producers_.Through(producer);
  if (taken != pending->through.end()) {
    through = std::max(through, taken->second);
  }
  BatchAnswer answer;
  answer.node = batch->node;
  answer.events = static_cast<uint32_t>(batch->events.size());
  answer.bytes = batch->packets.size();
  if (batch->first_number > through.Next()) {
    answer.expected = through.Next();
    pending->commit.answers.push_back(std::move(answer));
    pending->new_runs_begin.push_back(0);
    return;
  }
  const uint64_t count = batch->events.size();
  const uint64_t repeated =
      std::min(count, through.Next().value() - batch->first_number.value());
  if (repeated > 0) {
    producers_.Repeat(producer, batch->first_number,
                      static_cast<uint32_t>(repeated), &answer.runs);
  }
  pending->new_runs_begin.push_back(answer.runs.size());
  if (repeated < count) {
    const size_t new_runs_begin = answer.runs.size();
    std::vector<PublishedRun> runs;
    for (size_t i = repeated; i < count; ++i) {
      AddRun(TakeEvent(*batch, i, pending), &runs);
    }
    answer.runs.insert(answer.runs.begin() + new_runs_begin, runs.begin(),
                       runs.end());
    pending->through[producer] =
        PublishNumber(batch->first_number.value() + count - 1);
    pending->commit.batches.push_back(batch);
  }
  pending->commit.answers.push_back(std::move(answer));
}

void Applier::TakeEphemeral(const std::shared_ptr<const PublishBatch>& batch,
                            Pending* pending) {
  BatchAnswer answer;
  answer.node = batch->node;
  answer.events = static_cast<uint32_t>(batch->events.size());
  answer.bytes = batch->packets.size();
  answer.ephemeral_request = batch->ephemeral_request;
  answer.ephemeral_rooms.reserve(batch->events.size());
  for (const EventView& event : batch->events) {
    RoomId& room_id = answer.ephemeral_rooms.emplace_back();
    const absl::StatusOr<RoomHead> room = FindRoom(batch->rooms[event.room]);
    if (!room.ok()) {
      answer.ephemeral_status.Update(room.status());
      continue;
    }
    if (!inquiries_.contains(room->id)) {
      ReleaseUnused(room->id, *pending);
      continue;
    }
    room_id = room->id;
    NewEvent handed_on;
    handed_on.room = room->id;
    handed_on.offset = next_offset_;
    handed_on.flags = event.flags;
    handed_on.packet = event.packet;
    handed_on.previous = room->head;
    pending->ephemeral.push_back(handed_on);
    next_offset_ = next_offset_.Next();
  }
  pending->ephemeral_batches.push_back(batch);
  pending->commit.answers.push_back(std::move(answer));
  pending->new_runs_begin.push_back(0);
}

PublishedRun Applier::TakeEvent(const PublishBatch& batch, size_t index,
                                Pending* pending) {
  const EventView& event = batch.events[index];
  PublishedRun run;
  run.first_number = PublishNumber(batch.first_number.value() + index);
  run.count = 1;
  if ((event.flags & proto::EVENT_FLAG_SESSION) != 0) {
    return TakeSession(batch, index, pending);
  }
  const absl::string_view room_name = batch.rooms[event.room];
  const bool is_user = (event.flags & proto::EVENT_FLAG_USER) != 0;
  if (presence_.is_kept() && IsPresenceRoom(InNamespace(room_name))) {
    run.status = absl::InvalidArgumentError(
        "only the broker says who comes and goes in a room");
    return run;
  }
  if (!is_user && IsUserRoom(InNamespace(room_name))) {
    run.status = absl::InvalidArgumentError(
        "only the broker says what becomes of a user");
    return run;
  }
  const absl::StatusOr<RoomHead> room = FindRoom(room_name);
  if (!room.ok()) {
    run.status = room.status();
    return run;
  }
  if (!event.id.empty()) {
    std::optional<Offset> first;
    const auto key = std::make_pair(room->id, event.id);
    if (const auto it = pending->ids.find(key); it != pending->ids.end()) {
      first = it->second;
    } else {
      absl::StatusOr<std::optional<Offset>> found =
          log_.FindPublishId(room->id, event.id);
      if (!found.ok()) {
        run.status = found.status();
        return run;
      }
      first = *found;
    }
    if (first.has_value()) {
      run.first_offset = *first;
      run.duplicate = true;
      return run;
    }
  }
  NewEvent appended;
  appended.room = room->id;
  appended.offset = next_offset_;
  appended.flags = event.flags;
  appended.id = event.id;
  appended.packet = event.packet;
  if (is_user) {
    const absl::StatusOr<absl::string_view> packet =
        TakeUser(*room, room_name, event.packet, pending);
    if (!packet.ok()) {
      run.status = packet.status();
      if (!inquiries_.contains(room->id)) ReleaseUnused(room->id, *pending);
      return run;
    }
    appended.flags = proto::EVENT_FLAG_ROOM_APPLICATION;
    appended.packet = *packet;
  }
  if (room->head == Offset() && room->trimmed_through == Offset()) {
    pending->new_rooms.push_back(room->id);
  }
  if (!event.id.empty()) {
    pending->ids.emplace(std::make_pair(room->id, event.id), next_offset_);
  }
  run.first_offset = next_offset_;
  pending->log.events.push_back(appended);
  next_offset_ = next_offset_.Next();
  return run;
}

PublishedRun Applier::TakeSession(const PublishBatch& batch, size_t index,
                                  Pending* pending) {
  PublishedRun run;
  run.first_number = PublishNumber(batch.first_number.value() + index);
  run.count = 1;
  absl::StatusOr<std::string> answer =
      sessions_.Apply(batch.producer, batch.events[index].packet, next_offset_,
                      last_time_ms_, &pending->sessions);
  if (!answer.ok()) {
    run.status = answer.status();
    return run;
  }
  run.session = *std::move(answer);
  run.first_offset = next_offset_;
  next_offset_ = next_offset_.Next();
  AddNotices(pending);
  AddComingsAndGoings(pending);
  return run;
}

absl::StatusOr<absl::string_view> Applier::TakeUser(const RoomHead& room,
                                                    absl::string_view room_name,
                                                    absl::string_view operation,
                                                    Pending* pending) {
  const absl::StatusOr<UserRecord> record = FindUser(room, room_name, *pending);
  if (!record.ok()) return record.status();
  absl::StatusOr<UserChange> change =
      ChangeUser(*record, room_name.substr(0, room_name.find('\0')),
                 UserOfRoom(InNamespace(room_name)), operation, last_time_ms_);
  if (!change.ok()) return change.status();
  user_expiries_.Set(room_name, change->expires_ms, &pending->user_rows);
  pending->commit.notices.push_back(std::move(change->packet));
  const absl::string_view packet = pending->commit.notices.back();
  pending->users[room.id] = {packet, next_offset_};
  return packet;
}

absl::StatusOr<UserRecord> Applier::FindUser(const RoomHead& room,
                                             absl::string_view room_name,
                                             const Pending& pending) const {
  if (const auto it = pending.users.find(room.id); it != pending.users.end()) {
    return ParseUserEvent(it->second.packet, it->second.offset);
  }
  if (room.events == 0) return UserRecord();
  absl::StatusOr<RoomKey> key = RoomKey::Parse(room_name);
  if (!key.ok()) return key.status();
  ReadQuery last;
  last.room = *std::move(key);
  last.direction = ReadQuery::Direction::kNewestFirst;
  last.events_max = 1;
  last.bytes_max = kPacketBytesMax;
  last.now_ms = last_time_ms_;
  const absl::StatusOr<ReadPage> page = log_.Read(last);
  if (!page.ok()) return page.status();
  if (page->events.empty()) return UserRecord();
  const EventView& event = page->events.back();
  return ParseUserEvent(event.packet, event.offset);
}

void Applier::TakeOwner(const JournalEntry& change, Pending* pending) {
  if (const auto* gone = std::get_if<OwnerGone>(&change)) {
    sessions_.OwnerGone(gone->producer, gone->said_goodbye, last_time_ms_,
                        &pending->sessions);
  } else {
    sessions_.OwnerBack(std::get<OwnerBack>(change).producer, last_time_ms_,
                        &pending->sessions);
  }
  AddComingsAndGoings(pending);
  pending->owners.push_back(change);
}

void Applier::ReleaseUnused(RoomId room, const Pending& pending) {
  if (std::find(pending.new_rooms.begin(), pending.new_rooms.end(), room) ==
      pending.new_rooms.end()) {
    log_.Release(room);
  }
}

void Applier::AddNotices(Pending* pending) {
  for (SessionNoticeToSend& notice : pending->sessions.notices) {
    const absl::StatusOr<RoomHead> room = FindRoom(notice.room);
    if (!room.ok()) continue;
    if (!inquiries_.contains(room->id)) {
      ReleaseUnused(room->id, *pending);
      continue;
    }
    pending->commit.notices.push_back(std::move(notice.packet));
    NewEvent told;
    told.room = room->id;
    told.offset = next_offset_;
    told.flags = proto::EVENT_FLAG_EPHEMERAL;
    told.packet = pending->commit.notices.back();
    told.previous = room->head;
    pending->notices.push_back(told);
    next_offset_ = next_offset_.Next();
  }
  pending->sessions.notices.clear();
}

void Applier::AddComingsAndGoings(Pending* pending) {
  const std::vector<MemberChange>& members = pending->sessions.members;
  std::vector<PresenceFeed::Event> events;
  for (; pending->members_told < members.size(); ++pending->members_told) {
    presence_.Apply(members[pending->members_told], &events);
    last_seen_.Apply(members[pending->members_told], last_time_ms_,
                     &pending->seen_rows);
  }
  for (PresenceFeed::Event& event : events) {
    const absl::StatusOr<RoomHead> room = FindRoom(event.room);
    if (!room.ok()) continue;  // The log holds no more rooms.
    if (room->head == Offset() && room->trimmed_through == Offset()) {
      pending->new_rooms.push_back(room->id);
    }
    pending->commit.notices.push_back(std::move(event.packet));
    NewEvent told;
    told.room = room->id;
    told.offset = next_offset_;
    told.flags = proto::EVENT_FLAG_ROOM_APPLICATION;
    told.packet = pending->commit.notices.back();
    pending->log.events.push_back(told);
    next_offset_ = next_offset_.Next();
  }
}

void Applier::ExpireSessions(std::vector<JournalResult>* results) {
  const std::optional<int64_t> next = sessions_.next_deadline_ms();
  const bool is_over = next.has_value() && *next <= last_time_ms_;
  if (!is_over && owners_to_note_.empty()) return;
  reserved_ = ReserveOffsets(kSessionsExpiredPerCallMax);
  if (!reserved_.ok()) {
    NotePublishing(reserved_, results);
    return;
  }
  Pending pending;
  for (const JournalEntry& owner : std::exchange(owners_to_note_, {})) {
    TakeOwner(owner, &pending);
  }
  sessions_.Expire(last_time_ms_, kSessionsExpiredPerCallMax,
                   &pending.sessions);
  AddNotices(&pending);
  AddComingsAndGoings(&pending);
  Write(&pending, results);
}

void Applier::ExpireUsers(std::vector<JournalResult>* results) {
  if (!user_expiries_.FirstDue(last_time_ms_).has_value()) return;
  reserved_ = ReserveOffsets(kUserStatesExpiredPerCallMax);
  if (!reserved_.ok()) {
    NotePublishing(reserved_, results);
    return;
  }
  Pending pending;
  for (size_t i = 0; i < kUserStatesExpiredPerCallMax; ++i) {
    const std::optional<std::string> name =
        user_expiries_.FirstDue(last_time_ms_);
    if (!name.has_value()) break;
    user_expiries_.Set(*name, 0, &pending.user_rows);
    const absl::StatusOr<RoomHead> room = FindRoom(*name);
    // One that cannot be read is not told to be over; whoever asks for it
    // hears what is wrong.
    if (!room.ok()) continue;
    const absl::StatusOr<UserRecord> record = FindUser(*room, *name, pending);
    // Nor one that has come back with an earlier state, whose row is not its
    // own.
    if (!record.ok() || record->state.empty() ||
        record->IsThere(last_time_ms_)) {
      continue;
    }
    pending.commit.notices.push_back(UserExpiredPacket(
        name->substr(0, name->find('\0')), UserOfRoom(InNamespace(*name))));
    NewEvent over;
    over.room = room->id;
    over.offset = next_offset_;
    over.flags = proto::EVENT_FLAG_ROOM_APPLICATION;
    over.packet = pending.commit.notices.back();
    pending.log.events.push_back(over);
    next_offset_ = next_offset_.Next();
  }
  Write(&pending, results);
}

void Applier::SettleMembers(std::vector<JournalResult>* results) {
  const std::optional<int64_t> next = sessions_.next_settling_ms();
  if (!next.has_value() || *next > last_time_ms_) return;
  // Whoever waits to be noted comes first.
  if (!owners_to_note_.empty()) return;
  Pending pending;
  // Each may be in many rooms with a feed: no more than a commit may hold.
  constexpr size_t kAtOnce = 64;
  for (size_t settled = 0; settled < kMembersSettledPerCallMax &&
                           pending.log.events.size() < kEventsPerCommitMax;
       settled += kAtOnce) {
    const size_t some =
        sessions_.SettleMembers(last_time_ms_, kAtOnce, &pending.sessions);
    AddComingsAndGoings(&pending);
    if (some < kAtOnce) break;
  }
  Write(&pending, results);
}

void Applier::Write(Pending* pending, std::vector<JournalResult>* results) {
  if (pending->commit.answers.empty() && pending->sessions.rows.empty() &&
      pending->user_rows.empty() && pending->seen_rows.empty()) {
    return;
  }
  LogBatch& log = pending->log;
  Commit& commit = pending->commit;
  log.time_ms = last_time_ms_;

  // What is remembered for each producer: the new runs of its batches, which
  // follow one another.
  absl::flat_hash_map<ProducerId, size_t> row_of;
  size_t batch_index = 0;
  for (size_t i = 0; i < commit.answers.size(); ++i) {
    const BatchAnswer& answer = commit.answers[i];
    if (answer.runs.size() == pending->new_runs_begin[i]) continue;
    const ProducerId producer = commit.batches[batch_index++]->producer;
    const auto [it, added] = row_of.try_emplace(producer, log.answers.size());
    if (added) {
      log.answers.push_back(
          {producer,
           answer.runs[pending->new_runs_begin[i]].first_number,
           {},
           last_time_ms_});
    }
    for (size_t r = pending->new_runs_begin[i]; r < answer.runs.size(); ++r) {
      const PublishedRun& run = answer.runs[r];
      // One that was refused has no offset: its answer is an error again.
      log.answers[it->second].runs.push_back(
          {run.count, run.first_offset, run.duplicate});
    }
  }

  absl::Status status = absl::OkStatus();
  log.state = std::move(pending->sessions.rows);
  log.state.insert(log.state.end(),
                   std::make_move_iterator(pending->user_rows.begin()),
                   std::make_move_iterator(pending->user_rows.end()));
  log.state.insert(log.state.end(), pending->seen_rows.begin(),
                   pending->seen_rows.end());
  const bool writes =
      !log.events.empty() || !log.answers.empty() || !log.state.empty();
  // How many events a session's operation brings is known only now.
  if (next_offset_.value() - 1 > reserved_through_.value()) {
    reserved_ = ReserveOffsets(0);
  }
  const bool are_reserved =
      next_offset_.value() - 1 <= reserved_through_.value();
  if (writes) {
    if (!are_reserved) {
      status = reserved_;
    } else {
      log.forgotten_answers = forgotten_answers_;
      status = log_.Append(&log, durability_);
      if (status.ok()) forgotten_answers_.clear();
    }
    NotePublishing(status, results);
  }
  for (ProducerAnswers& answers : log.answers) {
    producers_.Add(std::move(answers), status);
  }
  if (status.ok()) {
    sessions_.Written();
    presence_.Written();
    user_expiries_.Written();
    last_seen_.Written();
    if (!pending->sessions.members.empty()) {
      results->push_back(MembersChanged{std::move(pending->sessions.members),
                                        std::move(pending->seen_rows),
                                        Offset(next_offset_.value() - 1)});
    }
    commit.time_ms = log.time_ms;
    commit.events = std::move(log.events);
    pending->ephemeral.insert(pending->ephemeral.end(),
                              pending->notices.begin(), pending->notices.end());
    std::sort(pending->ephemeral.begin(), pending->ephemeral.end(),
              [](const NewEvent& a, const NewEvent& b) {
                return a.offset < b.offset;
              });
  } else {
    sessions_.Undo();
    presence_.Undo();
    user_expiries_.Undo();
    last_seen_.Undo();
    owners_to_note_.insert(owners_to_note_.end(), pending->owners.begin(),
                           pending->owners.end());
    for (size_t i = 0; i < commit.answers.size(); ++i) {
      std::vector<PublishedRun>& runs = commit.answers[i].runs;
      for (size_t r = pending->new_runs_begin[i]; r < runs.size(); ++r) {
        runs[r].duplicate = false;
        runs[r].first_offset = Offset();
        runs[r].session.clear();
        runs[r].status = status;
      }
    }
    for (const RoomId room : pending->new_rooms) {
      if (!inquiries_.contains(room)) log_.Release(room);
    }
    commit.batches.clear();
  }
  if (!pending->ephemeral_batches.empty() || !pending->ephemeral.empty())
    AddEphemeral(pending, are_reserved);
  results->push_back(std::make_shared<const Commit>(std::move(commit)));
}

void Applier::AddEphemeral(Pending* pending, bool are_reserved) {
  Commit& commit = pending->commit;
  if (!are_reserved) {
    // Their offsets would be used again after a restart.
    for (BatchAnswer& answer : commit.answers) {
      if (answer.ephemeral_request == 0) continue;
      answer.ephemeral_rooms.assign(answer.events, RoomId());
      answer.ephemeral_status = reserved_;
    }
    return;
  }
  commit.time_ms = last_time_ms_;
  commit.batches.insert(commit.batches.end(),
                        pending->ephemeral_batches.begin(),
                        pending->ephemeral_batches.end());
  const size_t logged = commit.events.size();
  commit.events.insert(commit.events.end(), pending->ephemeral.begin(),
                       pending->ephemeral.end());
  std::inplace_merge(
      commit.events.begin(), commit.events.begin() + logged,
      commit.events.end(),
      [](const NewEvent& a, const NewEvent& b) { return a.offset < b.offset; });
  absl::flat_hash_map<RoomId, Offset> last;  // Of this commit, in the log.
  for (NewEvent& event : commit.events) {
    if ((event.flags & proto::EVENT_FLAG_EPHEMERAL) == 0) {
      last[event.room] = event.offset;
    } else if (const auto it = last.find(event.room); it != last.end()) {
      event.previous = it->second;
    }
  }
}

RoomsFound Applier::Answer(const RoomInquiry& inquiry) {
  RoomsFound found;
  found.node = inquiry.node;
  found.rooms.reserve(inquiry.rooms.size());
  for (size_t i = 0; i < inquiry.rooms.size(); ++i) {
    RoomsFound::Room room;
    room.handle = inquiry.handles[i];
    absl::StatusOr<RoomHead> head = FindRoom(inquiry.rooms[i]);
    if (head.ok()) {
      room.head = *head;
      ++inquiries_[head->id];
    } else {
      room.status = head.status();
    }
    found.rooms.push_back(std::move(room));
  }
  return found;
}

void Applier::Release(const RoomRelease& release) {
  for (const RoomId room : release.rooms) {
    const auto it = inquiries_.find(room);
    if (it == inquiries_.end()) continue;
    if (--it->second > 0) continue;
    inquiries_.erase(it);
    log_.Release(room);
  }
}

void Applier::NotePublishing(const absl::Status& status,
                             std::vector<JournalResult>* results) {
  if (status == publishing_) return;
  publishing_ = status;
  results->push_back(PublishingState{status});
}

bool Applier::TidyUp(int64_t now_ms, std::vector<JournalResult>* results) {
  last_time_ms_ = std::max(last_time_ms_, now_ms);
  if (!publishing_.ok()) {
    const Offset through(reserved_through_.value() + kOffsetsPerReservation);
    absl::Status status = log_.ReserveThrough(through);
    if (status.ok()) reserved_through_ = through;
    NotePublishing(status, results);
  }
  if (!told_owners_) {
    told_owners_ = true;
    std::vector<ProducerId> owners = sessions_.Owners();
    if (!owners.empty()) results->push_back(OwnersFound{std::move(owners)});
  }
  if (!publishing_.ok()) return false;
  SettleMembers(results);
  ExpireSessions(results);
  ExpireUsers(results);
  bool trims_on = false;
  for (int i = 0; i < kTrimsAtOnce; ++i) {
    const absl::StatusOr<size_t> gone =
        log_.Trim(last_time_ms_, kRoomsTrimmedAtOnce);
    // Damage in old events is no reason not to take new ones: whoever reads
    // them is told.
    if (!gone.ok() && !absl::IsDataLoss(gone.status())) {
      NotePublishing(gone.status(), results);
    }
    trims_on = gone.ok() && *gone > 0;
    if (!gone.ok() || *gone < kTrimmedEventsPerCallMax / 2) break;
  }
  producers_.Expire(last_time_ms_ - absl::ToInt64Milliseconds(kProducerMemory),
                    &forgotten_answers_);
  const std::optional<int64_t> settles = sessions_.next_settling_ms();
  return trims_on || (settles.has_value() && *settles <= last_time_ms_);
}

}  // namespace roomlog
