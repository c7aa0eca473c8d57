#include "base/loopback.h"

#include "gtest/gtest.h"

namespace roomlog {
namespace {

TEST(IsLoopbackAddressTest, KnowsWhatOnlyThisMachineReaches) {
  for (const absl::string_view address :
       {"127.0.0.1:8080", "127.1.2.3:0", "[::1]:8080", "localhost:80"}) {
    EXPECT_TRUE(IsLoopbackAddress(address)) << address;
  }
  for (const absl::string_view address :
       {"0.0.0.0:8080", "[::]:8080", "*:8080", "10.0.0.1:80", "128.0.0.1:80",
        "lo:80", "127.0.0.1", "127.0.0.1.example.org:80", "[::1:80", "::1:80",
        "[::ffff:127.0.0.1]:80", "", ":80", "127.1:80"}) {
    EXPECT_FALSE(IsLoopbackAddress(address)) << address;
  }
}

}  // namespace
}  // namespace roomlog
