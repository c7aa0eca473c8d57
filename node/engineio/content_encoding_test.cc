#include "node/engineio/content_encoding.h"

#include <zlib.h>

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace roomlog {
namespace {

TEST(ContentEncodingTest, ChoosesWhatTheClientLikes) {
  const std::vector<std::pair<absl::string_view, absl::string_view>> cases = {
      {"", ""},
      {"br", ""},
      {"identity", ""},
      {"gzip", "gzip"},
      {"GZIP", "gzip"},
      {"deflate", "deflate"},
      {"gzip, deflate, br", "gzip"},
      {"deflate, gzip", "gzip"},
      {"gzip;q=0.5, deflate;q=0.8", "deflate"},
      {"gzip;q=0", ""},
      {"gzip;q=0, deflate", "deflate"},
      {"gzip;q=nonsense", ""},
      {"*", "gzip"},
      {"*;q=0", ""},
      {"gzip;q=0, *", "deflate"},
      {" gzip ; q=1 ", "gzip"},
  };
  for (const auto& [accepts, want] : cases) {
    EXPECT_EQ(ChooseEncoding(accepts), want) << accepts;
  }
}

TEST(ContentEncodingTest, CompressesSoThatZlibReadsIt) {
  std::string body;
  for (int i = 0; i < 20000; ++i) body += std::to_string(i * 7919);
  for (const absl::string_view text :
       {absl::string_view(), absl::string_view("x"), absl::string_view(body)}) {
    for (const absl::string_view encoding : {"gzip", "deflate"}) {
      const std::string packed = Compress(encoding, text);
      z_stream stream = {};
      ASSERT_EQ(inflateInit2(&stream, encoding == "gzip" ? 31 : 15), Z_OK);
      std::string out(text.size() + 1, '\0');
      stream.next_in =
          reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
      stream.avail_in = static_cast<uInt>(packed.size());
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
      out.resize(stream.total_out);
      EXPECT_EQ(out, text);
      inflateEnd(&stream);
    }
  }
}

}  // namespace
}  // namespace roomlog
