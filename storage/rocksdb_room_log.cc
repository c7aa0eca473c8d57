#include "storage/rocksdb_room_log.h"

#include <rocksdb/cache.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <cassert>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "proto/log.pb.h"
#include "storage/log_keys.h"
#include "storage/log_life.h"
#include "storage/log_reader.h"
#include "storage/rocksdb_status.h"
#include "storage/state_rows.h"

namespace roomlog {
namespace {

// docs/log-format.md. A newer minor version only adds what we may ignore.
constexpr uint32_t kFormatMajor = 1;
constexpr uint32_t kFormatMinor = 1;

// Fewer events per room, and a commit is first written as it is.
constexpr size_t kDirectEventsPerRoomMin = 4;
// Written to find out whether the disk takes anything, whatever it says of its
// free space: there may be a quota.
constexpr size_t kProbeBytes = size_t{1} << 20;
constexpr char kProbeFile[] = "/ROOMLOG.probe";

std::string MachineBootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

RocksdbRoomLogOptions WithDefaults(RocksdbRoomLogOptions options) {
  if (options.file_system == nullptr) {
    options.file_system = rocksdb::FileSystem::Default();
  }
  if (options.boot_id.empty()) options.boot_id = MachineBootId();
  return options;
}

LogDatabaseOptions DatabaseOptions(const RocksdbRoomLogOptions& options) {
  return {.directory = options.directory,
          .block_cache_bytes = options.block_cache_bytes,
          .write_buffer_bytes = options.write_buffer_bytes,
          .file_system = options.file_system,
          .block_cache = rocksdb::NewLRUCache(options.block_cache_bytes)};
}

proto::ProducerAnswers ToProto(const ProducerAnswers& answers) {
  proto::ProducerAnswers row;
  row.set_time_ms(answers.time_ms);
  for (const AnswerRun& run : answers.runs) {
    proto::ProducerAnswers::Run* added = row.add_runs();
    added->set_count(run.count);
    added->set_first_offset(run.first_offset.value());
    added->set_duplicate(run.duplicate);
  }
  return row;
}

absl::StatusOr<ProducerAnswers> ParseAnswers(rocksdb::Slice key,
                                             rocksdb::Slice value) {
  const size_t prefix = sizeof(kAnswersKeyPrefix) - 1;
  proto::ProducerAnswers row;
  if (key.size() != prefix + NumberPairKey::kBytes ||
      !row.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return absl::DataLossError("a row of producers' answers is damaged");
  }
  ProducerAnswers answers;
  answers.producer = ProducerId(NumberPairKey::Load(key.data() + prefix));
  answers.first = PublishNumber(NumberPairKey::Load(key.data() + prefix + 8));
  answers.time_ms = row.time_ms();
  answers.runs.reserve(row.runs_size());
  for (const proto::ProducerAnswers::Run& run : row.runs()) {
    answers.runs.push_back({.count = run.count(),
                            .first_offset = Offset(run.first_offset()),
                            .duplicate = run.duplicate()});
  }
  return answers;
}

// Turns a batch round: what it puts is deleted.
class BatchUndoer final : public rocksdb::WriteBatch::Handler {
 public:
  // Leaves packs alone unless `undo_packs`.
  BatchUndoer(const LogDatabase& database, bool undo_packs,
              rocksdb::WriteBatch* undo)
      : database_(database), undo_packs_(undo_packs), undo_(undo) {}

  rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice&) override {
    // What state was is not known from the batch: see PutStateAsItIs().
    if (family == database_.state()->GetID()) return rocksdb::Status::OK();
    if (!undo_packs_ && family == database_.events()->GetID()) {
      return rocksdb::Status::OK();
    }
    for (rocksdb::ColumnFamilyHandle* handle :
         {database_.rows(), database_.events(), database_.publish_ids(),
          database_.commits()}) {
      if (handle->GetID() == family) return undo_->Delete(handle, key);
    }
    return rocksdb::Status::InvalidArgument("an unknown column family");
  }
  rocksdb::Status DeleteCF(uint32_t, const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }
  rocksdb::Status SingleDeleteCF(uint32_t, const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }

 private:
  const LogDatabase& database_;
  const bool undo_packs_;
  rocksdb::WriteBatch* undo_;
};

// For every call on a batch in memory: it fails only if it is used wrongly.
void MustSucceed(const rocksdb::Status& status) {
  assert(status.ok());
  status.PermitUncheckedError();
}

}  // namespace

// ---- Opening ----

RocksdbRoomLog::RocksdbRoomLog(RocksdbRoomLogOptions options)
    : options_(WithDefaults(std::move(options))),
      database_options_(DatabaseOptions(options_)),
      marker_file_(options_.file_system, options_.directory) {}

absl::StatusOr<std::unique_ptr<RocksdbRoomLog>> RocksdbRoomLog::Open(
    RocksdbRoomLogOptions options) {
  std::unique_ptr<RocksdbRoomLog> log(new RocksdbRoomLog(std::move(options)));
  absl::Status status = log->Start();
  if (!status.ok()) {
    // Not in order: it is as it was.
    if (log->stopped_.ok()) log->stopped_ = status;
    return status;
  }
  return log;
}

RocksdbRoomLog::~RocksdbRoomLog() {
  if (database_ == nullptr || !stopped_.ok()) return;
  if (!SettleAll().ok()) return;
  // If this fails, the log is merely not closed in order.
  WriteMeta(reserved_through_, /*closed=*/true).IgnoreError();
}

absl::Status RocksdbRoomLog::MakeDirectory() {
  rocksdb::FileSystem& files = *options_.file_system;
  const rocksdb::IOOptions io;
  if (files.FileExists(options_.directory, io, nullptr).ok()) {
    return absl::OkStatus();
  }
  rocksdb::IOStatus status = files.CreateDir(options_.directory, io, nullptr);
  // Its name must outlive a crash as what is in it does.
  std::unique_ptr<rocksdb::FSDirectory> parent;
  if (status.ok()) {
    status = files.NewDirectory(absl::StrCat(options_.directory, "/.."), io,
                                &parent, nullptr);
  }
  if (status.ok()) status = parent->Fsync(io, nullptr);
  return ToAbslStatus(status, "making the log's directory");
}

