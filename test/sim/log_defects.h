// A broker's log, done wrong.
#ifndef ROOMLOG_TEST_SIM_LOG_DEFECTS_H_
#define ROOMLOG_TEST_SIM_LOG_DEFECTS_H_

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "storage/memory_disk.h"
#include "storage/room_log.h"

namespace roomlog {

// Passes everything on.
class RoomLogWrapper : public RoomLog {
 public:
  explicit RoomLogWrapper(std::unique_ptr<RoomLog> log)
      : log_(std::move(log)) {}

  Epoch epoch() const override { return log_->epoch(); }
  Offset first_offset() const override { return log_->first_offset(); }
  absl::Status ReserveThrough(Offset through) override {
    return log_->ReserveThrough(through);
  }
  absl::StatusOr<RoomHead> FindRoom(absl::string_view name) override {
    return log_->FindRoom(name);
  }
  void Release(RoomId room) override { log_->Release(room); }
  absl::StatusOr<std::optional<Offset>> FindPublishId(
      RoomId room, absl::string_view id) override {
    return log_->FindPublishId(room, id);
  }
  absl::Status Append(LogBatch* batch, Durability durability) override {
    return log_->Append(batch, durability);
  }
  absl::Status Sync() override { return log_->Sync(); }
  absl::Status LoadAnswers(
      absl::FunctionRef<void(ProducerAnswers)> each) override {
    return log_->LoadAnswers(each);
  }
  absl::Status LoadState(absl::FunctionRef<absl::Status(
                             absl::string_view key, absl::string_view value)>
                             each) override {
    return log_->LoadState(each);
  }
  absl::StatusOr<size_t> Trim(int64_t now_ms, size_t rooms_max) override {
    return log_->Trim(now_ms, rooms_max);
  }
  absl::StatusOr<ReadPage> Read(const ReadQuery& query) const override {
    return log_->Read(query);
  }

 protected:
  const std::unique_ptr<RoomLog> log_;
};

class DeliversBeforeSync final : public RoomLogWrapper {
 public:
  using RoomLogWrapper::RoomLogWrapper;
  absl::Status Append(LogBatch* batch, Durability) override {
    return log_->Append(batch, Durability::kWritten);
  }
};

class ReusesOffsets final : public RoomLogWrapper {
 public:
  ReusesOffsets(std::unique_ptr<RoomLog> log, const MemoryDisk& disk)
      : RoomLogWrapper(std::move(log)) {
    for (const MemoryDisk::Record& record : disk.records()) {
      const auto* const commit = std::get_if<MemoryDisk::Commit>(&record);
      if (commit == nullptr) continue;
      for (const auto& event : commit->events) {
        first_ = std::max(first_, event.offset.Next());
      }
    }
  }
  Offset first_offset() const override { return first_; }

 private:
  Offset first_{1};
};

class ForgetsProducers final : public RoomLogWrapper {
 public:
  using RoomLogWrapper::RoomLogWrapper;
  absl::Status LoadAnswers(absl::FunctionRef<void(ProducerAnswers)>) override {
    return absl::OkStatus();
  }
};

class ForgetsIds final : public RoomLogWrapper {
 public:
  using RoomLogWrapper::RoomLogWrapper;
  absl::StatusOr<std::optional<Offset>> FindPublishId(
      RoomId, absl::string_view) override {
    return std::nullopt;
  }
};

class ServesDamage final : public RoomLogWrapper {
 public:
  ServesDamage(std::unique_ptr<RoomLog> log, const MemoryDisk& disk)
      : RoomLogWrapper(std::move(log)), disk_(disk) {}

  absl::StatusOr<ReadPage> Read(const ReadQuery& query) const override {
    absl::StatusOr<ReadPage> page = log_->Read(query);
    if (!absl::IsDataLoss(page.status())) return page;
    // What is on the disk, as it is.
    ReadPage served;
    Offset previous;
    for (const MemoryDisk::Record& record : disk_.records()) {
      const auto* const commit = std::get_if<MemoryDisk::Commit>(&record);
      if (commit == nullptr) continue;
      for (const auto& event : commit->events) {
        if (event.room != query.room) continue;
        const Offset before = std::exchange(previous, event.offset);
        served.head = event.offset;
        if (event.offset <= query.after || event.offset >= query.before) {
          continue;
        }
        if (served.events.size() >= query.events_max) {
          served.more = true;
          continue;
        }
        served.bytes.push_back(SharedBytes(event.packet));
        EventView view;
        view.offset = event.offset;
        view.previous = before;
        view.time_ms = commit->time_ms;
        view.flags = event.flags;
        view.packet = served.bytes.back().view();
        served.events.push_back(view);
      }
    }
    return served;
  }

 private:
  const MemoryDisk& disk_;
};

class ForgetsTrimming final : public RoomLogWrapper {
 public:
  using RoomLogWrapper::RoomLogWrapper;
  absl::StatusOr<ReadPage> Read(const ReadQuery& query) const override {
    absl::StatusOr<ReadPage> page = log_->Read(query);
    if (page.ok()) page->trimmed_through = Offset();
    return page;
  }
};

class ForgetsMiddle final : public RoomLogWrapper {
 public:
  using RoomLogWrapper::RoomLogWrapper;
  absl::StatusOr<ReadPage> Read(const ReadQuery& query) const override {
    absl::StatusOr<ReadPage> page = log_->Read(query);
    if (page.ok() && page->events.size() >= 3) {
      page->events.erase(page->events.begin() + 1);
    }
    return page;
  }
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_LOG_DEFECTS_H_
