#include "node/engineio/chunked_body.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "node/engineio/engine_limits.h"

namespace roomlog {

bool ChunkedBody::TakeLine(absl::string_view* input) {
  const size_t end = input->find('\n');
  const absl::string_view piece = input->substr(0, end);
  if (line_.size() + piece.size() > kChunkLineBytesMax) {
    line_is_too_long_ = true;
    return false;
  }
  line_.append(piece.data(), piece.size());
  input->remove_prefix(end == input->npos ? input->size() : end + 1);
  return end != absl::string_view::npos;
}

bool ChunkedBody::TakeSize() {
  // Behind a semicolon come extensions, which nobody uses.
  const absl::string_view digits = absl::StripTrailingAsciiWhitespace(
      absl::string_view(line_).substr(0, line_.find(';')));
  constexpr size_t kDigitsMax = 15;  // More would not fit into 64 bits.
  if (digits.empty() || digits.size() > kDigitsMax) return false;
  for (const char c : digits) {
    if (!absl::ascii_isxdigit(c)) return false;
  }
  return absl::SimpleHexAtoi(digits, &chunk_bytes_left_);
}

ChunkedBody::State ChunkedBody::Read(absl::string_view* input,
                                     std::string* body) {
  while (!input->empty()) {
    if (part_ == Part::kData) {
      const size_t bytes = static_cast<size_t>(
          std::min<uint64_t>(chunk_bytes_left_, input->size()));
      body->append(input->data(), bytes);
      input->remove_prefix(bytes);
      chunk_bytes_left_ -= bytes;
      if (chunk_bytes_left_ == 0) part_ = Part::kDataEnd;
      continue;
    }
    if (!TakeLine(input)) {
      if (line_is_too_long_) return State::kMalformed;
      continue;
    }
    if (line_.empty() || line_.back() != '\r') return State::kMalformed;
    line_.pop_back();
    switch (part_) {
      case Part::kSizeLine:
        if (!TakeSize()) return State::kMalformed;
        if (chunk_bytes_left_ > bytes_max_ - body->size()) {
          return State::kTooLarge;
        }
        part_ = chunk_bytes_left_ == 0 ? Part::kTrailer : Part::kData;
        break;
      case Part::kDataEnd:
        if (!line_.empty()) return State::kMalformed;
        part_ = Part::kSizeLine;
        break;
      case Part::kTrailer:  // Says nothing that we heed.
        if (line_.empty()) return State::kDone;
        trailer_bytes_ += line_.size();
        if (trailer_bytes_ > kChunkLineBytesMax) return State::kMalformed;
        break;
      case Part::kData:
        break;
    }
    line_.clear();
  }
  return State::kMore;
}

}  // namespace roomlog
