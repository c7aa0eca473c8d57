#include "test/sim/oracle.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

// Of each promise. The first says what is wrong; the others mostly follow.
constexpr size_t kFindingsMax = 3;

std::string InRoom(absl::string_view reader, absl::string_view room) {
  return absl::StrCat(reader, " in ", room);
}

}  // namespace

// ---- What is on the disk ----

void Oracle::OnWritten(const std::string& room, Offset offset,
                       const std::string& text, bool has_id) {
  const uint64_t at = offset.value();
  if (const auto it = events_.find(at); it != events_.end()) {
    Report("P6", absl::StrCat("offset ", at, " was given to ", Describe(at),
                              ", and again to ", text, " of ", room));
    return;
  }
  if (const auto it = offset_of_text_.find(text); it != offset_of_text_.end()) {
    const Event& before = events_.at(it->second);
    // A publish id is free again once retention took its event.
    const bool is_free =
        before.is_lost || it->second <= rooms_[before.room].trimmed_through;
    if (!is_free) {
      Report("P3",
             absl::StrCat(Describe(it->second), " was appended again at ", at));
    }
  }
  offset_of_text_[text] = at;
  events_[at] = {room, text, has_id};
  rooms_[room].offsets.insert(at);
  ++events_written_;
  ForgetOldest();
}

void Oracle::OnLost(Offset offset) {
  const auto it = events_.find(offset.value());
  if (it == events_.end()) return;
  Event& event = it->second;
  event.is_lost = true;
  rooms_[event.room].offsets.erase(offset.value());
  if (options_.synced && event.was_told) {
    Report("P2", absl::StrCat(Describe(offset.value()),
                              " was told as durable, and is lost"));
  }
}

void Oracle::OnTrimmed(const std::string& room, Offset through) {
  uint64_t& trimmed = rooms_[room].trimmed_through;
  trimmed = std::max(trimmed, through.value());
}

// ---- What publishers are told ----

void Oracle::OnAcknowledged(absl::string_view publisher,
                            const std::string& room, const std::string& text,
                            Position position) {
  ++acknowledged_;
  const uint64_t at = position.offset.value();
  if (at <= forgotten_through_) return;
  const auto it = events_.find(at);
  if (it == events_.end() || (it->second.is_lost && options_.synced)) {
    Report("P2", absl::StrCat(publisher, " was told that ", text, " of ", room,
                              " is at ", at, ", where nothing is"));
    return;
  }
  if (it->second.text != text || it->second.room != room) {
    Report("P3",
           absl::StrCat(publisher, " was told that ", text, " of ", room,
                        " is at ", at, ", where there is ", Describe(at)));
  }
  it->second.was_told = true;
}

// ---- What readers are told ----

void Oracle::OnJoining(const std::string& reader, const std::string& room,
                       std::optional<Position> after) {
  Reader& joining = readers_[reader][room] = Reader();
  if (!after.has_value()) return;
  joining.epoch = after->epoch;
  joining.cursor = after->offset.value();
}

