#include "base/mailbox.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace roomlog {
namespace {

int OpenEventFd() {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) {
    std::perror("cannot make an eventfd");
    std::abort();
  }
  return fd;
}

}  // namespace

Doorbell::Doorbell() : fd_(OpenEventFd()) {}

Doorbell::~Doorbell() { close(fd_); }

void Doorbell::Ring() {
  const uint64_t one = 1;
  // It fails only if it was rung 2^64 - 1 times, and then it rings.
  [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
}

void Doorbell::Silence() {
  uint64_t rings;
  // It fails only if it was not rung.
  [[maybe_unused]] const ssize_t got = read(fd_, &rings, sizeof(rings));
}

void Doorbell::Wait(absl::Duration timeout) {
  pollfd waiting = {fd_, POLLIN, 0};
  const timespec span = absl::ToTimespec(
      timeout < absl::ZeroDuration() ? absl::ZeroDuration() : timeout);
  ppoll(&waiting, 1, &span, nullptr);
}

}  // namespace roomlog
