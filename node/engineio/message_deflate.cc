#include "node/engineio/message_deflate.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace roomlog {
namespace {

constexpr int kRawWindowBits = -15;  // Negative: without zlib's own head.
// What ends each message, and is left out on the wire.
constexpr absl::string_view kTail("\x00\x00\xff\xff", 4);

void RequireMemory(int result) {
  if (result == Z_OK) return;
  std::fputs("zlib: out of memory\n", stderr);
  std::abort();
}

Bytef* Bytes(absl::string_view text) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}

// Whether we can do what an offer's parameters ask for.
bool IsAcceptable(absl::string_view offer) {
  const std::vector<absl::string_view> parts = absl::StrSplit(offer, ';');
  if (absl::StripAsciiWhitespace(parts[0]) != "permessage-deflate") {
    return false;
  }
  for (size_t i = 1; i < parts.size(); ++i) {
    const absl::string_view part = absl::StripAsciiWhitespace(parts[i]);
    const absl::string_view name =
        absl::StripAsciiWhitespace(part.substr(0, part.find('=')));
    // Both are what we do anyway, and any window of the client's is within
    // ours. A smaller one of ours would be another packing for each client.
    if (name == "server_no_context_takeover" ||
        name == "client_no_context_takeover" ||
        name == "client_max_window_bits" ||
        absl::EndsWith(part, "server_max_window_bits=15")) {
      continue;
    }
    return false;
  }
  return true;
}

}  // namespace

std::string AcceptDeflate(absl::string_view offers) {
  for (const absl::string_view offer : absl::StrSplit(offers, ',')) {
    if (IsAcceptable(offer)) {
      return "permessage-deflate; server_no_context_takeover; "
             "client_no_context_takeover";
    }
  }
  return "";
}

MessageDeflater::MessageDeflater() {
  constexpr int kMemoryLevel = 8;
  RequireMemory(deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, kRawWindowBits,
                             kMemoryLevel, Z_DEFAULT_STRATEGY));
}

MessageDeflater::~MessageDeflater() { deflateEnd(&stream_); }

std::string MessageDeflater::Deflate(absl::string_view message) {
  deflateReset(&stream_);
  constexpr size_t kFlushBytes = 16;
  std::string out(deflateBound(&stream_, message.size()) + kFlushBytes, '\0');
  stream_.next_in = Bytes(message);
  stream_.avail_in = static_cast<uInt>(message.size());
  stream_.next_out = reinterpret_cast<Bytef*>(out.data());
  stream_.avail_out = static_cast<uInt>(out.size());
  deflate(&stream_, Z_SYNC_FLUSH);
  out.resize(stream_.total_out - kTail.size());
  return out;
}

MessageInflater::MessageInflater() {
  RequireMemory(inflateInit2(&stream_, kRawWindowBits));
}

MessageInflater::~MessageInflater() { inflateEnd(&stream_); }

MessageInflater::Result MessageInflater::Inflate(absl::string_view packed,
                                                 size_t bytes_max) {
  inflateReset(&stream_);
  message_.clear();
  if (message_.capacity() > size_t{64} << 10) std::string().swap(message_);
  for (const absl::string_view input : {packed, kTail}) {
    stream_.next_in = Bytes(input);
    stream_.avail_in = static_cast<uInt>(input.size());
    while (true) {
      // One byte more than there may be shows that there is too much.
      const size_t done = message_.size();
      const size_t room =
          std::min(std::max<size_t>(done, 4096), bytes_max + 1 - done);
      message_.resize(done + room);
      stream_.next_out = reinterpret_cast<Bytef*>(message_.data() + done);
      stream_.avail_out = static_cast<uInt>(room);
      const int result = inflate(&stream_, Z_SYNC_FLUSH);
      message_.resize(done + room - stream_.avail_out);
      if (message_.size() > bytes_max) return Result::kTooLarge;
      if (result == Z_STREAM_END) return Result::kDone;
      if (result == Z_BUF_ERROR) break;  // Nothing is left to take.
      if (result != Z_OK) return Result::kMalformed;
      if (stream_.avail_in == 0 && stream_.avail_out > 0) break;
    }
  }
  return Result::kDone;
}

}  // namespace roomlog
