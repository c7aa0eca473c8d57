// Says whether what was told in a simulation keeps the promises.
#ifndef ROOMLOG_TEST_SIM_ORACLE_H_
#define ROOMLOG_TEST_SIM_ORACLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/position.h"

namespace roomlog {

// A promise that was broken, with the facts.
struct Finding {
  std::string promise;  // "P1" to "P7", or "liveness".
  std::string facts;
};

// Knows what is on the disk, and is shown all that clients and nodes are told
// in return. Judges at once, and keeps no more than the events of the run: the
// oldest of them are forgotten in a long one.
//
// A reader is one client or one life of a node, in one room. It has a cursor:
// up to there it has everything that it was to get. A reader that is joining is
// sent the past first, and what of it is missing must be told by the end.
class Oracle {
 public:
  struct Options {
    // What was acknowledged, or heard, survives a power cut.
    bool synced = true;
    // Rooms of which retention may take events.
    std::set<std::string> rooms_with_retention;
    size_t events_max = 500'000;
  };
  struct Gap {
    Position from;
    Position to;
    std::string reason;  // As clients are told.
  };

  explicit Oracle(Options options) : options_(std::move(options)) {}

  // ---- What is on the disk ----

  // `text` is what the event says, different for each publish.
  void OnWritten(const std::string& room, Offset offset,
                 const std::string& text, bool has_id);
  void OnLost(Offset offset);
  // The checksum of the event is wrong from here on.
  void OnDamaged(Offset offset) { damaged_.insert(offset.value()); }
  void OnTrimmed(const std::string& room, Offset through);

  // ---- What publishers are told ----

  void OnAcknowledged(absl::string_view publisher, const std::string& room,
                      const std::string& text, Position position);

  // ---- What readers are told ----

  // It begins to be sent the past after `after`; from anywhere if there is
  // none.
  void OnJoining(const std::string& reader, const std::string& room,
                 std::optional<Position> after);
  // It has it, up to `position`, and hears all that comes from here on.
  void OnJoined(const std::string& reader, const std::string& room,
                Position position, const std::optional<Gap>& gap);
  void OnHeard(const std::string& reader, const std::string& room,
               Position position, const std::string& text);
  void OnGap(const std::string& reader, const std::string& room,
             const Gap& gap);
  // Hears nothing more of the room.
  void OnGone(const std::string& reader, const std::string& room);
  // A node hears all its rooms in one order.
  void OnNodeHeard(const std::string& node, Offset offset);
  // All the reader's rooms, and what it is for as a node.
  void OnGone(const std::string& reader);

  // ---- What is counted ----

  void OnSize(absl::string_view what, size_t size, size_t bound);

  // ---- The end ----

  // Nothing is under way any more: every reader must have all there is.
  void CheckAtRest();
  void Report(absl::string_view promise, std::string facts);

  // The first ones of each promise; empty if all is well.
  const std::vector<Finding>& findings() const { return findings_; }

  size_t events_written() const { return events_written_; }
  size_t events_heard() const { return events_heard_; }
  size_t acknowledged() const { return acknowledged_; }
  size_t gaps_told() const { return gaps_told_; }

 private:
  struct Event {
    std::string room;
    std::string text;
    bool has_id = false;
    bool was_told = false;  // Somebody heard it, or its acknowledgement.
    bool is_lost = false;
  };
  struct Range {
    uint64_t after;
    uint64_t through;
  };
  struct Reader {
    bool is_joining = true;
    bool epoch_changed = false;  // And that was not told yet.
    Epoch epoch;                 // 0: not known.
    std::optional<uint64_t> cursor;
    std::vector<Range> owed;  // Missing, and to be told when it has joined.
    uint64_t last_heard = 0;
    Range last_gap = {0, 0};  // That it was told of.
  };
  struct RoomTruth {
    std::set<uint64_t> offsets;  // Of events that are not lost.
    uint64_t trimmed_through = 0;
  };

  // The first event of the room within; 0 if there is none.
  uint64_t FirstWithin(const std::string& room, Range range) const;
  bool MayBeGone(const std::string& room, Range range) const;
  void CheckGap(const std::string& reader, const std::string& room,
                const Gap& gap);
  std::string Describe(uint64_t offset) const;
  void ForgetOldest();

  const Options options_;
  std::map<uint64_t, Event> events_;
  std::map<std::string, RoomTruth> rooms_;
  absl::flat_hash_map<std::string, uint64_t> offset_of_text_;
  std::set<uint64_t> damaged_;
  std::set<std::pair<std::string, uint64_t>> damage_told_;  // Room, and the end.
  std::map<std::string, std::map<std::string, Reader>> readers_;
  std::map<std::string, uint64_t> last_of_node_;
  uint64_t forgotten_through_ = 0;
  std::vector<Finding> findings_;
  size_t events_written_ = 0;
  size_t events_heard_ = 0;
  size_t acknowledged_ = 0;
  size_t gaps_told_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_TEST_SIM_ORACLE_H_
