// Notices when files change that a running program is to read anew.
#ifndef ROOMLOG_BASE_FILE_WATCH_H_
#define ROOMLOG_BASE_FILE_WATCH_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"

namespace roomlog {

// Looks about once a second, on a thread of its own, so that nobody who uses
// what the files say ever waits for a disk.
class FileWatch {
 public:
  FileWatch();
  // No call of `reread` is under way any more.
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // From Start() on calls `reread` on the watch's thread when the file is
  // another than it was at this call. To be called before it is read first, so
  // that no change is missed.
  void Add(std::string path, std::function<void()> reread);

  // `hangup_fd` (-1: none) is a signalfd, a signal of which is as Hangup().
  void Start(int hangup_fd = -1);

  // Rereads all files, changed or not. Any thread, soon.
  void Hangup();

 private:
  // Two versions of a file hardly have all of it in common.
  struct Stamp {
    int64_t modified_ns = 0;
    off_t bytes = 0;
    ino_t inode = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct File {
    std::string path;
    std::function<void()> reread;
    Stamp seen;
  };

  static Stamp StampOf(const std::string& path);
  void RunThread(int hangup_fd);
  void Look(bool at_all);

  std::vector<File> files_;
  const int wake_fd_;
  std::thread thread_;
};

}  // namespace roomlog

#endif  // ROOMLOG_BASE_FILE_WATCH_H_
