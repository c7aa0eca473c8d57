// Who is to go, and whose tokens are no longer good.
#ifndef ROOMLOG_NODE_SERVER_DISMISSALS_H_
#define ROOMLOG_NODE_SERVER_DISMISSALS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "base/room_key.h"
#include "node/link/backplane.h"
#include "node/rooms/room_layer.h"
#include "proto/users.pb.h"

namespace roomlog {

// One loop's copy of what all nodes are told (proto/users.proto): it follows
// their room, and reads what was said there before, until it knows all of it.
// Belongs to the loop's thread.
class Dismissals {
 public:
  using OnDismissal =
      std::function<void(const proto::Dismissal& dismissal, absl::Time at)>;

  static RoomKey Room();

  // Borrows both. `on_known` is called whenever they become known.
  // `on_dismissal` is called for each that is said from now on, and for
  // revocations that this loop comes to know only later, perhaps again.
  Dismissals(RoomLayer& rooms, Backplane& backplane, OnDismissal on_dismissal,
             std::function<void()> on_known);

  // Whether it knows all that was said before now, as far as this node has
  // heard the log. Then RevokedAt() may be asked.
  bool are_known() const { return !is_reading_; }
  // Until when the user's tokens were revoked; nothing: they never were.
  std::optional<absl::Time> RevokedAt(absl::string_view user) const;

  // Tries again what failed. To be called about once a second.
  void OnTick();

 private:
  void BeginReading();
  void ReadOn();
  void OnPage(const absl::StatusOr<HistoryPage>& page);
  void Take(const EventView& event, bool is_old);

  Backplane& backplane_;
  const OnDismissal on_dismissal_;
  const std::function<void()> on_known_;
  absl::flat_hash_map<std::string, absl::Time> revoked_;
  bool is_reading_ = true;
  bool is_asking_ = false;    // A page is on its way.
  bool begins_anew_ = false;  // And it is not to be taken.
  bool is_followed_ = false;
  Offset read_through_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_SERVER_DISMISSALS_H_
