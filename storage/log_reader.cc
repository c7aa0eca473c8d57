#include "storage/log_reader.h"

#include <rocksdb/snapshot.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/log.pb.h"
#include "storage/commit_row.h"
#include "storage/event_pack.h"
#include "storage/log_keys.h"
#include "storage/rocksdb_status.h"

namespace roomlog {
namespace {

// Goes from pack to pack of one room: those among the events, and behind them
// those that lie in rows of commits still. Rows of commits go later than what
// they hold is put into the rooms, but of one room all of it at once: so what
// is not beyond the last pack among the events is there.
class PackCursor {
 public:
  // What is read must not change meanwhile: there is a snapshot, or the caller
  // is the only one who writes. `staged_from` is as it was before the snapshot.
  PackCursor(const LogDatabase& database, RoomId room, Offset staged_from,
             const rocksdb::Snapshot* snapshot)
      : room_(room),
        lower_key_(PackKey(room, Offset(0))),
        upper_key_(PackKey(room.Next(), Offset(0))),
        lower_(ToSlice(lower_key_.view())),
        upper_(ToSlice(upper_key_.view())) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.verify_checksums = true;
    FindStaged(database, staged_from, options);
    options.iterate_lower_bound = &lower_;
    options.iterate_upper_bound = &upper_;
    iterator_.reset(database.db().NewIterator(options, database.events()));
    if (!staged_.empty()) DropSettled();
  }
  PackCursor(const PackCursor&) = delete;
  PackCursor& operator=(const PackCursor&) = delete;

  // To the last pack that begins at or before `offset`.
  void SeekAtOrBefore(Offset offset) {
    staged_place_ = static_cast<size_t>(
        std::upper_bound(staged_.begin(), staged_.end(), offset,
                         [](Offset wanted, const StagedPack& pack) {
                           return wanted < pack.first;
                         }) -
        staged_.begin());
    is_staged_ = staged_place_ > 0;
    if (is_staged_) {
      --staged_place_;
    } else {
      iterator_->SeekForPrev(ToSlice(PackKey(room_, offset).view()));
    }
  }
  // To the first pack that may hold something at or after `offset`.
  void SeekHolding(Offset offset) {
    SeekAtOrBefore(offset);
    if (is_staged_ || iterator_->Valid() || !iterator_->status().ok()) return;
    iterator_->Seek(lower_);
    GoOnToStaged();
  }
  // Not by SeekToLast(), which uses no filter.
  void SeekToLast() { SeekAtOrBefore(kNoUpperBound); }
  void Next() {
    if (is_staged_) {
      ++staged_place_;
    } else {
      iterator_->Next();
      GoOnToStaged();
    }
  }
  void Previous() {
    if (!is_staged_) {
      iterator_->Prev();
    } else if (staged_place_ > 0) {
      --staged_place_;
    } else {
      is_staged_ = false;
      SeekSettledEnd();
    }
  }

  // Reads the pack here; false if there is none, or on an error: see status().
  bool Read() {
    if (!staged_status_.ok()) {
      status_ = staged_status_;
    } else if (is_staged_) {
      status_ = absl::OkStatus();
      if (staged_place_ >= staged_.size()) return false;
      const StagedPack& pack = staged_[staged_place_];
      status_ = reader_.Read(PackKey(room_, pack.first).view(), pack.value);
    } else if (!iterator_->Valid()) {
      status_ = ToAbslStatus(iterator_->status(), "reading events");
      return false;
    } else {
      status_ =
          reader_.Read(ToView(iterator_->key()), ToView(iterator_->value()));
    }
    return status_.ok();
  }
  const EventPackReader& pack() const { return reader_; }
  const absl::Status& status() const { return status_; }

 private:
  struct StagedPack {
    Offset first;
    std::string value;
  };

