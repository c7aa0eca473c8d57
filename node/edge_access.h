// Who may come to this edge, and what clients may do: from the flags.
#ifndef ROOMLOG_NODE_EDGE_ACCESS_H_
#define ROOMLOG_NODE_EDGE_ACCESS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/file_watch.h"
#include "node/api/api_keys.h"
#include "node/application/access.h"
#include "node/auth/authentication.h"
#include "node/auth/key_file.h"
#include "node/auth/room_access.h"
#include "node/server/namespace.h"

namespace roomlog {

// Must outlive the server.
class EdgeAccess {
 public:
  using Log = std::function<void(absl::string_view line)>;

  // Reads the files that the flags name, and again when they change.
  // INVALID_ARGUMENT: a flag or a file is wrong; or nobody needs a token, and
  // others than this machine could reach `listen`, and --open was not said.
  static absl::StatusOr<std::unique_ptr<EdgeAccess>> FromFlags(
      const std::string& listen, Log log);

  // Lets only clients with a token into the namespace, if there are keys.
  void Protect(const Namespace& name_space);
  AccessRules& rules() { return *rules_; }
  // Of the HTTP API, as they are now; null: it is off. Any thread.
  std::shared_ptr<const ApiKeys> api_keys() const {
    return api_keys_ == nullptr ? nullptr : api_keys_->keys();
  }

  // Reads the files anew. Any thread.
  void Hangup() { watch_.Hangup(); }

 private:
  explicit EdgeAccess(Log log) : log_(std::move(log)) {}

  absl::Status OpenKeys();
  absl::Status OpenApiKeys();
  absl::Status ReadRules();

  const Log log_;
  const SystemClock clock_;
  std::unique_ptr<KeyFile> keys_;
  std::unique_ptr<ApiKeyFile> api_keys_;
  std::unique_ptr<Authentication> authentication_;
  std::unique_ptr<RoomAccess> rules_;
  FileWatch watch_;  // Last, as its thread uses the others.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_EDGE_ACCESS_H_
