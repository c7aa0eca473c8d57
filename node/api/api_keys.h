// Who may use the HTTP API, and for what.
#ifndef ROOMLOG_NODE_API_API_KEYS_H_
#define ROOMLOG_NODE_API_API_KEYS_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "node/auth/grants.h"

namespace roomlog {

// What one key allows. Does not change; any thread.
struct ApiAccess {
  std::string name;  // For people, in logs.
  // None: everything, what is no right of users, too.
  std::optional<Grants> grants;

  bool Allows(Right right, absl::string_view name_space,
              absl::string_view room) const {
    return !grants.has_value() || grants->Allow(right, name_space, room, "");
  }
};

// The keys of a file. Does not change; any thread.
class ApiKeys {
 public:
  // A line for each key: its name, the key, and if it does not allow everything
  // the rules, as for --grant. Lines that are empty or begin with # say
  // nothing. INVALID_ARGUMENT: what is not understood, with its line, but never
  // the key.
  static absl::StatusOr<ApiKeys> Parse(absl::string_view text);

  // Null: there is no such key. How long it takes says nothing of the keys that
  // there are.
  std::shared_ptr<const ApiAccess> Find(absl::string_view key) const;

  size_t size() const { return by_digest_.size(); }

 private:
  // By the SHA-256 of the key: who can read this memory has no key yet, and
  // comparing takes no longer the more of a guess is right.
  absl::flat_hash_map<std::string, std::shared_ptr<const ApiAccess>> by_digest_;
};

// Keys that may change while the node runs. Any thread.
class ApiKeyFile {
 public:
  // Reads it first. INVALID_ARGUMENT, with its name.
  static absl::StatusOr<std::unique_ptr<ApiKeyFile>> Open(std::string path);

  // Reads it anew. If it is unusable, what was read before stays in use.
  absl::Status Reread();

  const std::string& path() const { return path_; }
  // As they are now.
  std::shared_ptr<const ApiKeys> keys() const;

 private:
  explicit ApiKeyFile(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  mutable std::mutex mutex_;
  std::shared_ptr<const ApiKeys> keys_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_API_API_KEYS_H_
