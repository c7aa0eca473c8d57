// History reads, off the I/O thread.
#ifndef ROOMLOG_BROKER_REQUESTS_HISTORY_READS_H_
#define ROOMLOG_BROKER_REQUESTS_HISTORY_READS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "broker/journal/publish_batch.h"
#include "storage/event.h"

namespace roomlog {

struct HistoryRead {
  NodeNumber node;
  uint64_t request = 0;  // The node's number for it.
  ReadQuery query;
};

struct HistoryReadDone {
  NodeNumber node;
  uint64_t request = 0;
  absl::StatusOr<ReadPage> page;
};

// Reads pages somewhere else; each comes back as a HistoryReadDone, in any
// order.
class HistoryReads {
 public:
  virtual ~HistoryReads() = default;

  // False, and nothing happens, if kWaitingReadsMax wait already.
  virtual bool Submit(HistoryRead read) = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_BROKER_REQUESTS_HISTORY_READS_H_
