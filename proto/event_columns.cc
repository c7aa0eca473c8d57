#include "proto/event_columns.h"

#include <cassert>
#include <limits>

#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

// Appends `value` to a column that is left out while it holds `kept_out` only.
template <typename Column, typename Value>
void AddToColumn(Value value, Value kept_out, int events_before,
                 Column* column) {
  if (column->empty()) {
    if (value == kept_out) return;
    column->Reserve(events_before + 1);
    for (int i = 0; i < events_before; ++i) column->Add(kept_out);
  }
  column->Add(value);
}

// `kept_out` of offset_steps: what a step is for event `i` when left out.
uint64_t DefaultStep(int i) { return i == 0 ? 0 : 1; }

absl::Status CheckLength(absl::string_view name, int length, bool needed,
                         uint32_t count) {
  if (length == 0 && !needed) return absl::OkStatus();
  if (static_cast<uint32_t>(length) != count) {
    return absl::InvalidArgumentError(absl::StrCat(
        "column ", name, " has ", length, " entries for ", count, " events"));
  }
  return absl::OkStatus();
}

// Cuts the next `size` bytes off `rest`.
bool Cut(uint32_t size, absl::string_view* rest, absl::string_view* piece) {
  if (size > rest->size()) return false;
  *piece = rest->substr(0, size);
  rest->remove_prefix(size);
  return true;
}

bool AddOffset(uint64_t step, uint64_t* offset) {
  if (step > std::numeric_limits<uint64_t>::max() - *offset) return false;
  *offset += step;
  return true;
}

}  // namespace

void EventColumnsWriter::Add(const EventView& event) {
  const int before = static_cast<int>(columns_->count());
  columns_->set_count(columns_->count() + 1);
  columns_->add_packet_sizes(static_cast<uint32_t>(event.packet.size()));
  AddToColumn(event.flags, 0u, before, columns_->mutable_flags());
  AddToColumn(static_cast<uint32_t>(event.id.size()), 0u, before,
              columns_->mutable_id_sizes());
  if (!event.id.empty()) {
    columns_->mutable_ids()->append(event.id.data(), event.id.size());
  }
  if (choice_.rooms) columns_->add_rooms(event.room);
  if (!choice_.offsets) return;

  if (before == 0) {
    columns_->set_first_offset(event.offset.value());
    columns_->set_first_time_ms(event.time_ms);
  } else {
    assert(event.offset >= last_offset_);
    const uint64_t step = event.offset.value() - last_offset_.value();
    auto* steps = columns_->mutable_offset_steps();
    if (steps->empty() && step != 1) {
      for (int i = 0; i < before; ++i) steps->Add(DefaultStep(i));
    }
    if (step != 1 || !steps->empty()) steps->Add(step);
    AddToColumn(event.time_ms - last_time_ms_, int64_t{0}, before,
                columns_->mutable_time_steps());
  }
  last_offset_ = event.offset;
  last_time_ms_ = event.time_ms;
  if (choice_.previous) {
    columns_->add_previous_steps(event.offset.value() - event.previous.value());
  }
}

absl::Status ReadEventColumns(const proto::EventColumns& columns,
                              absl::string_view blob,
                              std::vector<EventView>* events) {
  const uint32_t count = columns.count();
  for (const absl::Status& status :
       {CheckLength("packet_sizes", columns.packet_sizes_size(), true, count),
        CheckLength("flags", columns.flags_size(), false, count),
        CheckLength("id_sizes", columns.id_sizes_size(), false, count),
        CheckLength("rooms", columns.rooms_size(), false, count),
        CheckLength("offset_steps", columns.offset_steps_size(), false, count),
        CheckLength("time_steps", columns.time_steps_size(), false, count),
        CheckLength("previous_steps", columns.previous_steps_size(), false,
                    count)}) {
    if (!status.ok()) return status;
  }

  const size_t events_before = events->size();
  events->reserve(events_before + count);
  const auto refuse = [&](absl::string_view what, uint32_t at) {
    events->resize(events_before);
    return absl::InvalidArgumentError(
        absl::StrCat(what, " at event ", at, " of ", count));
  };
  absl::string_view packets = blob;
  absl::string_view ids = columns.ids();
  uint64_t offset = columns.first_offset();
  uint64_t time_ms = static_cast<uint64_t>(columns.first_time_ms());
  for (uint32_t i = 0; i < count; ++i) {
    const int at = static_cast<int>(i);
    EventView event;
    if (!Cut(columns.packet_sizes(at), &packets, &event.packet)) {
      return refuse("packets overrun their blob", i);
    }
    if (columns.id_sizes_size() > 0 &&
        !Cut(columns.id_sizes(at), &ids, &event.id)) {
      return refuse("ids overrun their list", i);
    }
    if (columns.flags_size() > 0) event.flags = columns.flags(at);
    if (columns.rooms_size() > 0) event.room = columns.rooms(at);
    const uint64_t step = columns.offset_steps_size() > 0
                              ? columns.offset_steps(at)
                              : DefaultStep(at);
    if (!AddOffset(step, &offset)) return refuse("the offset overflows", i);
    event.offset = Offset(offset);
    if (columns.time_steps_size() > 0) {
      time_ms += static_cast<uint64_t>(columns.time_steps(at));
    }
    event.time_ms = static_cast<int64_t>(time_ms);
    if (columns.previous_steps_size() > 0) {
      if (columns.previous_steps(at) > offset) {
        return refuse("the previous offset is below 0", i);
      }
      event.previous = Offset(offset - columns.previous_steps(at));
    }
    events->push_back(event);
  }
  if (!packets.empty() || !ids.empty()) {
    return refuse("bytes are left over", count);
  }
  return absl::OkStatus();
}

absl::Status ReadRoomNames(const proto::RoomNames& names,
                           std::vector<absl::string_view>* out) {
  const size_t before = out->size();
  absl::string_view rest = names.names();
  for (const uint32_t size : names.sizes()) {
    absl::string_view name;
    if (!Cut(size, &rest, &name)) break;
    out->push_back(name);
  }
  if (!rest.empty() ||
      out->size() - before != static_cast<size_t>(names.sizes_size())) {
    out->resize(before);
    return absl::InvalidArgumentError(
        "the sizes of room names do not add up to their bytes");
  }
  return absl::OkStatus();
}

void AddRoomName(absl::string_view name, proto::RoomNames* names) {
  names->add_sizes(static_cast<uint32_t>(name.size()));
  names->mutable_names()->append(name.data(), name.size());
}

}  // namespace roomlog
