#include "base/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace roomlog {

absl::StatusOr<std::string> ReadSmallFile(const std::string& path,
                                          size_t bytes_max) {
  const auto wrong = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", why));
  };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return wrong(std::strerror(errno));
  std::string text(bytes_max + 1, '\0');
  size_t size = 0;
  ssize_t got = 0;
  do {
    got = read(file, text.data() + size, text.size() - size);
    if (got > 0) size += static_cast<size_t>(got);
  } while (size < text.size() && (got > 0 || (got < 0 && errno == EINTR)));
  const int error = errno;
  close(file);
  if (got < 0) return wrong(std::strerror(error));
  if (size > bytes_max) {
    return wrong(absl::StrCat("it holds more than ", bytes_max, " bytes"));
  }
  text.resize(size);
  return text;
}

}  // namespace roomlog