  void FindStaged(const LogDatabase& database, Offset staged_from,
                  const rocksdb::ReadOptions& options) {
    std::unique_ptr<rocksdb::Iterator> commits(
        database.db().NewIterator(options, database.commits()));
    CommitRowReader row;
    for (commits->Seek(CommitKey(staged_from)); commits->Valid();
         commits->Next()) {
      staged_status_ =
          row.Read(ToView(commits->key()), ToView(commits->value()));
      if (!staged_status_.ok()) return;
      for (const CommitRowReader::Pack& pack : row.packs()) {
        if (pack.room != room_) continue;
        staged_.push_back({pack.first, std::string(pack.value)});
      }
    }
    staged_status_ = ToAbslStatus(commits->status(), "reading commits");
  }
  void DropSettled() {
    SeekSettledEnd();
    if (!Read()) {
      staged_status_.Update(status_);
      return;
    }
    const Offset through = reader_.last();
    staged_.erase(staged_.begin(),
                  std::find_if(staged_.begin(), staged_.end(),
                               [through](const StagedPack& pack) {
                                 return pack.first > through;
                               }));
  }
  // To the last pack among the events.
  void SeekSettledEnd() {
    iterator_->SeekForPrev(ToSlice(PackKey(room_, kNoUpperBound).view()));
  }
  // From behind the last pack among the events.
  void GoOnToStaged() {
    if (iterator_->Valid() || !iterator_->status().ok()) return;
    if (staged_.empty()) return;
    is_staged_ = true;
    staged_place_ = 0;
  }

  const RoomId room_;
  const NumberPairKey lower_key_;
  const NumberPairKey upper_key_;
  const rocksdb::Slice lower_;
  const rocksdb::Slice upper_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  std::vector<StagedPack> staged_;  // In the order of their offsets.
  absl::Status staged_status_;
  bool is_staged_ = false;  // Here is staged_[staged_place_].
  size_t staged_place_ = 0;
  EventPackReader reader_;
  absl::Status status_;
};

// Gathers the events of a page, with their bytes in one piece.
class PageBuilder {
 public:
  explicit PageBuilder(const ReadQuery& query) : query_(query) {}

  // False if the page would hold more than it may.
  bool Add(const EventView& event) {
    if (events_.size() >= query_.events_max) return false;
    if (!events_.empty() &&
        (event.packet.size() > query_.bytes_max ||
         packet_bytes_ > query_.bytes_max - event.packet.size())) {
      return false;
    }
    packet_bytes_ += event.packet.size();
    places_.push_back(bytes_.size());
    bytes_.append(event.packet.data(), event.packet.size());
    bytes_.append(event.id.data(), event.id.size());
    events_.push_back(event);
    return true;
  }

  void Clear() {
    events_.clear();
    places_.clear();
    bytes_.clear();
    packet_bytes_ = 0;
  }

  // Ends the page.
  void MoveTo(ReadPage* page) {
    if (events_.empty()) return;
    const SharedBytes bytes(std::move(bytes_));
    for (size_t i = 0; i < events_.size(); ++i) {
      EventView& event = events_[i];
      event.packet = bytes.view().substr(places_[i], event.packet.size());
      event.id = bytes.view().substr(places_[i] + event.packet.size(),
                                     event.id.size());
    }
    if (query_.direction == ReadQuery::Direction::kNewestFirst) {
      std::reverse(events_.begin(), events_.end());
    }
    page->events = std::move(events_);
    page->bytes.push_back(bytes);
  }

 private:
  const ReadQuery& query_;
  std::vector<EventView> events_;  // In the order of the query. Their views
  std::vector<size_t> places_;     // mean what is here in
  std::string bytes_;              // this.
  size_t packet_bytes_ = 0;
};

void ReadOldestFirst(const ReadQuery& query, int64_t expired_before,
                     PackCursor* cursor, PageBuilder* builder, ReadPage* page) {
  const Offset start = std::max(query.after, page->trimmed_through);
  if (start == kNoUpperBound) return;
  for (cursor->SeekHolding(start.Next()); cursor->Read(); cursor->Next()) {
    for (const EventView& event : cursor->pack().events()) {
      if (event.offset <= start) continue;
      if (event.offset >= query.before) return;
      if (event.time_ms < expired_before) {
        page->trimmed_through = event.offset;
        builder->Clear();
      } else if (event.time_ms >= query.since_ms && !builder->Add(event)) {
        page->more = true;
        return;
      }
    }
  }
}

void ReadNewestFirst(const ReadQuery& query, int64_t expired_before,
                     PackCursor* cursor, PageBuilder* builder, ReadPage* page) {
  const Offset stop = std::max(query.after, page->trimmed_through);
  if (stop == kNoUpperBound || query.before <= stop.Next()) return;
  cursor->SeekAtOrBefore(Offset(query.before.value() - 1));
  for (; cursor->Read(); cursor->Previous()) {
    const std::vector<EventView>& events = cursor->pack().events();
    for (auto event = events.rbegin(); event != events.rend(); ++event) {
      if (event->offset >= query.before) continue;
      if (event->offset <= stop) return;
      if (event->time_ms < expired_before) {
        page->trimmed_through = event->offset;
        return;
      }
      if (event->time_ms < query.since_ms) return;
      if (!builder->Add(*event)) {
        page->more = true;
        return;
      }
    }
  }
}

}  // namespace

