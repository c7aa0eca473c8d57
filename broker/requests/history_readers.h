// The threads that read history.
#ifndef ROOMLOG_BROKER_REQUESTS_HISTORY_READERS_H_
#define ROOMLOG_BROKER_REQUESTS_HISTORY_READERS_H_

#include <thread>
#include <vector>

#include "base/mailbox.h"
#include "broker/requests/history_reads.h"
#include "storage/room_log.h"

namespace roomlog {

// Reads from the log's snapshots on threads of its own, so that a slow disk
// holds up neither commits nor messages.
class HistoryReaders final : public HistoryReads {
 public:
  // Borrows both. `done` must take kWaitingReadsMax and kReaderThreads more, or
  // the readers wait.
  HistoryReaders(const RoomLog& log, int threads,
                 Mailbox<HistoryReadDone>& done);
  // Drops what waits, and waits for what is being read.
  ~HistoryReaders() override;

  bool Submit(HistoryRead read) override;

 private:
  void Run(Mailbox<HistoryRead>& reads);

  const RoomLog& log_;
  Mailbox<HistoryReadDone>& done_;
  // One for each thread, filled in turn.
  std::vector<std::unique_ptr<Mailbox<HistoryRead>>> reads_;
  size_t next_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_REQUESTS_HISTORY_READERS_H_
