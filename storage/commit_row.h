// The value of a row of commits: the packs of one commit, each of another
// stretch of a room, with an index before them.
#ifndef ROOMLOG_STORAGE_COMMIT_ROW_H_
#define ROOMLOG_STORAGE_COMMIT_ROW_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/ids.h"
#include "storage/log_keys.h"

namespace roomlog {

// Makes the value of one row after another.
class CommitRowWriter {
 public:
  void Clear();
  // `parts`, one after another, are the value of the pack. They are copied.
  void Add(const NumberPairKey& pack_key,
           absl::Span<const absl::string_view> parts);

  bool empty() const { return pack_count_ == 0; }
  // What the value is made of, in order. Borrowed until the next call.
  std::vector<absl::string_view> Finish();

 private:
  size_t pack_count_ = 0;
  std::string index_;  // With the count before it.
  std::string packs_;
};

// Reads one row after another.
class CommitRowReader {
 public:
  struct Pack {
    RoomId room;
    Offset first;
    absl::string_view key;    // As in the column family of events,
    absl::string_view value;  // and what it holds there.
  };

  // DATA_LOSS: key and value are no row that CommitRowWriter made. What is read
  // borrows from `value`.
  absl::Status Read(absl::string_view key, absl::string_view value);

  Offset first() const { return first_; }
  const std::vector<Pack>& packs() const { return packs_; }

 private:
  absl::Status ReadValue(absl::string_view value);

  Offset first_;
  std::vector<Pack> packs_;
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_COMMIT_ROW_H_
