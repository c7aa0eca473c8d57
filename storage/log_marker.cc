#include "storage/log_marker.h"

#include <fcntl.h>
#include <rocksdb/file_system.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "storage/rocksdb_status.h"

namespace roomlog {
namespace {

constexpr char kFileName[] = "ROOMLOG";
constexpr char kTitle[] = "roomlog 1";

// FNV-1a, written down so that it never changes.
uint64_t Checksum(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash;
}

bool ParseNumbers(absl::Span<const absl::string_view> words,
                  std::vector<uint64_t>* numbers) {
  for (absl::string_view word : words) {
    if (!absl::SimpleAtoi(word, &numbers->emplace_back())) return false;
  }
  return true;
}

}  // namespace

std::string LogMarker::Format() const {
  std::string text =
      absl::StrCat(kTitle, "\nepoch ", epoch.value(), "\nreserved ",
                   reserved_through.value(), "\n");
  for (const VoidRange& range : void_ranges) {
    absl::StrAppend(&text, "void ", range.first.value(), " ",
                    range.last.value(), "\n");
  }
  if (unsynced_may_be_lost) absl::StrAppend(&text, "unsure\n");
  absl::StrAppend(&text, "sum ", Checksum(text), "\n");
  text.resize(kBytes, '\n');
  return text;
}

absl::StatusOr<LogMarker> LogMarker::Parse(absl::string_view text) {
  const absl::Status damaged =
      absl::DataLossError("it is not as Roomlog wrote it");
  const size_t sum = text.rfind("sum ");
  uint64_t checksum;
  if (text.size() != kBytes || sum == absl::string_view::npos ||
      !absl::SimpleAtoi(text.substr(sum + 4), &checksum) ||
      checksum != Checksum(text.substr(0, sum))) {
    return damaged;
  }
  LogMarker marker;
  bool titled = false;
  for (absl::string_view line : absl::StrSplit(text.substr(0, sum), '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    std::vector<uint64_t> numbers;
    if (line == kTitle) {
      titled = true;
    } else if (line == "unsure") {
      marker.unsynced_may_be_lost = true;
    } else if (!ParseNumbers(absl::MakeSpan(words).subspan(1), &numbers)) {
      return damaged;
    } else if (words[0] == "epoch" && numbers.size() == 1) {
      marker.epoch = Epoch(numbers[0]);
    } else if (words[0] == "reserved" && numbers.size() == 1) {
      marker.reserved_through = Offset(numbers[0]);
    } else if (words[0] == "void" && numbers.size() == 2) {
      marker.void_ranges.push_back({Offset(numbers[0]), Offset(numbers[1])});
    }  // Another line is a later version's.
  }
  if (!titled) return damaged;
  return marker;
}

LogMarkerFile::LogMarkerFile(std::shared_ptr<rocksdb::FileSystem> file_system,
                             const std::string& directory)
    : file_system_(std::move(file_system)),
      directory_(directory),
      path_(absl::StrCat(directory, "/", kFileName)) {}

absl::StatusOr<std::optional<LogMarker>> LogMarkerFile::Read() const {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  rocksdb::IOStatus status = file_system_->NewSequentialFile(
      path_, rocksdb::FileOptions(), &file, nullptr);
  if (status.IsNotFound() || status.IsPathNotFound()) return std::nullopt;
  if (!status.ok()) return ToAbslStatus(status, path_);
  // One byte more than there should be.
  std::string buffer(LogMarker::kBytes + 1, '\0');
  rocksdb::Slice read;
  status = file->Read(buffer.size(), rocksdb::IOOptions(), &read, buffer.data(),
                      nullptr);
  if (!status.ok()) return ToAbslStatus(status, path_);
  absl::StatusOr<LogMarker> marker =
      LogMarker::Parse(absl::string_view(read.data(), read.size()));
  if (!marker.ok()) {
    return absl::DataLossError(
        absl::StrCat(path_, ": ", marker.status().message()));
  }
  return std::make_optional(*std::move(marker));
}

absl::Status LogMarkerFile::Create(const LogMarker& marker) const {
  const rocksdb::IOOptions io;
  const std::string new_path = path_ + ".new";
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus status = file_system_->NewWritableFile(
      new_path, rocksdb::FileOptions(), &file, nullptr);
  if (status.ok()) status = file->Append(marker.Format(), io, nullptr);
  if (status.ok()) status = file->Fsync(io, nullptr);
  if (status.ok()) status = file->Close(io, nullptr);
  if (status.ok()) {
    status = file_system_->RenameFile(new_path, path_, io, nullptr);
  }
  std::unique_ptr<rocksdb::FSDirectory> directory;
  if (status.ok()) {
    status = file_system_->NewDirectory(directory_, io, &directory, nullptr);
  }
  if (status.ok()) status = directory->Fsync(io, nullptr);
  return ToAbslStatus(status, path_);
}

absl::Status LogMarkerFile::Overwrite(const LogMarker& marker) const {
  const rocksdb::IOOptions io;
  std::unique_ptr<rocksdb::FSRandomRWFile> file;
  rocksdb::IOStatus status = file_system_->NewRandomRWFile(
      path_, rocksdb::FileOptions(), &file, nullptr);
  if (status.ok()) status = file->Write(0, marker.Format(), io, nullptr);
  if (status.ok()) status = file->Sync(io, nullptr);
  if (status.ok()) status = file->Close(io, nullptr);
  return ToAbslStatus(status, path_);
}

absl::StatusOr<FileIdentity> LogMarkerFile::Identity() const {
  struct statx facts;
  if (statx(AT_FDCWD, path_.c_str(), 0, STATX_INO | STATX_BTIME, &facts) != 0) {
    return absl::UnavailableError(
        absl::StrCat(path_, ": ", std::strerror(errno)));
  }
  FileIdentity identity{.inode = facts.stx_ino};
  if (facts.stx_mask & STATX_BTIME) {
    identity.born_ns = facts.stx_btime.tv_sec * int64_t{1'000'000'000} +
                       facts.stx_btime.tv_nsec;
  }
  return identity;
}

}  // namespace roomlog