absl::StatusOr<ReadPage> ReadRoomPage(const LogDatabase& database,
                                      const Retention& retention,
                                      const ReadQuery& query) {
  ReadPage page;
  const Offset staged_from = database.staged_from();
  rocksdb::ManagedSnapshot snapshot(&database.db());
  rocksdb::ReadOptions options;
  options.snapshot = snapshot.snapshot();
  rocksdb::PinnableSlice row_bytes;
  const rocksdb::Status found = database.db().Get(
      options, database.rows(), RoomRowKey(query.room.text()), &row_bytes);
  if (found.IsNotFound()) return page;
  if (!found.ok()) return ToAbslStatus(found, "reading a room");
  proto::RoomRow row;
  if (!row.ParseFromArray(row_bytes.data(),
                          static_cast<int>(row_bytes.size()))) {
    return absl::DataLossError(
        absl::StrCat("the row of room ", query.room.room(), " is damaged"));
  }
  page.trimmed_through = Offset(row.trimmed_through());

  PackCursor cursor(database, RoomId(row.id()), staged_from,
                    snapshot.snapshot());
  PageBuilder builder(query);
  const int64_t expired_before = retention.ExpiredBefore(query.now_ms);
  if (query.direction == ReadQuery::Direction::kOldestFirst) {
    ReadOldestFirst(query, expired_before, &cursor, &builder, &page);
  } else {
    ReadNewestFirst(query, expired_before, &cursor, &builder, &page);
  }
  if (!cursor.status().ok()) return cursor.status();
  builder.MoveTo(&page);

  page.head = Offset(row.head());
  cursor.SeekToLast();
  if (cursor.Read()) page.head = std::max(page.head, cursor.pack().last());
  if (!cursor.status().ok()) return cursor.status();
  return page;
}

namespace {

absl::StatusOr<RoomTail> TailAt(PackCursor* cursor) {
  cursor->SeekToLast();
  RoomTail tail;
  if (cursor->Read()) {
    tail.head = cursor->pack().last();
    tail.events_ever = cursor->pack().events_ever();
    tail.bytes_ever = cursor->pack().bytes_ever();
  }
  if (!cursor->status().ok()) return cursor->status();
  return tail;
}

bool HasId(const EventPackReader& pack, Offset offset, absl::string_view id) {
  return std::any_of(pack.events().begin(), pack.events().end(),
                     [&](const EventView& event) {
                       return event.offset == offset && event.id == id;
                     });
}

}  // namespace

absl::StatusOr<RoomTail> ReadRoomTail(const LogDatabase& database,
                                      RoomId room) {
  PackCursor cursor(database, room, database.staged_from(), nullptr);
  return TailAt(&cursor);
}

absl::StatusOr<RoomTail> ReadSettledTail(const LogDatabase& database,
                                         RoomId room) {
  PackCursor cursor(database, room, kNoUpperBound, nullptr);
  return TailAt(&cursor);
}

absl::StatusOr<bool> HasEventWithId(const LogDatabase& database, RoomId room,
                                    Offset offset, absl::string_view id) {
  // Of the rows of commits the one that may have it, and no other: ids that
  // come twice come in numbers, after a reconnect.
  const std::string lower_key = CommitKey(database.staged_from());
  const rocksdb::Slice lower(lower_key);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &lower;
  std::unique_ptr<rocksdb::Iterator> commits(
      database.db().NewIterator(options, database.commits()));
  commits->SeekForPrev(CommitKey(offset));
  if (commits->Valid()) {
    CommitRowReader row;
    absl::Status status =
        row.Read(ToView(commits->key()), ToView(commits->value()));
    EventPackReader reader;
    for (const CommitRowReader::Pack& pack : row.packs()) {
      if (pack.room != room || pack.first > offset) continue;
      status.Update(reader.Read(pack.key, pack.value));
      if (status.ok() && HasId(reader, offset, id)) return true;
    }
    if (!status.ok()) return status;
  } else if (!commits->status().ok()) {
    return ToAbslStatus(commits->status(), "reading commits");
  }
  PackCursor cursor(database, room, kNoUpperBound, nullptr);
  cursor.SeekAtOrBefore(offset);
  if (cursor.Read()) return HasId(cursor.pack(), offset, id);
  if (!cursor.status().ok()) return cursor.status();
  return false;
}

}  // namespace roomlog
