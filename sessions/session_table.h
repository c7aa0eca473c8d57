// Decides what becomes of sessions.
#ifndef ROOMLOG_SESSIONS_SESSION_TABLE_H_
#define ROOMLOG_SESSIONS_SESSION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/state_change.h"
#include "proto/sessions.pb.h"
#include "sessions/member_change.h"

namespace roomlog {

// Something that a node is to hear, by an ephemeral event in a room.
struct SessionNoticeToSend {
  std::string room;    // "/$node\0<room>"
  std::string packet;  // A serialized SessionNotice.
};

// Every session of the cluster, in memory, and what is to be written of it. It
// follows from the operations and the times it is given alone. Not thread-safe.
//  * A session is restored by one node at a time: whoever restored it last has
//    it, and nobody else's operations are taken.
//  * Its window runs from when it was detached, or its owner was gone,
//    whichever came first, and not while it is attached. Once its window is
//    over it is never restored, whether or not Expire() has found it.
//  * Its socket is a member of its rooms while it is attached, and for
//    kPresenceGrace after it was detached, or its owner said goodbye; but only
//    until its owner fell silent for a lease, which was waited for already.
class SessionTable {
 public:
  // What an operation or a time brings about. The rows must be written before
  // anybody hears of it, and then Written() called; if they are not, Undo().
  struct Effects {
    std::vector<StateChange> rows;
    std::vector<SessionNoticeToSend> notices;
    std::vector<MemberChange> members;
  };

  explicit SessionTable(size_t sessions_max);
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  // A row that was written in an earlier life; in any order, and before all
  // else. DATA_LOSS: it is none.
  absl::Status Load(absl::string_view key, absl::string_view value);
  // Whoever owns sessions and has not said that it is gone. Rising.
  std::vector<ProducerId> Owners() const;

  // Applies what `owner` asks for at `offset`. `operation` is a serialized
  // SessionOperation. Returns what is to be answered: a serialized
  // SessionRecord for a restore, else nothing. INVALID_ARGUMENT: malformed, or
  // beyond a bound of base/limits.h. OUT_OF_RANGE: too many sessions.
  // NOT_FOUND: there is none, or its window is over, or a restore asks for
  // another user's. FAILED_PRECONDITION: it is fenced. After an error nothing
  // has changed.
  absl::StatusOr<std::string> Apply(ProducerId owner,
                                    absl::string_view operation, Offset offset,
                                    int64_t now_ms, Effects* effects);

  // The lease of `owner` is over, or it said goodbye, or it greets again after
  // that: then its sessions are attached as they were, but those whose windows
  // were over by then have ended. Either may be said of anyone at any time.
  void OwnerGone(ProducerId owner, bool said_goodbye, int64_t now_ms,
                 Effects* effects);
  void OwnerBack(ProducerId owner, int64_t now_ms, Effects* effects);

  // Ends at most `most` sessions whose windows are over. Returns how many.
  size_t Expire(int64_t now_ms, size_t most, Effects* effects);
  // When the next window is over; nothing if none runs.
  std::optional<int64_t> next_deadline_ms() const;

  // Makes at most `most` sockets members again, or no more, that have become so
  // by the time alone. Returns how many.
  size_t SettleMembers(int64_t now_ms, size_t most, Effects* effects);
  // When there is the next; nothing if there is none.
  std::optional<int64_t> next_settling_ms() const;
  // Calls `each` for the sockets that are members of rooms.
  void ForEachMember(absl::FunctionRef<void(MemberChange)> each) const;

  // Takes back all that was done since the last call of Undo() or Written(),
  // for its rows could not be written.
  void Undo();
  void Written();

  size_t session_count() const { return sessions_.size(); }

 private:
  static constexpr int64_t kNoDeadline = -1;

  // The record is kept as it is stored: a tenth of what it takes parsed.
  struct Session {
    std::string key;  // As in the rows.
    std::string record;
    ProducerId owner;
    int64_t detached_ms = 0;
    int64_t window_ms = 0;
    int64_t deadline_ms = kNoDeadline;
    bool is_absent = false;
    int64_t settles_ms = kNoDeadline;  // When that is otherwise.
  };
  // Sessions are found by their keys: a map would keep those once more.
  struct HashOfKey {
    using is_transparent = void;
    size_t operator()(absl::string_view key) const { return absl::HashOf(key); }
    size_t operator()(const std::unique_ptr<Session>& session) const {
      return absl::HashOf(absl::string_view(session->key));
    }
  };
  struct HasSameKey {
    using is_transparent = void;
    bool operator()(const std::unique_ptr<Session>& a,
                    const std::unique_ptr<Session>& b) const {
      return a->key == b->key;
    }
    bool operator()(const std::unique_ptr<Session>& a,
                    absl::string_view key) const {
      return a->key == key;
    }
  };
  struct EarlierDeadline {
    bool operator()(const Session* a, const Session* b) const {
      // By the key, too: all who are given the same do the same.
      return std::tie(a->deadline_ms, a->key) <
             std::tie(b->deadline_ms, b->key);
    }
  };
  struct SettlesEarlier {
    bool operator()(const Session* a, const Session* b) const {
      return std::tie(a->settles_ms, a->key) < std::tie(b->settles_ms, b->key);
    }
  };
  struct Gone {
    int64_t at_ms = 0;
    bool said_goodbye = false;
  };
  struct Owner {
    std::optional<Gone> gone;
    absl::flat_hash_set<Session*> sessions;
  };
  // What a row was before; nothing if there was none.
  struct Before {
    std::string key;
    std::optional<std::string> value;
  };

  absl::StatusOr<std::string> Open(ProducerId owner,
                                   const proto::SessionOperation& operation,
                                   Offset offset, Effects* effects);
  absl::Status Change(const proto::ChangeSession& change,
                      proto::SessionRecord* record);
  std::string Restore(ProducerId owner,
                      const proto::SessionOperation& operation,
                      proto::SessionRecord* record, Effects* effects);

  // Change a session or an owner and remember what it was, for Undo();
  // `effects` gets the rows.
  void PutSession(std::string key, const proto::SessionRecord& record,
                  Effects* effects);
  void EndSession(const std::string& key, Effects* effects);
  void SetGone(ProducerId owner, std::optional<Gone> gone, Effects* effects);
  // If nobody's sessions wait for this owner any more, its row goes.
  void ForgetOwnerIfIdle(ProducerId owner, Effects* effects);

  // Make memory and indexes say what the rows say.
  void SetInMemory(const std::string& key, const proto::SessionRecord& record,
                   std::string bytes);
  void EraseInMemory(const std::string& key);
  void SetGoneInMemory(ProducerId owner, std::optional<Gone> gone);
  void SetDeadlines(Session& session, const std::optional<Gone>& gone);
  // When its membership is to be settled, if ever.
  static int64_t SettlingOf(const Session& session,
                            const std::optional<Gone>& gone);
  // Takes it out of the indexes by time.
  void ClearDeadlines(Session& session);
  static std::string OwnerRow(const Gone& gone);

  const size_t sessions_max_;
  absl::flat_hash_set<std::unique_ptr<Session>, HashOfKey, HasSameKey>
      sessions_;
  absl::flat_hash_map<ProducerId, Owner> owners_;
  absl::btree_set<Session*, EarlierDeadline> by_deadline_;
  absl::btree_set<Session*, SettlesEarlier> by_settling_;
  std::vector<Before> before_;  // Latest last.
};

}  // namespace roomlog

#endif  // ROOMLOG_SESSIONS_SESSION_TABLE_H_
