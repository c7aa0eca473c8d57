#include "sessions/session_table.h"

#include <algorithm>
#include <cassert>

#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "base/presence_limits.h"
#include "base/room_key.h"
#include "sessions/session_check.h"
#include "sessions/session_rows.h"

namespace roomlog {
namespace {

absl::Status NoSuchSession() {
  return absl::NotFoundError("there is no such session, or no more");
}

// What the room of the record's owner is told; the caller says of what.
SessionNoticeToSend Notice(const proto::SessionRecord& record,
                           proto::SessionNotice notice) {
  notice.set_name_space(record.name_space());
  notice.set_private_id(record.private_id());
  notice.set_socket_id(record.socket_id());
  notice.set_claim(record.claim());
  return {RoomKey::Make(kNodeNamespace, record.notice_room())->text(),
          notice.SerializeAsString()};
}

proto::SessionRecord ParseKept(const std::string& bytes) {
  proto::SessionRecord record;
  const bool parsed = record.ParseFromString(bytes);
  assert(parsed);
  (void)parsed;
  return record;
}

}  // namespace

std::string SessionTable::OwnerRow(const Gone& gone) {
  proto::SessionOwnerRow row;
  row.set_gone_ms(gone.at_ms);
  row.set_said_goodbye(gone.said_goodbye);
  return row.SerializeAsString();
}

SessionTable::SessionTable(size_t sessions_max) : sessions_max_(sessions_max) {}

absl::Status SessionTable::Load(absl::string_view key,
                                absl::string_view value) {
  const std::string bytes(value);
  if (const std::optional<ProducerId> owner = OwnerOfRow(key)) {
    proto::SessionOwnerRow row;
    if (row.ParseFromString(bytes)) {
      SetGoneInMemory(*owner, Gone{row.gone_ms(), row.said_goodbye()});
      return absl::OkStatus();
    }
  } else {
    proto::SessionRecord record;
    if (record.ParseFromString(bytes) && CheckSessionRecord(record).ok() &&
        SessionRowKey(record.name_space(), record.private_id()) == key) {
      SetInMemory(std::string(key), record, bytes);
      return absl::OkStatus();
    }
  }
  return absl::DataLossError("a row of the sessions is damaged");
}

std::vector<ProducerId> SessionTable::Owners() const {
  std::vector<ProducerId> owners;
  for (const auto& [id, owner] : owners_) {
    if (!owner.gone.has_value()) owners.push_back(id);
  }
  std::sort(owners.begin(), owners.end());
  return owners;
}

absl::StatusOr<std::string> SessionTable::Apply(ProducerId owner,
                                                absl::string_view operation,
                                                Offset offset, int64_t now_ms,
                                                Effects* effects) {
  proto::SessionOperation parsed;
  if (!parsed.ParseFromArray(operation.data(),
                             static_cast<int>(operation.size()))) {
    return absl::InvalidArgumentError("a malformed session's operation");
  }
  absl::Status status = CheckSessionOperation(parsed);
  if (!status.ok()) return status;
  if (parsed.has_open()) return Open(owner, parsed, offset, effects);

  const auto found =
      sessions_.find(SessionRowKey(parsed.name_space(), parsed.private_id()));
  if (found == sessions_.end()) return NoSuchSession();
  const Session& session = **found;
  if (session.deadline_ms != kNoDeadline && session.deadline_ms <= now_ms) {
    return NoSuchSession();
  }
  const std::string key = session.key;
  proto::SessionRecord record = ParseKept(session.record);
  if (parsed.has_restore()) {
    // Who guessed or stole its id does not even learn that it is there. A user
    // that was never proven opens no session that is.
    const std::string proven = record.user_unproven() ? "" : record.user();
    if (parsed.restore().user() != proven) return NoSuchSession();
    return Restore(owner, parsed, &record, effects);
  }
  if (record.claim() != parsed.claim() || session.owner != owner) {
    return absl::FailedPreconditionError(
        "fenced: the session was restored by another since");
  }
  switch (parsed.operation_case()) {
    case proto::SessionOperation::kChange:
      status = Change(parsed.change(), &record);
      if (!status.ok()) return status;
      break;
    case proto::SessionOperation::kDetach:
      if (record.detached_ms() != 0) return std::string();
      record.set_detached_ms(std::max<int64_t>(now_ms, 1));
      // One in doubt stays so until it was answered.
      if (parsed.detach().answered_at_once() ||
          (parsed.detach().resent_nothing() && !record.is_in_doubt())) {
        record.clear_resent_now_from();
      }
      break;
    default:
      EndSession(key, effects);
      return std::string();
  }
  PutSession(key, record, effects);
  return std::string();
}

absl::StatusOr<std::string> SessionTable::Open(
    ProducerId owner, const proto::SessionOperation& operation, Offset offset,
    Effects* effects) {
  const proto::OpenSession& open = operation.open();
  std::string key =
      SessionRowKey(operation.name_space(), operation.private_id());
  if (sessions_.contains(key)) {
    return absl::InvalidArgumentError("the session is open already");
  }
  if (sessions_.size() >= sessions_max_) {
    return absl::OutOfRangeError(
        absl::StrCat("there are ", sessions_max_, " sessions already"));
  }
  proto::SessionRecord record;
  record.set_socket_id(open.socket_id());
  record.set_private_id(operation.private_id());
  record.set_name_space(operation.name_space());
  for (const std::string& name : open.rooms()) {
    proto::SessionRoom* const room = record.add_rooms();
    room->set_name(name);
    room->set_from(offset.value());
  }
  record.set_data(open.data());
  record.set_window_ms(open.window_ms());
  record.set_opened_at(offset.value());
  record.set_owner(owner.value());
  record.set_claim(operation.claim());
  record.set_notice_room(open.notice_room());
  record.set_user(open.user());
  record.set_user_unproven(open.user_unproven());
  absl::Status status = CheckSessionRecord(record);
  if (!status.ok()) return status;
  PutSession(std::move(key), record, effects);
  return std::string();
}

absl::Status SessionTable::Change(const proto::ChangeSession& change,
                                  proto::SessionRecord* record) {
  auto& rooms = *record->mutable_rooms();
  const auto leave = [&rooms](const std::string& name) {
    rooms.erase(std::remove_if(rooms.begin(), rooms.end(),
                               [&](const proto::SessionRoom& room) {
                                 return room.name() == name;
                               }),
                rooms.end());
  };
  for (const std::string& name : change.leaves()) leave(name);
  for (const proto::SessionRoom& join : change.joins()) {
    leave(join.name());
    *rooms.Add() = join;
  }
  if (change.has_data()) record->set_data(change.data());
  return CheckSessionRecord(*record);
}

std::string SessionTable::Restore(ProducerId owner,
                                  const proto::SessionOperation& operation,
                                  proto::SessionRecord* record,
                                  Effects* effects) {
  const proto::RestoreSession& restore = operation.restore();
  proto::SessionNotice fenced;
  fenced.set_fenced(true);
  effects->notices.push_back(Notice(*record, std::move(fenced)));
  record->set_owner(owner.value());
  record->set_claim(operation.claim());
  record->set_notice_room(restore.notice_room());
  record->set_detached_ms(0);
  record->set_is_absent(false);
  // Whoever comes twice with one offset after something was sent again to it
  // may have got part of that; nobody knows, and the node is told so.
  auto& doubtful = *record->mutable_resent_from();
  if (!record->resent_now_from().empty()) {
    *doubtful.Add() = std::move(*record->mutable_resent_now_from());
  }
  const auto earlier =
      std::find(doubtful.begin(), doubtful.end(), restore.offset());
  const bool came_again = earlier != doubtful.end();
  if (came_again) doubtful.erase(earlier);
  if (doubtful.size() > kDoubtfulOffsetsMax) doubtful.erase(doubtful.begin());
  record->set_is_in_doubt(came_again);
  if (came_again || restore.breakable()) {
    record->set_resent_now_from(restore.offset());
  } else {
    record->clear_resent_now_from();
  }
  PutSession(SessionRowKey(record->name_space(), record->private_id()), *record,
             effects);
  return record->SerializeAsString();
}

void SessionTable::OwnerGone(ProducerId id, bool said_goodbye, int64_t now_ms,
                             Effects* effects) {
  const auto found = owners_.find(id);
  if (found == owners_.end() || found->second.gone.has_value()) return;
  SetGone(id, Gone{now_ms, said_goodbye}, effects);
}

void SessionTable::OwnerBack(ProducerId id, int64_t now_ms, Effects* effects) {
  const auto found = owners_.find(id);
  if (found == owners_.end() || !found->second.gone.has_value()) return;
  // Their windows must not seem to run on. Nobody is told: the owner hears of
  // it when it names them.
  std::vector<std::string> over;
  for (const Session* session : found->second.sessions) {
    if (session->deadline_ms <= now_ms) over.push_back(session->key);
  }
  std::sort(over.begin(), over.end());
  for (const std::string& key : over) EndSession(key, effects);
  // With the last of them its row went.
  if (owners_.contains(id)) SetGone(id, std::nullopt, effects);
}

size_t SessionTable::Expire(int64_t now_ms, size_t most, Effects* effects) {
  size_t ended = 0;
  for (; ended < most && !by_deadline_.empty(); ++ended) {
    const Session& session = **by_deadline_.begin();
    if (session.deadline_ms > now_ms) break;
    const proto::SessionRecord record = ParseKept(session.record);
    proto::SessionNotice expired;
    expired.set_expired(true);
    expired.set_data(record.data());
    effects->notices.push_back(Notice(record, std::move(expired)));
    EndSession(std::string(session.key), effects);
  }
  return ended;
}

std::optional<int64_t> SessionTable::next_deadline_ms() const {
  if (by_deadline_.empty()) return std::nullopt;
  return (*by_deadline_.begin())->deadline_ms;
}

size_t SessionTable::SettleMembers(int64_t now_ms, size_t most,
                                   Effects* effects) {
  size_t settled = 0;
  for (; settled < most && !by_settling_.empty(); ++settled) {
    const Session& session = **by_settling_.begin();
    if (session.settles_ms > now_ms) break;
    proto::SessionRecord record = ParseKept(session.record);
    record.set_is_absent(!record.is_absent());
    PutSession(std::string(session.key), record, effects);
  }
  return settled;
}

std::optional<int64_t> SessionTable::next_settling_ms() const {
  if (by_settling_.empty()) return std::nullopt;
  return (*by_settling_.begin())->settles_ms;
}

void SessionTable::ForEachMember(
    absl::FunctionRef<void(MemberChange)> each) const {
  for (const std::unique_ptr<Session>& session : sessions_) {
    if (session->is_absent) continue;
    const proto::SessionRecord record = ParseKept(session->record);
    each(*MemberChangeBetween(nullptr, &record));
  }
}

// ---- Changes that Undo() takes back ----

void SessionTable::PutSession(std::string key,
                              const proto::SessionRecord& record,
                              Effects* effects) {
  std::string bytes = record.SerializeAsString();
  std::optional<ProducerId> previous_owner;
  Before& before = before_.emplace_back();
  before.key = key;
  std::optional<proto::SessionRecord> previous;
  if (const auto found = sessions_.find(key); found != sessions_.end()) {
    before.value = (*found)->record;
    previous_owner = (*found)->owner;
    previous = ParseKept((*found)->record);
  }
  if (std::optional<MemberChange> change = MemberChangeBetween(
          previous.has_value() ? &*previous : nullptr, &record)) {
    effects->members.push_back(*std::move(change));
  }
  SetInMemory(key, record, bytes);
  effects->rows.push_back({std::move(key), std::move(bytes)});
  if (previous_owner.has_value()) ForgetOwnerIfIdle(*previous_owner, effects);
}

void SessionTable::EndSession(const std::string& key, Effects* effects) {
  const auto found = sessions_.find(key);
  assert(found != sessions_.end());
  const ProducerId owner = (*found)->owner;
  const proto::SessionRecord record = ParseKept((*found)->record);
  if (std::optional<MemberChange> change =
          MemberChangeBetween(&record, nullptr)) {
    effects->members.push_back(*std::move(change));
  }
  before_.push_back({key, (*found)->record});
  effects->rows.push_back({key, std::nullopt});
  EraseInMemory(key);
  ForgetOwnerIfIdle(owner, effects);
}

void SessionTable::SetGone(ProducerId id, std::optional<Gone> gone,
                           Effects* effects) {
  const Owner& owner = owners_.at(id);
  Before& before = before_.emplace_back();
  before.key = OwnerRowKey(id);
  if (owner.gone.has_value()) before.value = OwnerRow(*owner.gone);
  StateChange& row = effects->rows.emplace_back();
  row.key = before.key;
  if (gone.has_value()) row.value = OwnerRow(*gone);
  SetGoneInMemory(id, gone);
}

void SessionTable::ForgetOwnerIfIdle(ProducerId id, Effects* effects) {
  const auto found = owners_.find(id);
  if (found == owners_.end() || !found->second.sessions.empty()) return;
  if (found->second.gone.has_value()) SetGone(id, std::nullopt, effects);
  owners_.erase(id);
}

void SessionTable::Undo() {
  for (auto before = before_.rbegin(); before != before_.rend(); ++before) {
    if (const std::optional<ProducerId> owner = OwnerOfRow(before->key)) {
      std::optional<Gone> gone;
      proto::SessionOwnerRow row;
      if (before->value.has_value() && row.ParseFromString(*before->value)) {
        gone = Gone{row.gone_ms(), row.said_goodbye()};
      }
      SetGoneInMemory(*owner, gone);
    } else if (before->value.has_value()) {
      const proto::SessionRecord record = ParseKept(*before->value);
      SetInMemory(before->key, record, *std::move(before->value));
    } else {
      EraseInMemory(before->key);
    }
  }
  before_.clear();
  // Those that came only with what was taken back.
  absl::erase_if(
      owners_, [](const auto& entry) { return entry.second.sessions.empty(); });
}

void SessionTable::Written() { before_.clear(); }

// ---- Memory ----

void SessionTable::SetInMemory(const std::string& key,
                               const proto::SessionRecord& record,
                               std::string bytes) {
  auto found = sessions_.find(key);
  if (found == sessions_.end()) {
    auto added = std::make_unique<Session>();
    added->key = key;
    added->key.shrink_to_fit();
    found = sessions_.insert(std::move(added)).first;
  } else {
    Session& old = **found;
    ClearDeadlines(old);
    owners_.at(old.owner).sessions.erase(&old);
  }
  Session& session = **found;
  bytes.shrink_to_fit();
  session.record = std::move(bytes);
  session.owner = ProducerId(record.owner());
  session.detached_ms = record.detached_ms();
  session.window_ms = static_cast<int64_t>(record.window_ms());
  session.is_absent = record.is_absent();
  Owner& owner = owners_[session.owner];
  owner.sessions.insert(&session);
  SetDeadlines(session, owner.gone);
}

void SessionTable::EraseInMemory(const std::string& key) {
  const auto found = sessions_.find(key);
  Session& session = **found;
  ClearDeadlines(session);
  owners_.at(session.owner).sessions.erase(&session);
  sessions_.erase(found);
}

void SessionTable::SetGoneInMemory(ProducerId id, std::optional<Gone> gone) {
  Owner& owner = owners_[id];
  owner.gone = gone;
  for (Session* session : owner.sessions) SetDeadlines(*session, gone);
}

void SessionTable::ClearDeadlines(Session& session) {
  if (session.deadline_ms != kNoDeadline) by_deadline_.erase(&session);
  session.deadline_ms = kNoDeadline;
  if (session.settles_ms != kNoDeadline) by_settling_.erase(&session);
  session.settles_ms = kNoDeadline;
}

void SessionTable::SetDeadlines(Session& session,
                                const std::optional<Gone>& gone) {
  ClearDeadlines(session);
  session.settles_ms = SettlingOf(session, gone);
  if (session.settles_ms != kNoDeadline) by_settling_.insert(&session);
  std::optional<int64_t> since;
  if (gone.has_value()) since = gone->at_ms;
  if (session.detached_ms != 0) {
    since = since.has_value() ? std::min(*since, session.detached_ms)
                              : session.detached_ms;
  }
  if (!since.has_value()) return;
  session.deadline_ms = *since + session.window_ms;
  by_deadline_.insert(&session);
}

int64_t SessionTable::SettlingOf(const Session& session,
                                 const std::optional<Gone>& gone) {
  const int64_t grace_ms = absl::ToInt64Milliseconds(kPresenceGrace);
  std::optional<int64_t> leaves;
  if (session.detached_ms != 0) leaves = session.detached_ms + grace_ms;
  if (gone.has_value()) {
    const int64_t with_owner =
        gone->at_ms + (gone->said_goodbye ? grace_ms : 0);
    leaves = std::min(leaves.value_or(with_owner), with_owner);
  }
  if (leaves.has_value() == session.is_absent) return kNoDeadline;
  return leaves.value_or(0);  // Its owner is back: it is a member at once.
}

}  // namespace roomlog
