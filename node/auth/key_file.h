// Keys that may change while the node runs.
#ifndef ROOMLOG_NODE_AUTH_KEY_FILE_H_
#define ROOMLOG_NODE_AUTH_KEY_FILE_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "node/auth/key_set.h"

namespace roomlog {

// Any thread.
class KeyFile {
 public:
  enum class Kind { kSecret, kPublicKeys };

  // Reads it first. INVALID_ARGUMENT, with its name: see KeySet.
  static absl::StatusOr<std::unique_ptr<KeyFile>> Open(std::string path,
                                                       Kind kind);

  // Reads it anew. If it is unusable, what was read before stays in use.
  absl::Status Reread();

  const std::string& path() const { return path_; }
  // As they are now.
  std::shared_ptr<const KeySet> keys() const;

 private:
  KeyFile(std::string path, Kind kind) : path_(std::move(path)), kind_(kind) {}

  const std::string path_;
  const Kind kind_;
  mutable std::mutex mutex_;
  std::shared_ptr<const KeySet> keys_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_KEY_FILE_H_
