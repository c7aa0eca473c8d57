// The latest commits, until their events are sorted into their rooms.
#ifndef ROOMLOG_STORAGE_STAGED_COMMITS_H_
#define ROOMLOG_STORAGE_STAGED_COMMITS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "proto/event_columns.h"
#include "storage/event_pack.h"
#include "storage/room_table.h"

namespace roomlog {

// A copy, in memory, of rows of commits that are in the database. Most of what
// a commit costs is putting one row for each of its rooms into the sorted
// memory of RocksDB. So a commit is written as a single row, and what many of
// them brought is put into the rooms later, in fewer and larger packs.
class StagedCommits {
 public:
  // Copies what its views mean. The room's row is on the disk and stays; its
  // events come in the order of their offsets.
  void Add(RoomState* room, const EventView& event);
  // Ends a commit, which has the events that were added since the last one.
  // `first` is the key of its row.
  void EndCommit(Offset first);
  // Forgets what was added since the last EndCommit().
  void DropCommit();

  // So much is staged that it should be put into the rooms before more comes.
  bool full(size_t commits_max) const;
  bool empty() const { return commits_.empty(); }
  size_t events() const { return events_.size(); }
  // The key of each commit's row.
  const std::vector<Offset>& commits() const { return commits_; }

  // Lines up what is staged by room. Nothing may be added after it, and the
  // rooms must stand where they stand with the last event.
  void Close();
  bool closed() const { return closed_; }

  // ---- Once it is closed ----

  // Gives the packs of the next rooms, until at least `events_min` events were
  // given or there are no more. All of a room is given at once. What is given
  // lasts for the call. `pack` is to work with.
  void GiveSome(size_t events_min, EventPackWriter* pack,
                absl::FunctionRef<void(const NumberPairKey& key,
                                       absl::Span<const absl::string_view>)>
                    each);
  // Whether everything was given.
  bool all_given() const { return given_ == stretches_.size(); }
  // Where GiveSome() goes on; back to an earlier place if that did not count.
  size_t given() const { return given_; }
  void set_given(size_t given) { given_ = given; }

  void Clear();

 private:
  struct StagedEvent {
    RoomState* room;
    EventView view;  // Of what is here in bytes_.
  };
  // The events of one room, as a list through next_in_room_.
  struct Stretch {
    RoomState* room;
    uint32_t first_event;
    uint32_t last_event;
    uint64_t events = 0;
    uint64_t bytes = 0;
    // What the room had ever held before.
    uint64_t events_before = 0;
    uint64_t bytes_before = 0;
  };

  absl::string_view Keep(absl::string_view bytes);

  std::vector<Offset> commits_;
  std::vector<StagedEvent> events_;
  size_t ended_events_ = 0;  // Of commits that are ended.
  size_t packet_bytes_ = 0;
  size_t ended_packet_bytes_ = 0;
  // Pieces that never move, so that views of them hold.
  std::vector<std::unique_ptr<char[]>> chunks_;
  size_t chunk_left_ = 0;

  bool closed_ = false;
  std::vector<Stretch> stretches_;  // In the order of the rooms' numbers.
  std::vector<uint32_t> next_in_room_;
  size_t given_ = 0;  // Of stretches_.
};

}  // namespace roomlog

#endif  // ROOMLOG_STORAGE_STAGED_COMMITS_H_