absl::Status RocksdbRoomLog::CheckNoRemains() {
  std::vector<std::string> names;
  const rocksdb::IOStatus status = options_.file_system->GetChildren(
      options_.directory, rocksdb::IOOptions(), &names, nullptr);
  if (!status.ok()) return ToAbslStatus(status, "looking into the directory");
  if (std::find(names.begin(), names.end(), "CURRENT") != names.end()) {
    return absl::OkStatus();
  }
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, ".sst")) continue;
    return absl::DataLossError(
        absl::StrCat(options_.directory, " has ", name,
                     ", but neither ROOMLOG nor CURRENT: a log lost them"));
  }
  return absl::OkStatus();
}

absl::Status RocksdbRoomLog::Start() {
  absl::Status status = MakeDirectory();
  if (!status.ok()) return status;
  absl::StatusOr<std::optional<LogMarker>> marker = marker_file_.Read();
  if (!marker.ok() && !absl::IsDataLoss(marker.status())) {
    return marker.status();
  }
  // A log that has its marker has its database, or has lost it.
  const bool is_new = marker.ok() && !marker->has_value();
  if (is_new) status = CheckNoRemains();
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<LogDatabase>> database =
      LogDatabase::Open(database_options_, /*create=*/is_new);
  if (!database.ok()) return database.status();
  database_ = *std::move(database);
  options_.file_system
      ->DeleteFile(absl::StrCat(options_.directory, kProbeFile),
                   rocksdb::IOOptions(), nullptr)
      .PermitUncheckedError();  // Most often it is not there.
  if (marker.ok() && marker->has_value()) marker_ = **marker;

  FoundLog found;
  found.boot_id = options_.boot_id;
  found.lost_tail = database_->lost_tail();
  if (marker.ok()) found.marker = *marker;
  if (found.marker.has_value()) {
    absl::StatusOr<FileIdentity> identity = marker_file_.Identity();
    if (!identity.ok()) return identity.status();
    found.identity = *identity;
  }
  status = ReadMeta(&found.meta);
  if (status.ok()) status = LoadRooms();
  if (!status.ok()) return status;
  if (!found.meta.has_value() && rooms_.size() > 0) {
    return absl::DataLossError(absl::StrCat(
        options_.directory, " has rooms, but not the row of the whole log"));
  }
  // ROOMLOG, wherever it comes from, knows what is to be taken away. That comes
  // first: whoever looks for the end of a room must not find it.
  if (!marker_.void_ranges.empty()) {
    status = UndoCommits();
    if (status.ok()) status = UndoPacks();
    if (status.ok()) status = UndoAnswers();
    if (status.ok()) status = WriteUndo();
  }
  if (status.ok()) status = LoadCommits();
  if (!status.ok()) return status;

  const LogLife life = DecideLife(found, absl::ToUnixMillis(options_.now));
  epoch_ = life.epoch;
  new_epoch_reason_ = life.new_epoch_reason;
  reserved_through_ = life.reserved_through;
  if (found.lost_tail || !found.marker.has_value()) {
    // What was reserved may be lost; what was used is not.
    for (size_t i = 0; i < rooms_.size(); ++i) {
      status = LoadHead(&rooms_.at(i));
      if (!status.ok()) return status;
      reserved_through_ = std::max(reserved_through_, rooms_.at(i).head);
    }
  }
  first_offset_ = reserved_through_.Next();
  return BeginLife();
}

absl::Status RocksdbRoomLog::BeginLife() {
  absl::Status status = SettleAll();
  if (!status.ok()) return status;
  // Files may hold rows of commits that are long deleted: none is wanted.
  database_->set_staged_from(first_offset_);
  // A new life has a new marker, whose identity no copy shares. The database
  // comes first: were it the older one, that would be taken for a loss.
  const bool is_new_life = !new_epoch_reason_.empty();
  marker_ = LogMarker();
  marker_.epoch = epoch_;
  marker_.reserved_through = reserved_through_;
  if (is_new_life) {
    // Until the marker is made, the database is of a file that is no more.
    identity_ = FileIdentity();
    batch_.Clear();
    status = ToAbslStatus(DropState(*database_, &batch_), "dropping state");
    if (status.ok()) status = WriteBatch(/*sync=*/true);
    if (!status.ok()) return status;
    status = WriteMeta(reserved_through_, /*closed=*/false);
    if (status.ok()) status = marker_file_.Create(marker_);
  } else {
    status = marker_file_.Overwrite(marker_);
  }
  if (!status.ok()) return status;
  absl::StatusOr<FileIdentity> identity = marker_file_.Identity();
  if (!identity.ok()) return identity.status();
  identity_ = *identity;
  return WriteMeta(reserved_through_, /*closed=*/false);
}

absl::Status RocksdbRoomLog::LoadRooms() {
  std::unique_ptr<rocksdb::Iterator> rows(
      database_->db().NewIterator(rocksdb::ReadOptions(), database_->rows()));
  for (rows->Seek(kRoomKeyPrefix);
       rows->Valid() && rows->key().starts_with(kRoomKeyPrefix); rows->Next()) {
    absl::string_view text = ToView(rows->key());
    text.remove_prefix(sizeof(kRoomKeyPrefix) - 1);
    absl::StatusOr<RoomKey> key = RoomKey::Parse(text);
    proto::RoomRow row;
    if (!key.ok() ||
        !row.ParseFromArray(rows->value().data(),
                            static_cast<int>(rows->value().size())) ||
        row.id() == 0 || rooms_.Find(RoomId(row.id())) != nullptr) {
      return absl::DataLossError(absl::StrCat(
          "a row of the rooms in ", options_.directory, " is damaged"));
    }
    RoomState& room = rooms_.Add(*std::move(key), RoomId(row.id()));
    room.retention = &options_.retention.For(room.key);
    room.has_row = true;
    room.head = Offset(row.head());
    room.trimmed_through = Offset(row.trimmed_through());
    room.trimmed_events = room.events_ever = row.trimmed_events();
    room.trimmed_bytes = room.bytes_ever = row.trimmed_bytes();
    last_room_id_ = std::max(last_room_id_, room.id);
  }
  return ToAbslStatus(rows->status(), "reading the rooms");
}

