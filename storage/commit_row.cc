#include "storage/commit_row.h"

#include "absl/strings/str_cat.h"

namespace roomlog {
namespace {

constexpr size_t kNumberBytes = 8;
// A pack in the index: its key, and how many bytes its value has.
constexpr size_t kEntryBytes = NumberPairKey::kBytes + kNumberBytes;

}  // namespace

void CommitRowWriter::Clear() {
  pack_count_ = 0;
  index_.assign(kNumberBytes, '\0');
  packs_.clear();
}

void CommitRowWriter::Add(const NumberPairKey& pack_key,
                          absl::Span<const absl::string_view> parts) {
  const size_t begin = packs_.size();
  for (absl::string_view part : parts) packs_.append(part.data(), part.size());
  char size[kNumberBytes];
  NumberPairKey::Store(packs_.size() - begin, size);
  index_.append(pack_key.view().data(), pack_key.view().size());
  index_.append(size, sizeof(size));
  ++pack_count_;
}

std::vector<absl::string_view> CommitRowWriter::Finish() {
  NumberPairKey::Store(pack_count_, index_.data());
  return {index_, packs_};
}

absl::Status CommitRowReader::ReadValue(absl::string_view value) {
  if (value.size() < kNumberBytes) {
    return absl::DataLossError("its index is cut off");
  }
  const uint64_t count = NumberPairKey::Load(value.data());
  value.remove_prefix(kNumberBytes);
  if (count == 0 || count > value.size() / kEntryBytes) {
    return absl::DataLossError("its index is cut off");
  }
  absl::string_view bytes = value.substr(count * kEntryBytes);
  packs_.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const char* entry = value.data() + i * kEntryBytes;
    Pack pack;
    pack.room = RoomId(NumberPairKey::Load(entry));
    pack.first = Offset(NumberPairKey::Load(entry + kNumberBytes));
    pack.key = absl::string_view(entry, NumberPairKey::kBytes);
    const uint64_t size = NumberPairKey::Load(entry + NumberPairKey::kBytes);
    if (size > bytes.size()) return absl::DataLossError("a pack is cut off");
    pack.value = bytes.substr(0, size);
    bytes.remove_prefix(size);
    packs_.push_back(pack);
  }
  if (!bytes.empty()) return absl::DataLossError("it is too long");
  return absl::OkStatus();
}

absl::Status CommitRowReader::Read(absl::string_view key,
                                   absl::string_view value) {
  packs_.clear();
  if (key.size() != kNumberBytes) {
    return absl::DataLossError(
        absl::StrCat("a key of commits has ", key.size(), " bytes"));
  }
  first_ = Offset(NumberPairKey::Load(key.data()));
  absl::Status status = ReadValue(value);
  if (status.ok()) return status;
  packs_.clear();
  return absl::DataLossError(absl::StrCat("the commit from offset ",
                                          first_.value(),
                                          " is damaged: ", status.message()));
}

}  // namespace roomlog
