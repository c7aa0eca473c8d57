// How long what a room said is kept.
#ifndef ROOMLOG_STORAGE_RETENTION_H_
#define ROOMLOG_STORAGE_RETENTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/room_key.h"

namespace roomlog {

// The bounds of one room's history; an event beyond any of them may go. The
// defaults suit a chat: nobody scrolls back further, and no room fills a disk.
struct Retention {
  absl::Duration age_max = absl::Hours(7 * 24);
  uint64_t events_max = 100'000;
  uint64_t bytes_max = uint64_t{256} << 20;  // Of packets.

  // An event of an earlier time is expired: it is never read again.
  int64_t ExpiredBefore(int64_t now_ms) const;

  // Whether a room that holds this much is worth trimming. It is only past an
  // eighth more than its bounds, or 64 events more if that is greater, so that
  // one trim takes away many events.
  bool Exceeded(uint64_t events, uint64_t bytes) const;
  // The same for the age of the room's oldest event.
  bool Outlived(int64_t oldest_ms, int64_t now_ms) const;

  friend bool operator==(const Retention&, const Retention&) = default;
};

// Says which retention a room has.
class RetentionRules {
 public:
  RetentionRules() = default;  // The default for every room.

  // Reads rules such as
  //   /chat:room-*=age:24h,events:1000,bytes:64MiB
  // each for the rooms whose namespace and name match the patterns, in which *
  // is any run of bytes and ? one byte; * alone stands for *:*. The first rule
  // that matches counts; bounds it does not name are the default's. An age is
  // as in Go (1h30m) or in days (7d), or inf; bytes may have KiB, MiB, GiB or
  // TiB behind them. INVALID_ARGUMENT: says which rule is wrong and why.
  static absl::StatusOr<RetentionRules> Parse(
      const std::vector<std::string>& rules);

  // Of a user's room (base/user_room.h) the latest events are kept for good,
  // whatever the rules say. Lives as long as this object does.
  const Retention& For(const RoomKey& room) const;

 private:
  struct Rule {
    std::string name_space_pattern;
    std::string room_pattern;
    Retention retention;
  };

  static absl::StatusOr<Rule> ParseRule(absl::string_view text);

  std::vector<Rule> rules_;
  Retention default_;
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_RETENTION_H_
