// A small file beside the database that tells what the database cannot tell of
// itself: whether it is a copy, and whether it lost its tail.
#ifndef ROOMLOG_STORAGE_LOG_MARKER_H_
#define ROOMLOG_STORAGE_LOG_MARKER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"

namespace rocksdb {
class FileSystem;
}

namespace roomlog {

// What the file ROOMLOG says. It has one sector, which is overwritten in place:
// that needs no space on a full disk, and happens whole or not at all.
struct LogMarker {
  static constexpr size_t kBytes = 512;
  // One more and the oldest is forgotten. It is long since sure to be gone: the
  // database was opened anew after each.
  static constexpr size_t kVoidRangesMax = 8;

  // Offsets of an append that failed. Whether its write came to the disk is not
  // known; if it is found there, it is to be taken away.
  struct VoidRange {
    Offset first;
    Offset last;

    friend bool operator==(const VoidRange&, const VoidRange&) = default;
  };

  Epoch epoch;
  Offset reserved_through;
  std::vector<VoidRange> void_ranges;
  // The disk failed while there were events that somebody had seen and that
  // were not synced. They may be lost although the machine did not crash.
  bool unsynced_may_be_lost = false;

  // Readable text, padded to kBytes, with its checksum.
  std::string Format() const;
  // DATA_LOSS: not what Format() makes.
  static absl::StatusOr<LogMarker> Parse(absl::string_view text);

  friend bool operator==(const LogMarker&, const LogMarker&) = default;
};

// What tells one file from another, also when it has the same name and content.
struct FileIdentity {
  uint64_t inode = 0;
  int64_t born_ns = 0;  // 0 if the file system does not say.

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// The file. Not thread-safe.
class LogMarkerFile {
 public:
  LogMarkerFile(std::shared_ptr<rocksdb::FileSystem> file_system,
                const std::string& directory);

  // Nothing if there is no such file. DATA_LOSS: it is damaged.
  absl::StatusOr<std::optional<LogMarker>> Read() const;
  // Makes the file, or makes it anew, with another identity. Durable.
  absl::Status Create(const LogMarker& marker) const;
  // Writes over what is there. Durable.
  absl::Status Overwrite(const LogMarker& marker) const;
  absl::StatusOr<FileIdentity> Identity() const;

  const std::string& path() const { return path_; }

 private:
  const std::shared_ptr<rocksdb::FileSystem> file_system_;
  const std::string directory_;
  const std::string path_;
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_LOG_MARKER_H_
