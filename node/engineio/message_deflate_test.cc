#include "node/engineio/message_deflate.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace roomlog {
namespace {

TEST(MessageDeflateTest, TakesOffersItCanKeep) {
  const std::vector<std::pair<absl::string_view, bool>> cases = {
      {"", false},
      {"permessage-deflate", true},
      {"permessage-deflate; client_max_window_bits", true},
      {"permessage-deflate; client_max_window_bits=10", true},
      {"permessage-deflate; server_no_context_takeover; "
       "client_no_context_takeover",
       true},
      {"permessage-deflate; server_max_window_bits=15", true},
      {"permessage-deflate; server_max_window_bits=10", false},
      {"permessage-deflate; server_max_window_bits=10, permessage-deflate",
       true},
      {"permessage-deflate; unknown", false},
      {"x-webkit-deflate-frame", false},
  };
  for (const auto& [offers, taken] : cases) {
    EXPECT_EQ(!AcceptDeflate(offers).empty(), taken) << offers;
  }
}

TEST(MessageDeflateTest, GivesBackWhatItPacked) {
  MessageDeflater deflater;
  MessageInflater inflater;
  for (size_t size : {0, 1, 100, 4096, 70000, 1000000}) {
    std::string message;
    for (size_t i = 0; i < size; ++i) {
      message.push_back(static_cast<char>(i * i >> 3));
    }
    const std::string packed = deflater.Deflate(message);
    EXPECT_EQ(inflater.Inflate(packed, size), MessageInflater::Result::kDone);
    EXPECT_EQ(inflater.message(), message);
    if (size == 0) continue;
    EXPECT_EQ(inflater.Inflate(packed, size - 1),
              MessageInflater::Result::kTooLarge);
  }
}

TEST(MessageDeflateTest, BoundsWhatAFewBytesCanBecome) {
  MessageDeflater deflater;
  MessageInflater inflater;
  const std::string bomb = deflater.Deflate(std::string(50'000'000, '\0'));
  EXPECT_LT(bomb.size(), 300'000);
  EXPECT_EQ(inflater.Inflate(bomb, 1'000'000),
            MessageInflater::Result::kTooLarge);
  EXPECT_LE(inflater.message().size(), 1'000'001);
}

TEST(MessageDeflateTest, RefusesWhatIsNotPacked) {
  MessageInflater inflater;
  EXPECT_EQ(inflater.Inflate("\xff\xff\xff\xff", 1000),
            MessageInflater::Result::kMalformed);
  EXPECT_EQ(inflater.Inflate("", 1000), MessageInflater::Result::kDone);
}

}  // namespace
}  // namespace roomlog