void Oracle::OnHeard(const std::string& reader_name, const std::string& room,
                     Position position, const std::string& text) {
  ++events_heard_;
  const uint64_t at = position.offset.value();
  if (at <= forgotten_through_) return;
  const std::string who = InRoom(reader_name, room);
  const auto of_reader = readers_.find(reader_name);
  if (of_reader == readers_.end() || of_reader->second.count(room) == 0) {
    Report("P4", absl::StrCat(who, " heard ", text, " without being there"));
    return;
  }
  Reader& reader = of_reader->second.at(room);
  const auto it = events_.find(at);
  if (it == events_.end() || (it->second.is_lost && options_.synced)) {
    Report("P2", absl::StrCat(who, " heard ", text, " at ", at,
                              ", where nothing is"));
    return;
  }
  if (it->second.text != text || it->second.room != room) {
    Report(damaged_.count(at) > 0 ? "P5" : "P6",
           absl::StrCat(who, " heard ", text, " at ", at, ", where there is ",
                        Describe(at)));
    return;
  }
  it->second.was_told = true;
  if (reader.epoch != Epoch() && reader.epoch != position.epoch) {
    if (!reader.is_joining) {
      Report("P5", absl::StrCat(who, " heard ", Describe(at),
                                " of another epoch, and was not told"));
    }
    reader.epoch_changed = true;
    reader.cursor.reset();
    reader.owed.clear();
  }
  reader.epoch = position.epoch;
  const uint64_t last_heard = std::exchange(reader.last_heard, at);
  if (reader.cursor.has_value() && at <= *reader.cursor) {
    // What was told to be missing may come after all, to a client that comes
    // back from before it.
    if (at > last_heard && at > reader.last_gap.after &&
        at <= reader.last_gap.through) {
      return;
    }
    Report("P4", absl::StrCat(who, " heard ", Describe(at), " after ",
                              Describe(*reader.cursor)));
    return;
  }
  if (reader.cursor.has_value()) {
    const Range skipped = {*reader.cursor, at - 1};
    if (const uint64_t missing = FirstWithin(room, skipped); missing != 0) {
      if (reader.is_joining) {
        reader.owed.push_back(skipped);
      } else {
        Report("P5", absl::StrCat(who, " heard ", Describe(at), " after ",
                                  Describe(*reader.cursor), ", but not ",
                                  Describe(missing), ", and was not told"));
      }
    }
  }
  reader.cursor = at;
}

void Oracle::OnJoined(const std::string& reader_name, const std::string& room,
                      Position position, const std::optional<Gap>& gap) {
  const std::string who = InRoom(reader_name, room);
  Reader& reader = readers_[reader_name][room];
  if (gap.has_value()) CheckGap(reader_name, room, *gap);
  const bool epoch_told = gap.has_value() && gap->reason == "epoch";
  if (reader.epoch != Epoch() && reader.epoch != position.epoch) {
    reader.epoch_changed = true;
    reader.cursor.reset();
    reader.owed.clear();
  }
  if (reader.epoch_changed && !epoch_told) {
    Report("P5", absl::StrCat(who, " joined in epoch ", position.epoch.value(),
                              " and was not told of it"));
  }
  const uint64_t through = position.offset.value();
  if (reader.cursor.has_value() && *reader.cursor < through) {
    reader.owed.push_back({*reader.cursor, through});
  }
  if (!epoch_told) {
    for (const Range& owed : reader.owed) {
      const std::vector<Range> untold =
          gap.has_value()
              ? std::vector<Range>{{owed.after,
                                    std::min(owed.through,
                                             gap->from.offset.value())},
                                   {std::max(owed.after,
                                             gap->to.offset.value()),
                                    owed.through}}
              : std::vector<Range>{owed};
      for (const Range& range : untold) {
        const uint64_t missing = FirstWithin(room, range);
        if (missing == 0) continue;
        Report("P5", absl::StrCat(who, " joined at ", through, " without ",
                                  Describe(missing), ", and was not told"));
      }
    }
  }
  reader.epoch = position.epoch;
  reader.cursor = std::max(reader.cursor.value_or(0), through);
  reader.owed.clear();
  reader.is_joining = reader.epoch_changed = false;
}

void Oracle::OnGap(const std::string& reader_name, const std::string& room,
                   const Gap& gap) {
  const auto of_reader = readers_.find(reader_name);
  if (of_reader == readers_.end() || of_reader->second.count(room) == 0) return;
  CheckGap(reader_name, room, gap);
  Reader& reader = of_reader->second.at(room);
  const uint64_t to = gap.to.offset.value();
  if (reader.cursor.has_value() && gap.reason != "epoch" &&
      gap.from.offset.value() > *reader.cursor) {
    const uint64_t missing =
        FirstWithin(room, {*reader.cursor, gap.from.offset.value()});
    if (missing != 0) {
      Report("P5", absl::StrCat(InRoom(reader_name, room), " misses ",
                                Describe(missing), " before the gap"));
    }
  }
  reader.last_gap = {gap.from.offset.value(), to};
  reader.cursor = reader.epoch == gap.to.epoch
                      ? std::max(reader.cursor.value_or(0), to)
                      : to;
  reader.epoch = gap.to.epoch;
}

