#include "base/file_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace roomlog {
namespace {

constexpr int kLookIntervalMs = 1000;
// What is written to wake the thread: to read everything anew, and to end.
constexpr uint64_t kHangup = 1;
constexpr uint64_t kEnd = uint64_t{1} << 32;

}  // namespace

FileWatch::FileWatch() : wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

FileWatch::~FileWatch() {
  if (thread_.joinable()) {
    eventfd_write(wake_fd_, kEnd);
    thread_.join();
  }
  close(wake_fd_);
}

FileWatch::Stamp FileWatch::StampOf(const std::string& path) {
  struct stat about = {};
  if (stat(path.c_str(), &about) != 0) return Stamp();
  return {int64_t{about.st_mtim.tv_sec} * 1'000'000'000 + about.st_mtim.tv_nsec,
          about.st_size, about.st_ino};
}

void FileWatch::Add(std::string path, std::function<void()> reread) {
  const Stamp seen = StampOf(path);
  files_.push_back({std::move(path), std::move(reread), seen});
}

void FileWatch::Start(int hangup_fd) {
  thread_ = std::thread([this, hangup_fd] { RunThread(hangup_fd); });
}

void FileWatch::Hangup() { eventfd_write(wake_fd_, kHangup); }

void FileWatch::RunThread(int hangup_fd) {
  while (true) {
    pollfd polled[] = {{wake_fd_, POLLIN, 0}, {hangup_fd, POLLIN, 0}};
    poll(polled, hangup_fd >= 0 ? 2 : 1, kLookIntervalMs);
    eventfd_t said = 0;
    bool hung_up = eventfd_read(wake_fd_, &said) == 0;
    if (said >= kEnd) return;
    signalfd_siginfo signal;
    while (hangup_fd >= 0 &&
           read(hangup_fd, &signal, sizeof(signal)) == sizeof(signal)) {
      hung_up = true;
    }
    Look(hung_up);
  }
}

void FileWatch::Look(bool at_all) {
  for (File& file : files_) {
    const Stamp now = StampOf(file.path);
    if (!at_all && now == file.seen) continue;
    file.seen = now;
    file.reread();
  }
}

}  // namespace roomlog
