// A backplane for an event loop, which must never wait.
#ifndef ROOMLOG_NODE_LINK_LOOP_BACKPLANE_H_
#define ROOMLOG_NODE_LINK_LOOP_BACKPLANE_H_

#include <cstddef>

#include "node/link/backplane.h"

namespace roomlog {

// Belongs to the loop's thread, on which all its calls are made.
class LoopBackplane : public Backplane {
 public:
  // Readable when DoWork() has something to do. Owned by this object.
  virtual int wake_fd() const = 0;
  // Makes the callbacks that are due, a bounded number. Returns how many; 0
  // means idle. `follower`, the same each time, hears of the rooms.
  virtual size_t DoWork(RoomFollower& follower) = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_LOOP_BACKPLANE_H_