bool RocksdbRoomLog::IsVoid(Offset offset) const {
  return std::any_of(marker_.void_ranges.begin(), marker_.void_ranges.end(),
                     [&](const LogMarker::VoidRange& range) {
                       return range.first <= offset && offset <= range.last;
                     });
}

absl::Status RocksdbRoomLog::LoadHead(RoomState* room) {
  if (room->head_known) return absl::OkStatus();
  absl::StatusOr<RoomTail> tail = ReadRoomTail(*database_, room->id);
  if (!tail.ok() && !absl::IsDataLoss(tail.status())) return tail.status();
  room->head_known = true;
  if (!tail.ok()) {
    // Who reads the room is told which file it is.
    room->head_damaged = true;
    return absl::OkStatus();
  }
  room->head = std::max(room->head, tail->head);
  room->events_ever = std::max(room->events_ever, tail->events_ever);
  room->bytes_ever = std::max(room->bytes_ever, tail->bytes_ever);
  QueueForTrim(room);
  return absl::OkStatus();
}

absl::Status RocksdbRoomLog::ReadMeta(std::optional<proto::LogMeta>* meta) {
  std::string bytes;
  const rocksdb::Status read = database_->db().Get(
      rocksdb::ReadOptions(), database_->rows(), kMetaKey, &bytes);
  if (read.IsNotFound()) return absl::OkStatus();
  if (!read.ok()) return ToAbslStatus(read, "reading the row of the whole log");
  if (!meta->emplace().ParseFromString(bytes)) {
    return absl::DataLossError("the row of the whole log is damaged");
  }
  if ((*meta)->format_major() > kFormatMajor) {
    return absl::FailedPreconditionError(absl::StrCat(
        options_.directory, " has the format ", (*meta)->format_major(), ".",
        (*meta)->format_minor(), ", which is newer than ", kFormatMajor, ".",
        kFormatMinor, ", all that this version can read"));
  }
  return absl::OkStatus();
}

absl::Status RocksdbRoomLog::ForEachCommit(
    absl::FunctionRef<absl::Status(const CommitRowReader&)> each) {
  std::unique_ptr<rocksdb::Iterator> rows(database_->db().NewIterator(
      rocksdb::ReadOptions(), database_->commits()));
  CommitRowReader row;
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    absl::Status status = row.Read(ToView(rows->key()), ToView(rows->value()));
    if (status.ok()) status = each(row);
    if (!status.ok()) return status;
  }
  return ToAbslStatus(rows->status(), "reading the latest commits");
}

absl::Status RocksdbRoomLog::UndoPacks() {
  EventPackReader pack;
  for (size_t i = 0; i < rooms_.size(); ++i) {
    const RoomState& room = rooms_.at(i);
    // What failed was the last to be written: it is at the ends of its rooms.
    std::unique_ptr<rocksdb::Iterator> packs(database_->db().NewIterator(
        rocksdb::ReadOptions(), database_->events()));
    packs->SeekForPrev(ToSlice(PackKey(room.id, kNoUpperBound).view()));
    for (; packs->Valid(); packs->Prev()) {
      if (!pack.Read(ToView(packs->key()), ToView(packs->value())).ok() ||
          pack.room() != room.id || !IsVoid(pack.first())) {
        break;  // Damage does no harm here: nothing is appended behind it.
      }
      MustSucceed(undo_.Delete(database_->events(), packs->key()));
      UndoIds(pack);
    }
    if (!packs->status().ok() && !packs->status().IsCorruption()) {
      return ToAbslStatus(packs->status(), "reading the ends of rooms");
    }
  }
  return absl::OkStatus();
}

void RocksdbRoomLog::UndoIds(const EventPackReader& pack) {
  for (const EventView& event : pack.events()) {
    if (event.id.empty()) continue;
    MustSucceed(undo_.Delete(database_->publish_ids(),
                             PublishIdKey(pack.room(), event.id)));
  }
}

absl::Status RocksdbRoomLog::UndoCommits() {
  return ForEachCommit([this](const CommitRowReader& row) {
    if (IsVoid(row.first())) UndoCommit(row);
    return absl::OkStatus();
  });
}

absl::Status RocksdbRoomLog::LoadCommits() {
  // Of the rooms in those commits: where they stand without them.
  absl::flat_hash_map<RoomId, Offset> settled;
  return ForEachCommit(
      [&](const CommitRowReader& row) { return LoadCommit(row, &settled); });
}

absl::Status RocksdbRoomLog::LoadCommit(
    const CommitRowReader& row, absl::flat_hash_map<RoomId, Offset>* settled) {
  EventPackReader pack;
  for (const CommitRowReader::Pack& of_room : row.packs()) {
    absl::Status status = pack.Read(of_room.key, of_room.value);
    if (!status.ok()) return status;
    RoomState* room = rooms_.Find(of_room.room);
    if (room == nullptr) {
      return absl::DataLossError(
          absl::StrCat("the commit from offset ", row.first().value(),
                       " has events of a room without a row"));
    }
    status = LoadHead(room);
    if (!status.ok()) return status;
    const auto [through, is_new] = settled->try_emplace(room->id);
    if (is_new && !room->head_damaged) {
      absl::StatusOr<RoomTail> tail = ReadSettledTail(*database_, room->id);
      if (!tail.ok()) return tail.status();
      through->second = tail->head;
    }
    for (const EventView& event : pack.events()) {
      if (event.offset > through->second) staged_.Add(room, event);
    }
  }
  staged_.EndCommit(row.first());
  return absl::OkStatus();
}

