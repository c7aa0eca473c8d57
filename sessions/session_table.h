// Decides what becomes of sessions.
#ifndef ROOMLOG_SESSIONS_SESSION_TABLE_H_
#define ROOMLOG_SESSIONS_SESSION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "proto/sessions.pb.h"

namespace roomlog {

// A row of the table on disk: put, or taken away if there is no value.
struct StateChange {
  std::string key;
  std::optional<std::string> value;
};

// Something that a node is to hear, by an ephemeral event in a room.
struct SessionNoticeToSend {
  std::string room;  // "/$node\0<room>"
  std::string packet;
};

// Every session of the cluster, in memory, and what is to be written of it. It
// follows from the operations and the times it is given alone. Not thread-safe.
//  * A session is restored by one node at a time: whoever restored it last has
//    it, and nobody else's operations are taken.
//  * Its window runs from when it was detached, or its owner was gone, whichever
//    came first, and not while it is attached. Once its window is over it is
//    never restored, whether or not Expire() has found it.
class SessionTable {
 public:
  // What an operation or a time brings about. The rows must be written before
  // anybody hears of it; if they are not, call Undo().
  struct Effects {
    std::vector<StateChange> rows;
    std::vector<SessionNoticeToSend> notices;
  };

  explicit SessionTable(size_t sessions_max);

  // A row that was written in an earlier life. DATA_LOSS: it is none.
  absl::Status Load(absl::string_view key, absl::string_view value);
  // Whoever owns sessions and has not said that it is gone, as loaded. Their
  // leases begin anew with the process.
  std::vector<ProducerId> Owners() const;

  // Applies what `owner` asks for at `offset`. `operation` is a serialized
  // SessionOperation. Returns what is to be answered: a serialized SessionRecord
  // for a restore, else nothing. INVALID_ARGUMENT: malformed, or beyond a bound
  // of base/limits.h. RESOURCE_EXHAUSTED: too many sessions. NOT_FOUND: there is
  // none, or its window is over. FAILED_PRECONDITION: it is fenced. After an
  // error nothing has changed.
  absl::StatusOr<std::string> Apply(ProducerId owner,
                                    absl::string_view operation, Offset offset,
                                    int64_t now_ms, Effects* effects);

  // The lease of `owner` is over, or it greets again after that.
  void OwnerGone(ProducerId owner, int64_t now_ms, Effects* effects);
  void OwnerBack(ProducerId owner, int64_t now_ms, Effects* effects);

  // Ends at most `most` sessions whose windows are over. Returns how many.
  size_t Expire(int64_t now_ms, size_t most, Effects* effects);

  // Takes back all that was done since the last call of Undo() or Written(),
  // for its rows could not be written.
  void Undo();
  void Written();

  size_t session_count() const;
};

}  // namespace roomlog

#endif  // ROOMLOG_SESSIONS_SESSION_TABLE_H_
