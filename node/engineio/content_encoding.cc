#include "node/engineio/content_encoding.h"

#include <zlib.h>

#include <cassert>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace roomlog {
namespace {

// How much the client likes this encoding, 0 to 1 (RFC 9110, 12.5.3).
double LikingOf(absl::string_view encoding, absl::string_view accept_encoding) {
  std::optional<double> named;
  double any = 0;
  for (const absl::string_view part : absl::StrSplit(accept_encoding, ',')) {
    const std::pair<absl::string_view, absl::string_view> split =
        absl::StrSplit(part, absl::MaxSplits(';', 1));
    double quality = 1;
    absl::string_view parameter = absl::StripAsciiWhitespace(split.second);
    if (absl::ConsumePrefix(&parameter, "q=") &&
        !absl::SimpleAtod(parameter, &quality)) {
      quality = 0;
    }
    const absl::string_view name = absl::StripAsciiWhitespace(split.first);
    if (absl::EqualsIgnoreCase(name, encoding)) named = quality;
    if (name == "*") any = quality;
  }
  return named.value_or(any);
}

}  // namespace

absl::string_view ChooseEncoding(absl::string_view accept_encoding) {
  const double gzip = LikingOf("gzip", accept_encoding);
  const double deflate = LikingOf("deflate", accept_encoding);
  if (gzip <= 0 && deflate <= 0) return "";
  return gzip >= deflate ? "gzip" : "deflate";
}

std::string Compress(absl::string_view encoding, absl::string_view body) {
  z_stream stream = {};
  constexpr int kWindowBits = 15;
  constexpr int kGzip = 16;  // Added to the bits: a gzip head and trailer.
  const int bits = encoding == "gzip" ? kWindowBits + kGzip : kWindowBits;
  constexpr int kMemoryLevel = 8;
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits,
                   kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    std::fputs("zlib: out of memory\n", stderr);
    std::abort();
  }
  std::string out(deflateBound(&stream, body.size()), '\0');
  stream.next_in =
      reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));  // Only read.
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  assert(result == Z_STREAM_END);  // It has all the room it may need.
  (void)result;
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace roomlog