void RocksdbRoomLog::UndoCommit(const CommitRowReader& row) {
  MustSucceed(undo_.Delete(database_->commits(), CommitKey(row.first())));
  EventPackReader pack;
  for (const CommitRowReader::Pack& of_room : row.packs()) {
    if (pack.Read(of_room.key, of_room.value).ok()) UndoIds(pack);
  }
}

absl::Status RocksdbRoomLog::UndoAnswers() {
  return LoadAnswers([&](const ProducerAnswers& answers) {
    for (const AnswerRun& run : answers.runs) {
      if (!IsVoid(run.first_offset)) continue;
      MustSucceed(undo_.Delete(database_->rows(),
                               AnswersKey(answers.producer, answers.first)));
      return;
    }
  });
}

// ---- Writing ----

absl::Status RocksdbRoomLog::CheckSpace() {
  const absl::Duration now = clock_.Steady();
  if (now < check_space_at_) return space_;
  check_space_at_ = now + options_.retry_interval;
  uint64_t free_bytes = 0;
  const rocksdb::IOStatus status = options_.file_system->GetFreeSpace(
      options_.directory, rocksdb::IOOptions(), &free_bytes, nullptr);
  space_ = absl::OkStatus();
  if (!status.ok()) {
    space_ = absl::UnavailableError(
        absl::StrCat("asking for free space: ", status.ToString()));
  } else if (free_bytes < options_.disk_reserve_bytes) {
    space_ = absl::ResourceExhaustedError(
        absl::StrCat(options_.directory, ": ", free_bytes,
                     " bytes are free, less than the reserve of ",
                     options_.disk_reserve_bytes));
  }
  return space_;
}

absl::Status RocksdbRoomLog::ProbeSpace() {
  rocksdb::FileSystem& files = *options_.file_system;
  const rocksdb::IOOptions io;
  const std::string path = absl::StrCat(options_.directory, kProbeFile);
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus status =
      files.NewWritableFile(path, rocksdb::FileOptions(), &file, nullptr);
  if (status.ok()) {
    status = file->Append(std::string(kProbeBytes, '\0'), io, nullptr);
  }
  if (status.ok()) {
    const rocksdb::IOStatus allocated =
        file->Allocate(0, options_.write_buffer_bytes, io, nullptr);
    if (!allocated.IsNotSupported()) status = allocated;
  }
  if (status.ok()) status = file->Fsync(io, nullptr);
  if (file != nullptr) {
    file->Close(io, nullptr).PermitUncheckedError();
    files.DeleteFile(path, io, nullptr).PermitUncheckedError();
  }
  return ToAbslStatus(status, path);
}

absl::Status RocksdbRoomLog::EnsureWriting() {
  if (stopped_.ok()) return absl::OkStatus();
  if (!absl::IsResourceExhausted(stopped_)) return stopped_;
  const absl::Duration now = clock_.Steady();
  if (now < retry_at_) return stopped_;
  retry_at_ = now + options_.retry_interval;
  if (!CheckSpace().ok() || !ProbeSpace().ok()) return stopped_;

  // Opened anew, the database writes what its write-ahead log holds into files
  // and begins a new one. So whatever the failed write left is no longer
  // unsure: it is found, and taken away before anybody reads, or it is gone.
  const std::unique_lock lock(database_mutex_);
  if (database_ != nullptr) staged_from_ = database_->staged_from();
  database_.reset();
  absl::StatusOr<std::unique_ptr<LogDatabase>> database =
      LogDatabase::Open(database_options_, /*create=*/false);
  if (!database.ok()) {
    // Not even reading works now; the next call tries again.
    stopped_ = absl::ResourceExhaustedError(database.status().message());
    return stopped_;
  }
  database_ = *std::move(database);
  database_->set_staged_from(staged_from_);
  {
    const std::lock_guard sync_lock(sync_mutex_);
    sync_ = absl::OkStatus();
  }
  if (database_->lost_tail()) {
    stopped_ = absl::UnavailableError(
        "the write-ahead log was damaged after the disk was full: start again");
    return stopped_;
  }
  absl::Status status = LookFor(&settling_);
  if (status.ok()) status = LookFor(&staged_);
  stopped_ =
      status.ok() ? status : absl::ResourceExhaustedError(status.message());
  if (stopped_.ok()) status = WriteUndo();
  // Nobody may read what publishers were told is not there.
  if (!status.ok()) database_.reset();
  return stopped_;
}

absl::Status RocksdbRoomLog::WriteUndo() {
  if (undo_.Count() == 0) return absl::OkStatus();
  batch_ = undo_;
  absl::Status status = WriteBatch(/*sync=*/true);
  if (status.ok()) undo_.Clear();
  return status;
}

absl::Status RocksdbRoomLog::LookFor(StagedCommits* staged) {
  if (staged->empty()) return absl::OkStatus();
  std::string row;
  const rocksdb::Status found =
      database_->db().Get(rocksdb::ReadOptions(), database_->commits(),
                          CommitKey(staged->commits().front()), &row);
  if (!found.ok() && !found.IsNotFound()) {
    return ToAbslStatus(found, "looking for the latest commits");
  }
  // They go all or none.
  if (found.IsNotFound()) ForgetStaged(staged);
  return absl::OkStatus();
}

void RocksdbRoomLog::PutGiven(StagedCommits* staged, size_t events_min) {
  staged->GiveSome(events_min, &pack_writer_,
                   [this](const NumberPairKey& key,
                          absl::Span<const absl::string_view> value) {
                     PutPack(key, value);
                   });
  if (!staged->all_given()) return;
  for (const Offset commit : staged->commits()) {
    MustSucceed(batch_.SingleDelete(database_->commits(), CommitKey(commit)));
  }
}

