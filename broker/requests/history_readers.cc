#include "broker/requests/history_readers.h"

#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "base/limits.h"

namespace roomlog {

HistoryReaders::HistoryReaders(const RoomLog& log, int threads,
                               Mailbox<HistoryReadDone>& done)
    : log_(log), done_(done) {
  for (int i = 0; i < threads; ++i) {
    reads_.push_back(
        std::make_unique<Mailbox<HistoryRead>>(kWaitingReadsMax / threads));
    threads_.emplace_back([this, &reads = *reads_.back()] { Run(reads); });
  }
}

HistoryReaders::~HistoryReaders() {
  done_.Close();
  for (const auto& reads : reads_) {
    reads->Close();
    std::vector<HistoryRead> dropped;
    reads->Take(kWaitingReadsMax, &dropped);
  }
  for (std::thread& thread : threads_) thread.join();
}

bool HistoryReaders::Submit(HistoryRead read) {
  for (size_t tried = 0; tried < reads_.size(); ++tried) {
    next_ = (next_ + 1) % reads_.size();
    if (reads_[next_]->TryPut(std::move(read))) return true;
  }
  return false;
}

void HistoryReaders::Run(Mailbox<HistoryRead>& reads) {
  std::vector<HistoryRead> taken;
  while (!reads.Finished()) {
    reads.Wait(absl::InfiniteDuration());
    taken.clear();
    reads.Take(1, &taken);
    for (HistoryRead& read : taken) {
      done_.Put({read.node, read.request, log_.Read(read.query)});
    }
  }
}

}  // namespace roomlog
