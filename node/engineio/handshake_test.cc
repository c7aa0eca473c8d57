#include "node/engineio/handshake.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"

namespace roomlog {
namespace {

using ::testing::Contains;
using ::testing::Pair;

const HandshakeRules kAnyOrigin = {
    .allowed_origins = {},
    .is_session = [](absl::string_view id) { return id == "known"; }};

HttpRequest Upgrade(absl::string_view target) {
  HttpRequest request;
  request.method = "GET";
  request.target = target;
  request.asks_websocket = true;
  request.websocket_key = "dGhlIHNhbXBsZSBub25jZQ==";
  request.websocket_version = "13";
  return request;
}

TEST(AnswerHandshakeTest, LetsAWebSocketIn) {
  for (absl::string_view target :
       {"/socket.io/?EIO=4&transport=websocket",
        "/socket.io/?transport=websocket&EIO=4&t=abc&b64=1&x",
        "/socket.io/?EIO=%34&transport=websocket"}) {
    const HttpAnswer answer = AnswerHandshake(Upgrade(target), kAnyOrigin);
    EXPECT_EQ(answer.status, 101) << target;
    // The example of RFC 6455, 1.3.
    EXPECT_THAT(answer.headers, Contains(Pair("Sec-WebSocket-Accept",
                                              "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
  }
}

TEST(AnswerHandshakeTest, RefusesAnUpgradeInTheOrderOfTheChecks) {
  struct Case {
    absl::string_view query;
    absl::string_view message;
  };
  const std::vector<Case> cases = {
      {"", "Transport unknown"},
      {"?", "Transport unknown"},
      {"?EIO=4", "Transport unknown"},
      {"?EIO=4&transport=abc", "Transport unknown"},
      {"?EIO=4&transport=polling", "Transport unknown"},
      {"?EIO=4&transport=webtransport", "Transport unknown"},
      {"?EIO=4&transport=websocket&transport=websocket", "Transport unknown"},
      {"?EIO=4&transport=websocket%", "Transport unknown"},
      {"?EIO=3&transport=websocket&sid=nobody", "Session ID unknown"},
      {"?EIO=4&transport=websocket&sid=", "Session ID unknown"},
      {"?EIO=4&transport=websocket&sid=known", "Bad request"},
      {"?transport=websocket", "Unsupported protocol version"},
      {"?EIO=3&transport=websocket", "Unsupported protocol version"},
      {"?EIO=5&transport=websocket", "Unsupported protocol version"},
      {"?EIO=&transport=websocket", "Unsupported protocol version"},
      {"?EIO=04&transport=websocket", "Unsupported protocol version"},
      {"?EIO=4&EIO=4&transport=websocket", "Unsupported protocol version"},
  };
  for (const Case& one : cases) {
    const std::string target = "/socket.io/" + std::string(one.query);
    const HttpAnswer answer = AnswerHandshake(Upgrade(target), kAnyOrigin);
    EXPECT_EQ(answer.status, 400) << target;
    EXPECT_EQ(answer.content_type, "text/html") << target;
    EXPECT_EQ(answer.body, one.message) << target;
  }
}

TEST(AnswerHandshakeTest, RefusesPlainRequestsInJson) {
  struct Case {
    absl::string_view method;
    absl::string_view query;
    absl::string_view body;
  };
  const std::vector<Case> cases = {
      {"GET", "?EIO=4&transport=polling",
       R"({"code":0,"message":"Transport unknown"})"},
      {"POST", "?EIO=4&transport=polling",
       R"({"code":0,"message":"Transport unknown"})"},
      {"GET", "?EIO=4&transport=websocket&sid=nobody",
       R"({"code":1,"message":"Session ID unknown"})"},
      {"POST", "?EIO=4&transport=websocket",
       R"({"code":2,"message":"Bad handshake method"})"},
      {"OPTIONS", "?EIO=4&transport=websocket",
       R"({"code":2,"message":"Bad handshake method"})"},
      {"GET", "?EIO=4&transport=websocket",
       R"({"code":3,"message":"Bad request"})"},
      {"GET", "?EIO=3&transport=websocket",
       R"({"code":3,"message":"Bad request"})"},
  };
  for (const Case& one : cases) {
    const std::string target = "/socket.io/" + std::string(one.query);
    HttpRequest request;
    request.method = one.method;
    request.target = target;
    const HttpAnswer answer = AnswerHandshake(request, kAnyOrigin);
    EXPECT_EQ(answer.status, 400) << target;
    EXPECT_EQ(answer.content_type, "application/json") << target;
    EXPECT_EQ(answer.body, one.body) << one.method << target;
  }
}

TEST(AnswerHandshakeTest, LetsInTheOriginsItWasGiven) {
  const HandshakeRules rules = {
      .allowed_origins = {"https://a.example", "http://localhost:8080"},
      .is_session = [](absl::string_view) { return false; }};
  const std::vector<std::pair<absl::string_view, int>> cases = {
      {"", 101},  // No web page.
      {"https://a.example", 101},
      {"http://localhost:8080", 101},
      {"http://a.example", 400},
      {"https://a.example.evil.example", 400},
      {"null", 400},
  };
  for (const auto& [origin, status] : cases) {
    HttpRequest request = Upgrade("/socket.io/?EIO=4&transport=websocket");
    request.origin = origin;
    const HttpAnswer answer = AnswerHandshake(request, rules);
    EXPECT_EQ(answer.status, status) << origin;
    EXPECT_EQ(answer.body, status == 400 ? "Forbidden" : "");
  }
}

TEST(AnswerHandshakeTest, RefusesWhatIsNoWebSocketHandshake) {
  const absl::string_view target = "/socket.io/?EIO=4&transport=websocket";
  for (absl::string_view version : {"", "8", "12", "013", "13, 8"}) {
    HttpRequest request = Upgrade(target);
    request.websocket_version = version;
    const HttpAnswer answer = AnswerHandshake(request, kAnyOrigin);
    EXPECT_EQ(answer.status, 426) << version;
    EXPECT_THAT(answer.headers, Contains(Pair("Sec-WebSocket-Version", "13")));
  }
  for (absl::string_view key :
       {"", "short", "dGhlIHNhbXBsZSBub25jZQ", "not base64 at all!!!====",
        "dGhlIHNhbXBsZSBub25jZQ=="
        "dGhlIHNhbXBsZSBub25jZQ=="}) {
    HttpRequest request = Upgrade(target);
    request.websocket_key = key;
    EXPECT_EQ(AnswerHandshake(request, kAnyOrigin).status, 400) << key;
  }
}

}  // namespace
}  // namespace roomlog