void RocksdbRoomLog::ForgetStaged(StagedCommits* staged) {
  database_->set_staged_from(staged->commits().back().Next());
  staged->Clear();
}

absl::Status RocksdbRoomLog::Settle(StagedCommits* staged) {
  if (staged->empty()) return absl::OkStatus();
  if (!staged->closed()) staged->Close();
  const size_t given = staged->given();
  batch_.Clear();
  PutGiven(staged, staged->events());
  // Until the next sync a crash of the machine leaves the rows as they are.
  absl::Status status = WriteBatch(/*sync=*/false);
  if (status.ok()) {
    ForgetStaged(staged);
  } else {
    staged->set_given(given);
  }
  return status;
}

absl::Status RocksdbRoomLog::SettleAll() {
  absl::Status status = Settle(&settling_);
  if (status.ok()) status = Settle(&staged_);
  return status;
}

absl::Status RocksdbRoomLog::BeginGeneration() {
  if (!staged_.full(options_.staged_commits_max) && !staged_.closed())
    return absl::OkStatus();
  absl::Status status = Settle(&settling_);  // Most often it is.
  if (!status.ok()) return status;
  std::swap(settling_, staged_);
  if (!settling_.closed()) settling_.Close();
  return absl::OkStatus();
}

absl::Status RocksdbRoomLog::WriteBatch(bool sync) {
  rocksdb::WriteOptions options;
  options.sync = sync;
  const rocksdb::Status written = database_->db().Write(options, &batch_);
  if (written.ok()) return absl::OkStatus();
  absl::Status status = ToAbslStatus(written, "writing the log");
  if (!absl::IsResourceExhausted(status)) {
    // The contract's word, also for damage that was found while compacting.
    status = absl::UnavailableError(status.message());
    if (!options_.every_commit_synced) {
      marker_.unsynced_may_be_lost = true;
      absl::Status noted = marker_file_.Overwrite(marker_);
      if (!noted.ok()) {
        status = absl::UnavailableError(
            absl::StrCat(status.message(), "; and ", noted.message()));
      }
    }
  }
  stopped_ = status;
  retry_at_ = clock_.Steady() + options_.retry_interval;
  check_space_at_ = absl::ZeroDuration();
  return status;
}

absl::Status RocksdbRoomLog::WriteMeta(Offset reserved_through, bool closed) {
  proto::LogMeta meta;
  meta.set_format_major(kFormatMajor);
  meta.set_format_minor(kFormatMinor);
  meta.set_epoch(epoch_.value());
  meta.set_reserved_through(reserved_through.value());
  meta.set_boot_id(options_.boot_id);
  meta.set_inode(identity_.inode);
  meta.set_born_ns(identity_.born_ns);
  meta.set_closed(closed);
  meta.set_every_commit_synced(options_.every_commit_synced);
  batch_.Clear();
  MustSucceed(
      batch_.Put(database_->rows(), kMetaKey, meta.SerializeAsString()));
  return WriteBatch(/*sync=*/true);
}

absl::Status RocksdbRoomLog::ReserveThrough(Offset through) {
  if (through <= reserved_through_) return absl::OkStatus();
  absl::Status status = EnsureWriting();
  // Whoever asks for offsets is told what an Append() would be.
  if (status.ok()) status = CheckSpace();
  if (status.ok()) status = WriteMeta(through, /*closed=*/false);
  if (!status.ok()) return status;
  LogMarker marker = marker_;
  marker.reserved_through = through;
  status = marker_file_.Overwrite(marker);
  if (!status.ok()) return status;
  marker_ = std::move(marker);
  reserved_through_ = through;
  return absl::OkStatus();
}

absl::StatusOr<RoomHead> RocksdbRoomLog::FindRoom(absl::string_view name) {
  if (database_ == nullptr) return stopped_;
  RoomState* room = rooms_.Find(name);
  if (room == nullptr) {
    absl::StatusOr<RoomKey> key = RoomKey::Parse(name);
    if (!key.ok()) return key.status();
    if (rooms_.size() >= kRoomsMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("there are ", kRoomsMax, " rooms already"));
    }
    last_room_id_ = last_room_id_.Next();
    room = &rooms_.Add(*std::move(key), last_room_id_);
    room->retention = &options_.retention.For(room->key);
    room->head_known = true;
  }
  absl::Status status = LoadHead(room);
  if (!status.ok()) return status;
  if (room->head_damaged) {
    return absl::DataLossError(absl::StrCat(
        "the last events of room ", room->key.room(), " in ",
        room->key.name_space(), " are damaged; nothing can follow them"));
  }
  return RoomHead{.id = room->id,
                  .head = room->head,
                  .trimmed_through = room->trimmed_through,
                  .events = room->kept_events(),
                  .bytes = room->kept_bytes()};
}

void RocksdbRoomLog::Release(RoomId id) {
  RoomState* room = rooms_.Find(id);
  if (room == nullptr || room->has_row) return;
  rooms_.Remove(*room);
}

absl::StatusOr<std::optional<Offset>> RocksdbRoomLog::FindPublishId(
    RoomId room_id, absl::string_view id) {
  const RoomState* room = rooms_.Find(room_id);
  if (room == nullptr || id.empty() || room->kept_events() == 0) {
    return std::nullopt;
  }
  if (database_ == nullptr) return stopped_;
  rocksdb::PinnableSlice value;
  const rocksdb::Status found =
      database_->db().Get(rocksdb::ReadOptions(), database_->publish_ids(),
                          PublishIdKey(room_id, id), &value);
  if (found.IsNotFound()) return std::nullopt;
  if (!found.ok()) return ToAbslStatus(found, "looking up a publish id");
  if (value.size() != 8) {
    return absl::DataLossError("a row of publish ids is damaged");
  }
  const Offset offset(NumberPairKey::Load(value.data()));
  if (offset <= room->trimmed_through || offset > room->head) {
    return std::nullopt;
  }
  // Ids that come twice are rare enough to look at the event itself.
  absl::StatusOr<bool> is_there =
      HasEventWithId(*database_, room_id, offset, id);
  if (!is_there.ok()) return is_there.status();
  return *is_there ? std::make_optional(offset) : std::nullopt;
}

