#include "node/engineio/static_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "node/engineio/url.h"

namespace roomlog {
namespace {

absl::string_view ContentTypeOf(absl::string_view path) {
  constexpr std::pair<absl::string_view, absl::string_view> kTypes[] = {
      {".css", "text/css; charset=UTF-8"},
      {".gif", "image/gif"},
      {".html", "text/html; charset=UTF-8"},
      {".ico", "image/x-icon"},
      {".jpeg", "image/jpeg"},
      {".jpg", "image/jpeg"},
      {".js", "text/javascript; charset=UTF-8"},
      {".json", "application/json"},
      {".map", "application/json"},
      {".md", "text/markdown; charset=UTF-8"},
      {".mjs", "text/javascript; charset=UTF-8"},
      {".png", "image/png"},
      {".svg", "image/svg+xml"},
      {".txt", "text/plain; charset=UTF-8"},
      {".wasm", "application/wasm"},
      {".webp", "image/webp"},
      {".woff2", "font/woff2"},
  };
  for (const auto& [ending, type] : kTypes) {
    if (absl::EndsWithIgnoreCase(path, ending)) return type;
  }
  return "application/octet-stream";
}

// The path without symbolic links. Nothing: it does not exist.
std::optional<std::string> RealPath(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(
      realpath(path.c_str(), nullptr), &std::free);
  if (real == nullptr) return std::nullopt;
  return std::string(real.get());
}

// The file that a URL's path names, below the root. Nothing: none that may be
// served.
std::optional<std::string> RelativePath(absl::string_view url_path) {
  std::optional<std::string> path = PercentDecode(url_path);
  if (!path.has_value() || path->empty() || (*path)[0] != '/' ||
      absl::StrContains(*path, '\0')) {
    return std::nullopt;
  }
  if (path->back() == '/') path->append("index.html");
  for (absl::string_view name : absl::StrSplit(*path, '/', absl::SkipEmpty())) {
    if (name[0] == '.') return std::nullopt;  // Hidden, "." and "..".
  }
  return path->substr(1);
}

// Changes whenever the file does: with its time, to the nanosecond, or size.
std::string EntityTag(const struct stat& facts) {
  return absl::StrFormat("\"%x.%x-%x\"", facts.st_mtim.tv_sec,
                         facts.st_mtim.tv_nsec, facts.st_size);
}

// Whether If-None-Match names the tag (RFC 9110, 13.1.2).
bool Matches(absl::string_view if_none_match, absl::string_view tag) {
  for (absl::string_view one : absl::StrSplit(if_none_match, ',')) {
    one = absl::StripAsciiWhitespace(one);
    if (absl::StartsWith(one, "W/")) one.remove_prefix(2);
    if (one == tag || one == "*") return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<StaticFiles> StaticFiles::Open(const std::string& directory) {
  const std::optional<std::string> root = RealPath(directory);
  struct stat facts;
  if (!root.has_value() || stat(root->c_str(), &facts) != 0 ||
      !S_ISDIR(facts.st_mode)) {
    return absl::NotFoundError(absl::StrCat("no such directory: ", directory));
  }
  return StaticFiles(*root == "/" ? *root : absl::StrCat(*root, "/"));
}

HttpAnswer StaticFiles::Answer(const HttpRequest& request) const {
  if (!request.is_read()) {
    HttpAnswer answer = TextAnswer(405, "only GET and HEAD");
    answer.headers.emplace_back("Allow", "GET, HEAD");
    return answer;
  }
  const std::optional<std::string> relative = RelativePath(request.path());
  if (!relative.has_value()) return TextAnswer(404, "not found");
  const std::optional<std::string> path =
      RealPath(absl::StrCat(root_, *relative));
  if (!path.has_value() || !absl::StartsWith(*path, root_)) {
    return TextAnswer(404, "not found");
  }
  // Never waits: what is named may be a pipe.
  const int fd =
      open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (fd < 0) return TextAnswer(404, "not found");
  HttpAnswer answer;
  answer.file.native_handle(fd);  // Closes it, too.
  struct stat facts;
  if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return TextAnswer(404, "not found");
  }
  const std::string tag = EntityTag(facts);
  answer.headers = {{"ETag", tag}, {"Cache-Control", "no-cache"}};
  if (Matches(request.headers.Find("If-None-Match"), tag)) {
    answer.status = 304;
    boost::system::error_code ignored;
    answer.file.close(ignored);
    return answer;
  }
  answer.content_type = std::string(ContentTypeOf(*path));
  return answer;
}

}  // namespace roomlog
