#include "node/engineio/handshake_info.h"

#include "gmock/gmock.h"

namespace roomlog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(HeaderListTest, KeepsHeadersAsTheyCame) {
  HeaderList headers;
  EXPECT_THAT(headers.All(), IsEmpty());
  headers.Add("Host", "a.example:80");
  headers.Add("x-EMPTY", "");
  headers.Add("Cookie", "a=b; c=d");
  headers.Add("cookie", "second");
  EXPECT_THAT(
      headers.All(),
      ElementsAre(Pair("Host", "a.example:80"), Pair("x-EMPTY", ""),
                  Pair("Cookie", "a=b; c=d"), Pair("cookie", "second")));
}

TEST(HeaderListTest, FindsTheFirstWhateverItsCase) {
  HeaderList headers;
  headers.Add("Cookie", "a=b: c");
  headers.Add("cookie", "second");
  EXPECT_EQ(headers.Find("COOKIE"), "a=b: c");
  EXPECT_EQ(headers.Find("Cook"), "");
  EXPECT_EQ(HeaderList().Find("Cookie"), "");
}

TEST(HandshakeInfoTest, GivesTheQueryAsSent) {
  HandshakeInfo info;
  for (const auto& [url, query] :
       std::vector<std::pair<std::string, std::string>>{
           {"/socket.io/", ""},
           {"/socket.io/?", ""},
           {"/socket.io/?EIO=4&a=%20b?c", "EIO=4&a=%20b?c"}}) {
    info.url = url;
    EXPECT_EQ(info.query(), query) << url;
  }
}

}  // namespace
}  // namespace roomlog
