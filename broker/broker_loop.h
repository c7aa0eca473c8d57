// The I/O thread of the broker.
#ifndef ROOMLOG_BROKER_BROKER_LOOP_H_
#define ROOMLOG_BROKER_BROKER_LOOP_H_

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mailbox.h"
#include "broker/journal/local_journal.h"
#include "broker/requests/broker_core.h"
#include "broker/requests/history_reads.h"
#include "broker/transport/router.h"

namespace roomlog {

// Waits for messages, results and the time, and hands them to the deciding
// part, a bounded turn at a time.
class BrokerLoop {
 public:
  // Borrows everything. `stop_fd` becomes readable when the broker is to stop.
  BrokerLoop(const Clock& clock, Router& router, BrokerCore& core,
             LocalJournal& journal, Mailbox<JournalResult>& results,
             Mailbox<HistoryReadDone>& reads, int stop_fd);

  // Runs until told to stop; then takes no more messages, but commits and
  // answers what it took.
  void Run();

 private:
  void Wait(absl::Duration timeout);
  // Whether anything was done.
  bool TakeResults();
  bool TakeReads();
  bool TakeMessages();
  void Drain();

  const Clock& clock_;
  Router& router_;
  BrokerCore& core_;
  LocalJournal& journal_;
  Mailbox<JournalResult>& results_;
  Mailbox<HistoryReadDone>& reads_;
  const int stop_fd_;
  bool stopping_ = false;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_BROKER_LOOP_H_