void Oracle::CheckGap(const std::string& reader, const std::string& room,
                      const Gap& gap) {
  ++gaps_told_;
  const Range range = {gap.from.offset.value(), gap.to.offset.value()};
  if (gap.reason == "epoch" ? !options_.synced && gap.from.epoch != gap.to.epoch
                            : gap.reason == "limit" || MayBeGone(room, range)) {
    if (gap.reason == "damage") damage_told_.insert({room, range.through});
    return;
  }
  // Who came to a node with some of what the node was told to be missing is
  // told of the rest, which may be whole.
  if (gap.reason == "damage" &&
      damage_told_.count({room, range.through}) > 0) {
    return;
  }
  Report("P5", absl::StrCat(InRoom(reader, room), " was told of a gap of ",
                            gap.reason, " from ", FormatPosition(gap.from),
                            " to ", FormatPosition(gap.to), " that is none"));
}

bool Oracle::MayBeGone(const std::string& room, Range range) const {
  if (options_.rooms_with_retention.count(room) > 0) return true;
  const auto damaged = damaged_.upper_bound(range.after);
  return damaged != damaged_.end() && *damaged <= range.through;
}

void Oracle::OnGone(const std::string& reader, const std::string& room) {
  const auto it = readers_.find(reader);
  if (it != readers_.end()) it->second.erase(room);
}

void Oracle::OnGone(const std::string& reader) {
  readers_.erase(reader);
  last_of_node_.erase(reader);
}

void Oracle::OnNodeHeard(const std::string& node, Offset offset) {
  uint64_t& last = last_of_node_[node];
  if (offset.value() <= last) {
    Report("P1", absl::StrCat(node, " heard ", Describe(offset.value()),
                              " after ", Describe(last)));
  }
  last = offset.value();
}

// ---- What is counted ----

void Oracle::OnSize(absl::string_view what, size_t size, size_t bound) {
  if (size <= bound) return;
  Report("P7",
         absl::StrCat(what, ": ", size, " where ", bound, " is the bound"));
}

// ---- The end ----

void Oracle::CheckAtRest() {
  for (const auto& [name, rooms] : readers_) {
    for (const auto& [room, reader] : rooms) {
      if (reader.is_joining) {
        Report("liveness", absl::StrCat(InRoom(name, room),
                                        " is still waiting for its join"));
      } else if (reader.cursor.has_value()) {
        const uint64_t missing =
            FirstWithin(room, {*reader.cursor, ~uint64_t{0}});
        if (missing == 0) continue;
        Report("P5",
               absl::StrCat(InRoom(name, room), " came no further than ",
                            *reader.cursor, " and lacks ", Describe(missing)));
      }
    }
  }
}

void Oracle::Report(absl::string_view promise, std::string facts) {
  const auto of_promise = std::count_if(
      findings_.begin(), findings_.end(),
      [&](const Finding& finding) { return finding.promise == promise; });
  if (static_cast<size_t>(of_promise) < kFindingsMax) {
    findings_.push_back({std::string(promise), std::move(facts)});
  }
}

uint64_t Oracle::FirstWithin(const std::string& room, Range range) const {
  const auto it = rooms_.find(room);
  if (it == rooms_.end()) return 0;
  const uint64_t after = std::max(range.after, forgotten_through_);
  const auto first = it->second.offsets.upper_bound(after);
  return first == it->second.offsets.end() || *first > range.through ? 0
                                                                     : *first;
}

std::string Oracle::Describe(uint64_t offset) const {
  const auto it = events_.find(offset);
  if (it == events_.end()) return absl::StrCat("offset ", offset);
  return absl::StrCat(it->second.text, " of ", it->second.room, " (", offset,
                      ")");
}

void Oracle::ForgetOldest() {
  while (events_.size() > options_.events_max) {
    const auto oldest = events_.begin();
    forgotten_through_ = oldest->first;
    rooms_[oldest->second.room].offsets.erase(oldest->first);
    const auto text = offset_of_text_.find(oldest->second.text);
    if (text != offset_of_text_.end() && text->second == oldest->first) {
      offset_of_text_.erase(text);
    }
    damaged_.erase(oldest->first);
    events_.erase(oldest);
  }
}

}  // namespace roomlog