absl::Status RocksdbRoomLog::GroupByRoom(LogBatch* batch) {
  advances_.clear();
  next_in_room_.assign(batch->events.size(), 0);
  RoomState* room = nullptr;
  for (uint32_t i = 0; i < batch->events.size(); ++i) {
    NewEvent& event = batch->events[i];
    if (room == nullptr || room->id != event.room) {
      room = rooms_.Find(event.room);
      if (room == nullptr || !room->head_known || room->head_damaged) {
        return absl::InvalidArgumentError(absl::StrCat(
            "nothing can be appended to room number ", event.room.value()));
      }
    }
    const bool is_first = room->batch_place >= advances_.size() ||
                          advances_[room->batch_place].room != room;
    if (is_first) {
      room->batch_place = static_cast<uint32_t>(advances_.size());
      advances_.push_back({.room = room,
                           .head = room->head,
                           .events_ever = room->events_ever,
                           .bytes_ever = room->bytes_ever,
                           .first_event = i,
                           .last_event = i});
    }
    RoomAdvance& advance = advances_[room->batch_place];
    if (event.offset <= advance.head || event.offset > reserved_through_) {
      return absl::InvalidArgumentError(
          absl::StrCat("offset ", event.offset.value(),
                       " is not between the room's head ", advance.head.value(),
                       " and what is reserved, ", reserved_through_.value()));
    }
    event.previous = advance.head;
    advance.head = event.offset;
    if (!is_first) next_in_room_[advance.last_event] = i;
    advance.last_event = i;
  }
  return absl::OkStatus();
}

void RocksdbRoomLog::PutPack(const NumberPairKey& key,
                             absl::Span<const absl::string_view> value) {
  value_parts_.resize(value.size());
  std::transform(value.begin(), value.end(), value_parts_.begin(), ToSlice);
  const rocksdb::Slice key_part = ToSlice(key.view());
  MustSucceed(
      batch_.Put(database_->events(), rocksdb::SliceParts(&key_part, 1),
                 rocksdb::SliceParts(value_parts_.data(),
                                     static_cast<int>(value_parts_.size()))));
}

void RocksdbRoomLog::PutEvents(const LogBatch& batch, bool direct,
                               RoomAdvance* advance) {
  RoomState* room = advance->room;
  uint32_t i = advance->first_event;
  pack_writer_.Begin(room->id, batch.events[i].previous, advance->events_ever,
                     advance->bytes_ever);
  while (true) {
    const NewEvent& event = batch.events[i];
    EventView view;
    view.offset = event.offset;
    view.previous = event.previous;
    view.time_ms = batch.time_ms;
    view.flags = event.flags;
    view.id = event.id;
    view.packet = event.packet;
    pack_writer_.Add(view);
    if (!direct) staged_.Add(room, view);
    if (!event.id.empty()) {
      char offset[8];
      NumberPairKey::Store(event.offset.value(), offset);
      MustSucceed(batch_.Put(database_->publish_ids(),
                             PublishIdKey(room->id, event.id),
                             rocksdb::Slice(offset, sizeof(offset))));
    }
    const bool ended = i == advance->last_event;
    if (ended || pack_writer_.full()) {
      if (direct) {
        PutPack(pack_writer_.key(), pack_writer_.Finish());
      } else {
        commit_row_.Add(pack_writer_.key(), pack_writer_.Finish());
      }
    }
    if (ended) break;
    if (pack_writer_.full()) pack_writer_.BeginNext();
    i = next_in_room_[i];
  }
  advance->events_ever = pack_writer_.events_ever();
  advance->bytes_ever = pack_writer_.bytes_ever();
}

void RocksdbRoomLog::PutCommitRow(Offset first) {
  const std::string key = CommitKey(first);
  const rocksdb::Slice key_part(key);
  std::vector<rocksdb::Slice> parts;
  for (absl::string_view part : commit_row_.Finish()) {
    parts.push_back(ToSlice(part));
  }
  MustSucceed(batch_.Put(
      database_->commits(), rocksdb::SliceParts(&key_part, 1),
      rocksdb::SliceParts(parts.data(), static_cast<int>(parts.size()))));
}

void RocksdbRoomLog::PutRow(const RoomState& room, Offset head,
                            Offset trimmed_through, uint64_t trimmed_events,
                            uint64_t trimmed_bytes) {
  proto::RoomRow row;
  row.set_id(room.id.value());
  row.set_head(head.value());
  row.set_trimmed_through(trimmed_through.value());
  row.set_trimmed_events(trimmed_events);
  row.set_trimmed_bytes(trimmed_bytes);
  MustSucceed(batch_.Put(database_->rows(), RoomRowKey(room.key.text()),
                         row.SerializeAsString()));
}

