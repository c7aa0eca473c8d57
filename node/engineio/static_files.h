// Files of one directory, over HTTP.
#ifndef ROOMLOG_NODE_ENGINEIO_STATIC_FILES_H_
#define ROOMLOG_NODE_ENGINEIO_STATIC_FILES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "node/engineio/http_message.h"

namespace roomlog {

// Serves what is in the directory now, each time anew. Nothing outside it, by
// ".." or by a symbolic link, and no name that begins with a dot.
class StaticFiles {
 public:
  // NOT_FOUND: there is no such directory.
  static absl::StatusOr<StaticFiles> Open(const std::string& directory);

  // 200, 304, 404 or 405.
  HttpAnswer Answer(const HttpRequest& request) const;

 private:
  explicit StaticFiles(std::string root) : root_(std::move(root)) {}

  std::string root_;  // Without symbolic links, and with a final slash.
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_STATIC_FILES_H_
