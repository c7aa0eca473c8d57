// The bounds of presence, with their reasons; see base/limits.h.
#ifndef ROOMLOG_BASE_PRESENCE_LIMITS_H_
#define ROOMLOG_BASE_PRESENCE_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"
#include "base/limits.h"

namespace roomlog {

// How long somebody whose client is lost is still a member of his rooms: longer
// than a client takes to connect again, so that others see no leaving and
// joining; no longer than the lease of a node, whose clients are lost as well.
inline constexpr absl::Duration kPresenceGrace = kNodeLease;
// A node silent for this long is not gone yet, but whom it holds is shown as
// away: three heartbeats are missing.
inline constexpr absl::Duration kNodeSilenceAway = absl::Seconds(3);
// Sockets that one call of TidyUp() makes members again, or no more; the next
// goes on.
inline constexpr size_t kMembersSettledPerCallMax = 16384;
// Members on one page: at 20 and 255 bytes for socket and user a third of a MiB
// at most. Whoever asks for more gets this, and that there is more.
inline constexpr size_t kMembersPageMax = 1000;
// Sockets told in one piece when the broker starts.
inline constexpr size_t kMembersLoadedAtOnce = 4096;
// Users of whom it is known when they were online last, in all namespaces: about
// 300 bytes of memory each, a kilobyte with the longest names. Beyond them those
// are forgotten who have been away for longest.
inline constexpr size_t kLastSeenUsersMax = 200'000;
// Questions for members that wait at a node for the broker; one more is refused
// at once.
inline constexpr size_t kWaitingMemberReadsMax = 4096;

}  // namespace roomlog

#endif  // ROOMLOG_BASE_PRESENCE_LIMITS_H_