absl::Status RocksdbRoomLog::Append(LogBatch* batch, Durability durability) {
  absl::Status status = GroupByRoom(batch);
  if (status.ok()) status = EnsureWriting();
  if (status.ok()) status = CheckSpace();
  const size_t events = batch->events.size();
  // A commit that makes large packs by itself gains nothing by being staged.
  const bool direct = events > 0 && events >= staged_.events() &&
                      events >= kDirectEventsPerRoomMin * advances_.size();
  if (status.ok()) status = direct ? SettleAll() : BeginGeneration();
  if (!status.ok()) return status;

  batch_.Clear();
  commit_row_.Clear();
  for (RoomAdvance& advance : advances_) {
    if (!advance.room->has_row) PutRow(*advance.room, Offset(), Offset(), 0, 0);
    PutEvents(*batch, direct, &advance);
  }
  if (!commit_row_.empty()) PutCommitRow(batch->events.front().offset);
  for (const auto& [producer, first] : batch->forgotten_answers) {
    MustSucceed(batch_.Delete(database_->rows(), AnswersKey(producer, first)));
  }
  for (const ProducerAnswers& answers : batch->answers) {
    MustSucceed(batch_.Put(database_->rows(),
                           AnswersKey(answers.producer, answers.first),
                           ToProto(answers).SerializeAsString()));
  }
  MustSucceed(PutState(*database_, batch->state, &batch_));
  const size_t given = settling_.given();
  if (!settling_.empty()) {
    // So much that it is done before the next generation is full, by its events
    // or by its commits.
    PutGiven(&settling_, 1 + std::max(events + events / 4,
                                      2 * settling_.events() /
                                          options_.staged_commits_max));
  }
  status = WriteBatch(durability == Durability::kSynced ||
                      options_.every_commit_synced);
  if (!status.ok()) {
    staged_.DropCommit();
    settling_.set_given(given);
    NoteFailedAppend(*batch, /*undo_packs=*/direct);
    return status;
  }
  if (!commit_row_.empty()) staged_.EndCommit(batch->events.front().offset);
  if (!settling_.empty() && settling_.all_given()) ForgetStaged(&settling_);

  for (const RoomAdvance& advance : advances_) {
    RoomState* room = advance.room;
    if (room->kept_events() == 0) {
      room->oldest_ms = batch->time_ms;
    } else if (room->oldest_ms != RoomState::kTimeUnknown) {
      room->oldest_ms = std::min(room->oldest_ms, batch->time_ms);
    }
    room->has_row = true;
    room->head = advance.head;
    room->events_ever = advance.events_ever;
    room->bytes_ever = advance.bytes_ever;
    QueueForTrim(room);
  }
  return absl::OkStatus();
}

void RocksdbRoomLog::NoteFailedAppend(const LogBatch& batch, bool undo_packs) {
  const absl::Status kept = PutStateAsItIs(*database_, batch.state, &undo_);
  if (!kept.ok()) {
    // What it was nobody knows: no going on before a restart.
    stopped_ = absl::UnavailableError(
        absl::StrCat(stopped_.message(), "; and ", kept.message()));
  }
  if (batch.events.empty()) return;  // What is left may stay: answers.
  BatchUndoer undoer(*database_, undo_packs, &undo_);
  MustSucceed(batch_.Iterate(&undoer));
  if (marker_.void_ranges.size() >= LogMarker::kVoidRangesMax) {
    marker_.void_ranges.erase(marker_.void_ranges.begin());
  }
  marker_.void_ranges.push_back(
      {batch.events.front().offset, batch.events.back().offset});
  absl::Status noted = marker_file_.Overwrite(marker_);
  if (!noted.ok()) {
    stopped_ = absl::Status(
        stopped_.code(),
        absl::StrCat(stopped_.message(), "; and ", noted.message()));
  }
}

absl::Status RocksdbRoomLog::Sync() {
  const std::shared_lock lock(database_mutex_);
  if (database_ == nullptr) {
    return absl::UnavailableError("the log is being opened anew");
  }
  const std::lock_guard sync_lock(sync_mutex_);
  // What one sync failed to write the next may call written: the operating
  // system forgets what it could not write. RocksDB stops writing, too.
  if (sync_.ok()) sync_ = ToAbslStatus(database_->db().SyncWAL(), "syncing");
  return sync_;
}

absl::Status RocksdbRoomLog::LoadAnswers(
    absl::FunctionRef<void(ProducerAnswers)> each) {
  if (database_ == nullptr) return stopped_;
  std::unique_ptr<rocksdb::Iterator> rows(
      database_->db().NewIterator(rocksdb::ReadOptions(), database_->rows()));
  for (rows->Seek(kAnswersKeyPrefix);
       rows->Valid() && rows->key().starts_with(kAnswersKeyPrefix);
       rows->Next()) {
    absl::StatusOr<ProducerAnswers> answers =
        ParseAnswers(rows->key(), rows->value());
    if (!answers.ok()) return answers.status();
    each(*std::move(answers));
  }
  return ToAbslStatus(rows->status(), "reading the producers' answers");
}

absl::Status RocksdbRoomLog::LoadState(
    absl::FunctionRef<absl::Status(absl::string_view, absl::string_view)>
        each) {
  if (database_ == nullptr) return stopped_;
  return LoadStateRows(*database_, each);
}

// ---- Trimming ----

void RocksdbRoomLog::QueueForTrim(RoomState* room) {
  if (room->waits_for_trim || !room->Exceeded()) return;
  room->waits_for_trim = true;
  trim_queue_.push_back(room->id);
}

