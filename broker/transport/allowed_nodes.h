// The nodes that may speak to the broker.
#ifndef ROOMLOG_BROKER_TRANSPORT_ALLOWED_NODES_H_
#define ROOMLOG_BROKER_TRANSPORT_ALLOWED_NODES_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roomlog {

// A file of lines `public key, name`, which may change. Empty lines, and those
// that begin with #, are passed over. Any thread.
class AllowedNodes {
 public:
  // INVALID_ARGUMENT, with the file's name and the line's number: it cannot be
  // read; a line is wrong; a key is there twice; more than kNodesMax keys.
  static absl::StatusOr<std::unique_ptr<AllowedNodes>> Open(std::string path);

  // Reads it anew. If it is unusable, what was read before stays in use.
  absl::Status Reread();

  // The name of the node with that key, 64 hexadecimal digits; nothing if it is
  // not allowed.
  std::optional<std::string> NameOf(absl::string_view key_hex) const;

  const std::string& path() const { return path_; }
  size_t size() const;

 private:
  using Names = absl::flat_hash_map<std::string, std::string>;

  explicit AllowedNodes(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  mutable std::mutex mutex_;
  Names names_;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_TRANSPORT_ALLOWED_NODES_H_
