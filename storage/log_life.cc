#include "storage/log_life.h"

#include <algorithm>

namespace roomlog {
namespace {

// Empty if nothing speaks against going on.
std::string ReasonForNewEpoch(const FoundLog& found) {
  if (!found.meta.has_value()) return "the log is new";
  const proto::LogMeta& meta = *found.meta;
  if (!found.marker.has_value()) {
    return "the file ROOMLOG is missing or damaged";
  }
  if (FileIdentity{meta.inode(), meta.born_ns()} != found.identity) {
    return "the files are a copy";
  }
  if (found.marker->epoch.value() > meta.epoch() ||
      found.marker->reserved_through.value() > meta.reserved_through()) {
    // ROOMLOG is written after the database.
    return "the database is older than the file ROOMLOG";
  }
  if (found.lost_tail) return "the write-ahead log is damaged: its end is lost";
  if (found.marker->unsynced_may_be_lost) {
    return "the disk failed before the last events were synced";
  }
  if (!meta.closed() && !meta.every_commit_synced() &&
      meta.boot_id() != found.boot_id) {
    return "the machine crashed before the last events were synced";
  }
  return "";
}

}  // namespace

LogLife DecideLife(const FoundLog& found, int64_t now_ms) {
  LogLife life;
  if (found.meta.has_value()) {
    life.epoch = Epoch(found.meta->epoch());
    life.reserved_through = Offset(found.meta->reserved_through());
  }
  if (found.marker.has_value()) {
    life.epoch = std::max(life.epoch, found.marker->epoch);
    life.reserved_through =
        std::max(life.reserved_through, found.marker->reserved_through);
  }
  life.new_epoch_reason = ReasonForNewEpoch(found);
  if (!life.new_epoch_reason.empty()) {
    life.epoch =
        std::max(life.epoch.Next(),
                 Epoch(static_cast<uint64_t>(std::max<int64_t>(now_ms, 1))));
  }
  return life;
}

}  // namespace roomlog
