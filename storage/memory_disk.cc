#include "storage/memory_disk.h"

#include <algorithm>

namespace roomlog {

void MemoryDisk::Crash(bool lose_unsynced, size_t unsynced_kept) {
  absl::MutexLock lock(&mutex_);
  open_ = false;
  dies_at_next_write_.reset();
  died_writing_ = false;
  if (!lose_unsynced) return;
  synced_ += std::min(records_.size() - synced_, unsynced_kept);
  for (size_t i = synced_; observer_ != nullptr && i < records_.size(); ++i) {
    observer_->OnLost(records_[i]);
  }
  records_.resize(synced_);
  ++boot_;
}

void MemoryDisk::DieAtNextWrite(bool is_written) {
  absl::MutexLock lock(&mutex_);
  dies_at_next_write_ = is_written;
}

bool MemoryDisk::died_writing() const {
  absl::MutexLock lock(&mutex_);
  return died_writing_;
}

bool MemoryDisk::FlipBit(uint64_t pick, Offset* damaged) {
  absl::MutexLock lock(&mutex_);
  for (size_t i = 0; i < records_.size(); ++i) {
    auto* const commit =
        std::get_if<Commit>(&records_[(pick + i) % records_.size()]);
    if (commit == nullptr || commit->events.empty()) continue;
    Commit::Event& event = commit->events[pick % commit->events.size()];
    std::string& packet = event.packet;
    packet[packet.size() / 2] ^= 1;
    *damaged = event.offset;
    damaged_.insert(event.offset);
    return true;
  }
  return false;
}

bool MemoryDisk::IsDamaged(Offset offset) const {
  absl::MutexLock lock(&mutex_);
  return damaged_.count(offset) > 0;
}

void MemoryDisk::set_observer(MemoryDiskObserver* observer) {
  absl::MutexLock lock(&mutex_);
  observer_ = observer;
}

void MemoryDisk::SetFull(bool full) {
  absl::MutexLock lock(&mutex_);
  full_ = full;
}

void MemoryDisk::SetSyncFails(bool fails) {
  absl::MutexLock lock(&mutex_);
  sync_fails_ = fails;
}

std::unique_ptr<MemoryDisk> MemoryDisk::Copy() const {
  auto copy = std::make_unique<MemoryDisk>();
  absl::MutexLock lock(&mutex_);
  absl::MutexLock copy_lock(&copy->mutex_);
  copy->records_ = records_;
  copy->synced_ = records_.size();
  copy->boot_ = boot_;
  copy->copied_ = true;
  return copy;
}

absl::Status MemoryDisk::Open(Opening* opening) {
  absl::MutexLock lock(&mutex_);
  if (open_) {
    return absl::FailedPreconditionError(
        "the memory disk is in use by another broker");
  }
  open_ = true;
  *opening = ++last_opening_;
  return absl::OkStatus();
}

void MemoryDisk::Close(Opening opening) {
  absl::MutexLock lock(&mutex_);
  if (opening == last_opening_) open_ = false;
}

absl::Status MemoryDisk::CheckWritable(Opening opening, bool sync) const {
  if (!open_ || opening != last_opening_) {
    return absl::UnavailableError("the memory disk crashed");
  }
  if (full_) return absl::ResourceExhaustedError("the memory disk is full");
  if (sync && sync_fails_) {
    return absl::UnavailableError("the memory disk does not sync");
  }
  return absl::OkStatus();
}

absl::Status MemoryDisk::Write(Opening opening, Record record, bool sync) {
  absl::MutexLock lock(&mutex_);
  absl::Status status = CheckWritable(opening, sync);
  if (!status.ok()) return status;
  if (dies_at_next_write_.has_value()) {
    open_ = false;
    died_writing_ = true;
    if (!*dies_at_next_write_) {
      return absl::UnavailableError("the memory disk crashed");
    }
  }
  if (std::holds_alternative<Opened>(record)) copied_ = false;
  records_.push_back(std::move(record));
  if (sync) synced_ = records_.size();
  if (observer_ != nullptr) observer_->OnWritten(records_.back());
  if (died_writing_) return absl::UnavailableError("the memory disk crashed");
  return absl::OkStatus();
}

absl::Status MemoryDisk::Sync(Opening opening) {
  absl::MutexLock lock(&mutex_);
  absl::Status status = CheckWritable(opening, true);
  if (status.ok()) synced_ = records_.size();
  return status;
}

std::vector<MemoryDisk::Record> MemoryDisk::records() const {
  absl::MutexLock lock(&mutex_);
  return records_;
}

uint64_t MemoryDisk::boot() const {
  absl::MutexLock lock(&mutex_);
  return boot_;
}

bool MemoryDisk::copied() const {
  absl::MutexLock lock(&mutex_);
  return copied_;
}

}  // namespace roomlog
