// roomlog-keygen: draws the keys by which nodes and brokers know each other.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/curve_key.h"

namespace roomlog {
namespace {

constexpr char kUsage[] =
    "Draws a key for a node or a broker, and says what it is.\n"
    "  roomlog-keygen FILE            writes a secret key to FILE, which must\n"
    "                                 not be there, and prints its public key\n"
    "  roomlog-keygen --public FILE   prints the public key of the secret key\n"
    "                                 in FILE\n";

absl::Status WriteNew(const std::string& path, const std::string& text) {
  const auto failed = [&] {
    return absl::UnavailableError(
        absl::StrCat(path, ": ", std::strerror(errno)));
  };
  // For its owner alone, from the first moment on; and nobody's key is lost.
  const int file =
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return failed();
  const ssize_t written = write(file, text.data(), text.size());
  const bool is_written =
      written == static_cast<ssize_t>(text.size()) && fsync(file) == 0;
  const absl::Status status = is_written ? absl::OkStatus() : failed();
  close(file);
  if (!is_written) unlink(path.c_str());
  return status;
}

absl::Status Run(bool reads, const std::string& path) {
  const absl::StatusOr<CurveKeyPair> key =
      reads ? CurveKeyPair::ReadFile(path) : CurveKeyPair::Generate();
  if (!key.ok()) return key.status();
  if (!reads) {
    const absl::Status written = WriteNew(path, key->ToFileText());
    if (!written.ok()) return written;
  }
  std::printf("%s\n", key->public_key().ToHex().c_str());
  return absl::OkStatus();
}

}  // namespace
}  // namespace roomlog

int main(int argc, char** argv) {
  const bool reads = argc == 3 && std::strcmp(argv[1], "--public") == 0;
  if (!reads && (argc != 2 || argv[1][0] == '-')) {
    std::fputs(roomlog::kUsage, stderr);
    return 2;
  }
  const absl::Status status = roomlog::Run(reads, argv[argc - 1]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "roomlog-keygen: %s\n",
               std::string(status.message()).c_str());
  return 1;
}
