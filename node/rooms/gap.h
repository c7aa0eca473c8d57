// What somebody asked for and cannot have.
#ifndef ROOMLOG_NODE_ROOMS_GAP_H_
#define ROOMLOG_NODE_ROOMS_GAP_H_

#include "base/position.h"
#include "node/link/backplane.h"

namespace roomlog {

// Of the events after `from`, up to and with `to`, some or all were not sent;
// what was sent next comes after `to`.
struct Gap {
  GapReason reason;
  Position from;
  Position to;

  friend bool operator==(const Gap&, const Gap&) = default;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ROOMS_GAP_H_