absl::StatusOr<size_t> RocksdbRoomLog::Trim(int64_t now_ms, size_t rooms_max) {
  absl::Status status = EnsureWriting();
  if (!status.ok()) return status;
  batch_.Clear();
  std::unique_ptr<rocksdb::Iterator> packs;
  const auto trim = [&](RoomState* room, size_t* events_left,
                        std::vector<RoomCut>* cuts) -> absl::StatusOr<bool> {
    // Most rooms need no look at the disk.
    absl::Status known = LoadHead(room);
    if (!known.ok()) return known;
    const bool may_be_old = room->oldest_ms == RoomState::kTimeUnknown ||
                            room->retention->Outlived(room->oldest_ms, now_ms);
    if (room->head_damaged || room->tail_damaged || room->kept_events() == 0 ||
        (!room->Exceeded() && !may_be_old)) {
      return true;
    }
    if (packs == nullptr) {
      // It looks at the events in their rooms, and at no commit.
      absl::Status settled = SettleAll();
      if (!settled.ok()) return settled;
      batch_.Clear();
      rocksdb::ReadOptions options;
      options.fill_cache = false;
      packs.reset(database_->db().NewIterator(options, database_->events()));
    }
    return TrimRoom(room, now_ms, packs.get(), events_left, cuts);
  };

  size_t events_left = kTrimmedEventsPerCallMax;
  std::vector<RoomCut> cuts;
  // Still marked as waiting, so that no room is trimmed twice in one batch.
  std::vector<RoomState*> queued;
  absl::Status damage;
  size_t rooms_left = rooms_max;
  for (; rooms_left > 0 && events_left > 0 && !trim_queue_.empty();
       --rooms_left) {
    RoomState* room = rooms_.Find(trim_queue_.front());
    assert(room != nullptr);  // Rooms with events are not released.
    absl::StatusOr<bool> done = trim(room, &events_left, &cuts);
    if (!done.ok()) damage.Update(done.status());
    if (done.ok() && !*done) break;  // It goes on with this room.
    trim_queue_.pop_front();
    queued.push_back(room);
  }
  rooms_left = std::min(rooms_left, rooms_.size());
  for (; rooms_left > 0 && events_left > 0; --rooms_left) {
    if (next_trim_place_ >= rooms_.size()) next_trim_place_ = 0;
    RoomState* room = &rooms_.at(next_trim_place_);
    if (!room->waits_for_trim) {
      absl::StatusOr<bool> done = trim(room, &events_left, &cuts);
      if (!done.ok()) damage.Update(done.status());
      if (done.ok() && !*done) break;
    }
    ++next_trim_place_;
  }

  for (RoomState* room : queued) room->waits_for_trim = false;

  if (batch_.Count() > 0) {
    status = WriteBatch(/*sync=*/false);
    if (!status.ok()) return status;
  }
  size_t gone = 0;
  for (const RoomCut& cut : cuts) {
    gone += cut.trimmed_events - cut.room->trimmed_events;
    cut.room->trimmed_through = cut.trimmed_through;
    cut.room->trimmed_events = cut.trimmed_events;
    cut.room->trimmed_bytes = cut.trimmed_bytes;
    cut.room->oldest_ms = cut.oldest_ms;
  }
  if (!damage.ok()) return damage;
  return gone;
}

absl::StatusOr<bool> RocksdbRoomLog::TrimRoom(RoomState* room, int64_t now_ms,
                                              rocksdb::Iterator* packs,
                                              size_t* events_left,
                                              std::vector<RoomCut>* cuts) {
  const Retention& retention = *room->retention;
  const int64_t expired_before = retention.ExpiredBefore(now_ms);
  RoomCut cut{.room = room,
              .trimmed_through = room->trimmed_through,
              .trimmed_events = room->trimmed_events,
              .trimmed_bytes = room->trimmed_bytes,
              .oldest_ms = RoomState::kTimeUnknown};
  bool done = true;
  bool more = true;
  // Where it meets damage, nothing of the room goes: its row must tell of all.
  batch_.SetSavePoint();
  EventPackReader pack;
  const auto belongs_to_room = [&] {
    return packs->Valid() && packs->key().size() == NumberPairKey::kBytes &&
           NumberPairKey::Load(packs->key().data()) == room->id.value();
  };
  // The last trim may have ended inside of a pack.
  packs->SeekForPrev(
      ToSlice(PackKey(room->id, room->trimmed_through.Next()).view()));
  if (!belongs_to_room() && packs->status().ok()) {
    packs->Seek(ToSlice(PackKey(room->id, Offset(0)).view()));
  }
  for (; more && belongs_to_room(); packs->Next()) {
    absl::Status status =
        pack.Read(ToView(packs->key()), ToView(packs->value()));
    if (!status.ok()) {
      room->tail_damaged = true;
      MustSucceed(batch_.RollbackToSavePoint());
      return status;
    }
    for (const EventView& event : pack.events()) {
      if (event.offset <= cut.trimmed_through) continue;
      if (cut.trimmed_events == room->trimmed_events && !room->Exceeded() &&
          !retention.Outlived(event.time_ms, now_ms)) {
        room->oldest_ms = event.time_ms;  // It was not known.
        MustSucceed(batch_.PopSavePoint());
        return true;
      }
      if (room->events_ever - cut.trimmed_events <= retention.events_max &&
          room->bytes_ever - cut.trimmed_bytes <= retention.bytes_max &&
          event.time_ms >= expired_before) {
        cut.oldest_ms = event.time_ms;
        more = false;
        break;
      }
      if (*events_left == 0) {
        cut.oldest_ms = event.time_ms;
        done = false;
        more = false;
        break;
      }
      --*events_left;
      cut.trimmed_through = event.offset;
      ++cut.trimmed_events;
      cut.trimmed_bytes += event.packet.size();
      if (!event.id.empty()) {
        MustSucceed(batch_.Delete(database_->publish_ids(),
                                  PublishIdKey(room->id, event.id)));
      }
    }
    if (pack.last() <= cut.trimmed_through) {
      MustSucceed(batch_.SingleDelete(database_->events(), packs->key()));
    }
  }
  if (!packs->status().ok()) {
    room->tail_damaged = true;
    MustSucceed(batch_.RollbackToSavePoint());
    return ToAbslStatus(packs->status(), "trimming");
  }
  MustSucceed(batch_.PopSavePoint());
  if (cut.trimmed_events == room->trimmed_events) return done;
  PutRow(*room, room->head, cut.trimmed_through, cut.trimmed_events,
         cut.trimmed_bytes);
  cuts->push_back(cut);
  return done;
}

absl::StatusOr<ReadPage> RocksdbRoomLog::Read(const ReadQuery& query) const {
  const std::shared_lock lock(database_mutex_);
  if (database_ == nullptr) {
    return absl::UnavailableError("the log is being opened anew");
  }
  return ReadRoomPage(*database_, options_.retention.For(query.room), query);
}

}  // namespace roomlog
