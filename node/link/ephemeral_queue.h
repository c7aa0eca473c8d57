// Ephemeral events on their way to the broker.
#ifndef ROOMLOG_NODE_LINK_EPHEMERAL_QUEUE_H_
#define ROOMLOG_NODE_LINK_EPHEMERAL_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "node/link/backplane.h"
#include "proto/backplane.pb.h"

namespace roomlog {

// Keeps them in their place among the publishes, which have numbers: one that
// was asked for before publish number n is sent before it, and after those
// before n. None is ever sent twice. A part of LinkCore, on its thread; `done`
// is called from within.
class EphemeralQueue {
 public:
  // `before_number` is that of the publish that comes next, and never falls.
  void Add(PublishRequest request, Backplane::PublishDone done,
           uint64_t before_number, absl::Duration deadline);

  // Sent and not, with their bytes.
  size_t open_events() const { return open_.size(); }
  size_t open_bytes() const { return open_bytes_; }
  // Sent and not answered.
  size_t sent_events() const { return sent_; }
  size_t sent_bytes() const { return sent_bytes_; }

  // Publishes from this number on must wait for what is not sent yet; the
  // largest number if nothing waits.
  uint64_t barrier() const;

  // Makes the next message of those that wait at the barrier, of at most so
  // many events and little more than so many bytes. One must wait.
  void MakeMessage(size_t events_max, size_t bytes_enough,
                   proto::Ephemeral* message, std::string* packets);

  // False if nothing like it was asked.
  bool OnAnswer(const proto::EphemeralAnswer& answer,
                const absl::Status& status);
  // The session is lost: nobody knows what became of what was sent.
  void FailSent(const absl::Status& status);
  // Those whose deadline has passed. What was sent goes on using credit until
  // it is answered.
  void FailExpired(absl::Duration now, const absl::Status& status);

 private:
  struct Open {
    PublishRequest request;
    Backplane::PublishDone done;  // Empty once it was told.
    uint64_t before_number;
    absl::Duration deadline;
    uint64_t message = 0;  // The request it was sent with.
  };

  void Tell(Open* open, absl::StatusOr<PublishAnswer> answer);
  void DropFirst();

  std::deque<Open> open_;  // The first `sent_` are sent.
  size_t sent_ = 0;
  size_t open_bytes_ = 0;
  size_t sent_bytes_ = 0;
  uint64_t last_message_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_LINK_EPHEMERAL_QUEUE_H_
