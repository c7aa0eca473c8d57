#include "node/engineio/trusted_proxies.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"

namespace roomlog {
namespace {

using ::testing::HasSubstr;

TrustedProxies Trusting(const std::vector<std::string>& texts) {
  const auto proxies = TrustedProxies::Parse(texts);
  EXPECT_TRUE(proxies.ok()) << proxies.status();
  return proxies.value_or(TrustedProxies());
}

HeaderList Forwarded(const std::vector<std::string>& lines) {
  HeaderList headers;
  headers.Add("Host", "example.org");
  for (const std::string& line : lines) headers.Add("x-forwarded-for", line);
  return headers;
}

TEST(TrustedProxiesTest, NobodyIsTrustedUnlessNamed) {
  EXPECT_EQ(TrustedProxies().ClientOf("10.0.0.1", Forwarded({"1.2.3.4"})),
            "10.0.0.1");
  EXPECT_EQ(Trusting({"10.0.0.2"}).ClientOf("10.0.0.1", Forwarded({"1.2.3.4"})),
            "10.0.0.1");
}

TEST(TrustedProxiesTest, TheClientIsWhomTheLastTrustedOneSaw) {
  const TrustedProxies proxies = Trusting({"10.0.0.0/8", "192.168.1.1", "::1"});
  struct Case {
    std::string remote;
    std::vector<std::string> forwarded;
    std::string client;
  };
  const std::vector<Case> cases = {
      {"10.0.0.1", {}, "10.0.0.1"},
      {"10.0.0.1", {"1.2.3.4"}, "1.2.3.4"},
      {"192.168.1.1", {" 1.2.3.4 "}, "1.2.3.4"},
      {"192.168.1.2", {"1.2.3.4"}, "192.168.1.2"},
      {"::1", {"2001:db8::7"}, "2001:db8::7"},
      {"::ffff:10.0.0.1", {"1.2.3.4"}, "1.2.3.4"},
      // Whatever a client says of itself stands before what proxies say.
      {"10.0.0.1", {"6.6.6.6, 1.2.3.4"}, "1.2.3.4"},
      {"10.0.0.1", {"6.6.6.6, 1.2.3.4, 10.0.0.9"}, "1.2.3.4"},
      {"10.0.0.1", {"6.6.6.6", "1.2.3.4", "10.0.0.9"}, "1.2.3.4"},
      {"10.0.0.1", {"10.0.0.7, 10.0.0.9"}, "10.0.0.7"},
      {"10.0.0.1", {"6.6.6.6, nonsense"}, "10.0.0.1"},
      {"10.0.0.1", {"6.6.6.6, nonsense, 10.0.0.2"}, "10.0.0.2"},
      {"10.0.0.1", {""}, "10.0.0.1"},
      {"", {"1.2.3.4"}, ""},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(proxies.ClientOf(each.remote, Forwarded(each.forwarded)),
              each.client)
        << each.remote;
  }
}

TEST(TrustedProxiesTest, OnlyATrustedOneSaysThatItSpokeTls) {
  const TrustedProxies proxies = Trusting({"10.0.0.0/8"});
  HeaderList https;
  https.Add("X-Forwarded-Proto", "https");
  HeaderList http;
  http.Add("X-Forwarded-Proto", "http");
  EXPECT_TRUE(proxies.IsSecure("10.0.0.1", https));
  EXPECT_FALSE(proxies.IsSecure("10.0.0.1", http));
  EXPECT_FALSE(proxies.IsSecure("10.0.0.1", HeaderList()));
  EXPECT_FALSE(proxies.IsSecure("1.2.3.4", https));
  EXPECT_FALSE(TrustedProxies().IsSecure("10.0.0.1", https));
}

TEST(TrustedProxiesTest, SaysWhatIsNoNetwork) {
  for (const char* text : {"", "ten", "10.0.0.0/33", "10.0.0.0/", "1.2.3",
                           "::1/129", "example.org"}) {
    const auto proxies = TrustedProxies::Parse({"10.0.0.1", text});
    ASSERT_FALSE(proxies.ok()) << text;
    EXPECT_THAT(std::string(proxies.status().message()), HasSubstr(text));
  }
}

}  // namespace
}  // namespace roomlog
