#include "storage/event_pack.h"

#include <google/protobuf/io/coded_stream.h>

#include <cassert>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/limits.h"

namespace roomlog {

using ::google::protobuf::io::CodedInputStream;
using ::google::protobuf::io::CodedOutputStream;

void EventPackWriter::Begin(RoomId room, Offset previous, uint64_t events_ever,
                            uint64_t bytes_ever) {
  room_ = room;
  last_ = previous;
  events_ever_ = events_ever;
  bytes_ever_ = bytes_ever;
  BeginNext();
}

void EventPackWriter::BeginNext() {
  // Not pack_.Clear(), which would give the memory of the columns back.
  pack_.mutable_events()->Clear();
  pack_.set_previous_offset(last_.value());
  // The columns say nothing of previous offsets: each follows the one before.
  columns_.emplace(ColumnChoice{.offsets = true}, pack_.mutable_events());
  packet_bytes_ = 0;
  parts_.assign(1, absl::string_view());
}

void EventPackWriter::Add(const EventView& event) {
  if (parts_.size() == 1) first_ = event.offset;
  last_ = event.offset;
  columns_->Add(event);
  parts_.push_back(event.packet);
  packet_bytes_ += event.packet.size();
  ++events_ever_;
  bytes_ever_ += event.packet.size();
}

bool EventPackWriter::full() const {
  return parts_.size() > kPackEventsMax || packet_bytes_ >= kPackBytesMax;
}

absl::Span<const absl::string_view> EventPackWriter::Finish() {
  assert(parts_.size() > 1);
  pack_.set_events_ever(events_ever_);
  pack_.set_bytes_ever(bytes_ever_);
  const size_t head_size = pack_.ByteSizeLong();
  const auto size32 = static_cast<uint32_t>(head_size);
  head_.resize(CodedOutputStream::VarintSize32(size32) + head_size);
  auto* at = reinterpret_cast<uint8_t*>(head_.data());
  at = CodedOutputStream::WriteVarint32ToArray(size32, at);
  pack_.SerializeWithCachedSizesToArray(at);
  parts_[0] = head_;
  return parts_;
}

absl::Status EventPackReader::ReadValue(absl::string_view value) {
  events_.clear();
  if (value.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return absl::DataLossError("it is too large");
  }
  CodedInputStream stream(reinterpret_cast<const uint8_t*>(value.data()),
                          static_cast<int>(value.size()));
  uint32_t head_size;
  if (!stream.ReadVarint32(&head_size) ||
      head_size > value.size() - stream.CurrentPosition()) {
    return absl::DataLossError("its head is cut off");
  }
  value.remove_prefix(stream.CurrentPosition());
  if (!pack_.ParseFromArray(value.data(), static_cast<int>(head_size))) {
    return absl::DataLossError("its head is unreadable");
  }
  value.remove_prefix(head_size);
  absl::Status status = ReadEventColumns(pack_.events(), value, &events_);
  if (!status.ok()) return absl::DataLossError(status.message());
  if (events_.empty()) return absl::DataLossError("it is empty");

  Offset previous(pack_.previous_offset());
  for (EventView& event : events_) {
    if (event.offset <= previous) {
      return absl::DataLossError("its offsets do not rise");
    }
    event.previous = previous;
    previous = event.offset;
  }
  return absl::OkStatus();
}

absl::Status EventPackReader::Read(absl::string_view key,
                                   absl::string_view value) {
  if (key.size() != NumberPairKey::kBytes) {
    return absl::DataLossError(
        absl::StrCat("a key of events has ", key.size(), " bytes"));
  }
  room_ = RoomId(NumberPairKey::Load(key.data()));
  const Offset first(NumberPairKey::Load(key.data() + 8));
  absl::Status status = ReadValue(value);
  if (status.ok() && events_.front().offset != first) {
    status = absl::DataLossError(
        absl::StrCat("it begins at ", events_.front().offset.value()));
  }
  if (status.ok()) return status;
  events_.clear();
  return absl::DataLossError(
      absl::StrCat("the events of room number ", room_.value(), " from offset ",
                   first.value(), " are damaged: ", status.message()));
}

}  // namespace roomlog
