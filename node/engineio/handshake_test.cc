#include "node/engineio/handshake.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"

namespace roomlog {
namespace {

using ::testing::Contains;
using ::testing::Pair;

const HandshakeRules kAnyOrigin;

HttpRequest Upgrade(absl::string_view target) {
  HttpRequest request;
  request.method = "GET";
  request.target = target;
  request.asks_websocket = true;
  request.headers.Add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  request.headers.Add("Sec-WebSocket-Version", "13");
  return request;
}

HttpRequest Plain(absl::string_view method, absl::string_view target) {
  HttpRequest request;
  request.method = method;
  request.target = target;
  return request;
}

// The session "polls" is carried by polling, "websocket" by a WebSocket.
Verdict Judge(const HttpRequest& request,
              const HandshakeRules& rules = kAnyOrigin) {
  const std::string id = SessionIdOf(request);
  return JudgeRequest(request, rules,
                      id == "polls"       ? CarriedBy::kPolling
                      : id == "websocket" ? CarriedBy::kWebSocket
                                          : CarriedBy::kNoSuchSession);
}

TEST(JudgeRequestTest, LetsAWebSocketIn) {
  for (absl::string_view target :
       {"/socket.io/?EIO=4&transport=websocket",
        "/socket.io/?EIO=4&transport=websocket&sid=",
        "/socket.io/?transport=websocket&EIO=4&t=abc&b64=1&x",
        "/socket.io/?EIO=%34&transport=websocket"}) {
    const Verdict verdict = Judge(Upgrade(target));
    EXPECT_EQ(verdict.kind, Verdict::Kind::kOpenWebSocket) << target;
    EXPECT_EQ(verdict.answer.status, 101) << target;
    // The example of RFC 6455, 1.3.
    EXPECT_THAT(
        verdict.answer.headers,
        Contains(Pair("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
  }
}

TEST(JudgeRequestTest, KnowsWhatIsAskedFor) {
  using Kind = Verdict::Kind;
  struct Case {
    absl::string_view method;
    absl::string_view query;
    Kind kind;
  };
  const std::vector<Case> cases = {
      {"GET", "?EIO=4&transport=polling", Kind::kOpenPolling},
      {"GET", "?EIO=4&transport=polling&sid=", Kind::kOpenPolling},
      {"GET", "?EIO=4&transport=polling&sid=polls", Kind::kPoll},
      {"POST", "?EIO=4&transport=polling&sid=polls", Kind::kPost},
      {"PUT", "?EIO=4&transport=polling&sid=polls", Kind::kBadMethod},
      {"DELETE", "?EIO=4&transport=polling&sid=polls", Kind::kBadMethod},
      {"OPTIONS", "?EIO=4&transport=polling&sid=polls", Kind::kBadMethod},
      {"WS", "?EIO=4&transport=websocket&sid=polls", Kind::kUpgrade},
      {"WS", "?EIO=4&transport=websocket&sid=websocket", Kind::kMisfit},
      {"WS", "?EIO=4&transport=polling", Kind::kMisfit},
      {"WS", "?EIO=4&transport=polling&sid=polls", Kind::kMisfit},
  };
  for (const Case& one : cases) {
    const std::string target = "/socket.io/" + std::string(one.query);
    const Verdict verdict =
        Judge(one.method == "WS" ? Upgrade(target) : Plain(one.method, target));
    EXPECT_EQ(verdict.kind, one.kind) << one.method << target;
  }
}

TEST(JudgeRequestTest, RefusesAnUpgradeInTheOrderOfTheChecks) {
  struct Case {
    absl::string_view query;
    absl::string_view message;
  };
  const std::vector<Case> cases = {
      {"", "Transport unknown"},
      {"?", "Transport unknown"},
      {"?EIO=4", "Transport unknown"},
      {"?EIO=4&transport=abc", "Transport unknown"},
      {"?EIO=4&transport=webtransport", "Transport unknown"},
      {"?EIO=4&transport=websocket&transport=websocket", "Transport unknown"},
      {"?EIO=4&transport=websocket%", "Transport unknown"},
      {"?EIO=3&transport=websocket&sid=nobody", "Session ID unknown"},
      {"?EIO=3&transport=websocket&sid=polls", "Bad request"},
      {"?transport=websocket&sid=polls", "Bad request"},
      {"?transport=websocket", "Unsupported protocol version"},
      {"?EIO=3&transport=websocket", "Unsupported protocol version"},
      {"?EIO=5&transport=websocket", "Unsupported protocol version"},
      {"?EIO=&transport=websocket", "Unsupported protocol version"},
      {"?EIO=04&transport=websocket", "Unsupported protocol version"},
      {"?EIO=4&EIO=4&transport=websocket", "Unsupported protocol version"},
  };
  for (const Case& one : cases) {
    const std::string target = "/socket.io/" + std::string(one.query);
    const Verdict verdict = Judge(Upgrade(target));
    EXPECT_EQ(verdict.kind, Verdict::Kind::kRefused) << target;
    EXPECT_EQ(verdict.answer.status, 400) << target;
    EXPECT_EQ(verdict.answer.content_type, "text/html") << target;
    EXPECT_EQ(verdict.answer.body, one.message) << target;
  }
}

TEST(JudgeRequestTest, RefusesPlainRequestsInJson) {
  struct Case {
    absl::string_view method;
    absl::string_view query;
    absl::string_view body;
  };
  const std::vector<Case> cases = {
      {"GET", "", R"({"code":0,"message":"Transport unknown"})"},
      {"POST", "?EIO=4&transport=webtransport",
       R"({"code":0,"message":"Transport unknown"})"},
      {"GET", "?EIO=4&transport=websocket&sid=nobody",
       R"({"code":1,"message":"Session ID unknown"})"},
      {"POST", "?EIO=4&transport=polling&sid=nobody",
       R"({"code":1,"message":"Session ID unknown"})"},
      {"POST", "?EIO=4&transport=polling",
       R"({"code":2,"message":"Bad handshake method"})"},
      {"OPTIONS", "?EIO=4&transport=websocket",
       R"({"code":2,"message":"Bad handshake method"})"},
      {"GET", "?EIO=4&transport=websocket",
       R"({"code":3,"message":"Bad request"})"},
      {"GET", "?EIO=3&transport=websocket",
       R"({"code":3,"message":"Bad request"})"},
      {"GET", "?EIO=4&transport=websocket&sid=polls",
       R"({"code":3,"message":"Bad request"})"},
      {"GET", "?EIO=4&transport=polling&sid=websocket",
       R"({"code":3,"message":"Bad request"})"},
      {"GET", "?EIO=4&transport=websocket&sid=websocket",
       R"({"code":3,"message":"Bad request"})"},
      {"GET", "?transport=polling&sid=polls",
       R"({"code":3,"message":"Bad request"})"},
      {"GET", "?EIO=3&transport=polling",
       R"({"code":5,"message":"Unsupported protocol version"})"},
      {"GET", "?transport=polling",
       R"({"code":5,"message":"Unsupported protocol version"})"},
  };
  for (const Case& one : cases) {
    const std::string target = "/socket.io/" + std::string(one.query);
    const Verdict verdict = Judge(Plain(one.method, target));
    EXPECT_EQ(verdict.kind, Verdict::Kind::kRefused) << target;
    EXPECT_EQ(verdict.answer.status, 400) << target;
    EXPECT_EQ(verdict.answer.content_type, "application/json") << target;
    EXPECT_EQ(verdict.answer.body, one.body) << one.method << target;
  }
}

TEST(JudgeRequestTest, RefusesAnOriginThatIsNoHeader) {
  HttpRequest request = Plain("GET", "/socket.io/?EIO=4&transport=polling");
  request.headers.Add("Origin", "http://a\x01");
  EXPECT_EQ(Judge(request).answer.body,
            R"({"code":3,"message":"Bad request"})");
  request.target = "/socket.io/";
  EXPECT_EQ(Judge(request).answer.body,
            R"({"code":0,"message":"Transport unknown"})");
}

TEST(JudgeRequestTest, LetsInTheOriginsItWasGiven) {
  const HandshakeRules rules = {
      .allowed_origins = {"https://a.example", "http://localhost:8080"}};
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
    if (!origin.empty()) request.headers.Add("Origin", origin);
    const HttpAnswer answer = Judge(request, rules).answer;
    EXPECT_EQ(answer.status, status) << origin;
    EXPECT_EQ(answer.body,
              status == 400 ? "pages of this origin may not connect here" : "");
  }
}

TEST(JudgeRequestTest, AsksWhetherTheRequestMay) {
  HandshakeRules rules;
  rules.allow_request =
      [](const HttpRequest& request) -> std::optional<std::string> {
    if (request.headers.Find("Cookie") == "good") return std::nullopt;
    return std::string(request.headers.Find("Cookie"));
  };
  HttpRequest request = Plain("GET", "/socket.io/?EIO=4&transport=polling");
  HttpAnswer answer = Judge(request, rules).answer;
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.body, R"({"code":4,"message":"Forbidden"})");
  request.headers.Add("Cookie", "not \"you\"\t");
  answer = Judge(request, rules).answer;
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.body, R"({"code":4,"message":"not \"you\"\u0009"})");
  request.headers = HeaderList();
  request.headers.Add("Cookie", "good");
  EXPECT_EQ(Judge(request, rules).kind, Verdict::Kind::kOpenPolling);
  // Only at the beginning, and before the version is looked at.
  request.headers = HeaderList();
  request.target = "/socket.io/?EIO=4&transport=polling&sid=polls";
  EXPECT_EQ(Judge(request, rules).kind, Verdict::Kind::kPoll);
  EXPECT_EQ(Judge(Upgrade("/socket.io/?EIO=3&transport=websocket"), rules)
                .answer.body,
            "Forbidden");
}

TEST(JudgeRequestTest, KnowsOnlyTheTransportsItIsGiven) {
  const HttpRequest poll = Plain("GET", "/socket.io/?EIO=4&transport=polling");
  const HttpRequest upgrade = Upgrade("/socket.io/?EIO=4&transport=websocket");
  EXPECT_EQ(Judge(poll, {.allows_polling = false}).kind,
            Verdict::Kind::kRefused);
  EXPECT_EQ(Judge(upgrade, {.allows_websocket = false}).answer.body,
            "Transport unknown");
}

TEST(JudgeRequestTest, RefusesWhatIsNoWebSocketHandshake) {
  const absl::string_view target = "/socket.io/?EIO=4&transport=websocket";
  const auto with = [&](absl::string_view key, absl::string_view version) {
    HttpRequest request = Upgrade(target);
    request.headers = HeaderList();
    request.headers.Add("Sec-WebSocket-Key", key);
    request.headers.Add("Sec-WebSocket-Version", version);
    return Judge(request).answer;
  };
  const absl::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
  EXPECT_EQ(with(key, "13").status, 101);
  for (absl::string_view version : {"", "8", "12", "013", "13, 8"}) {
    const HttpAnswer answer = with(key, version);
    EXPECT_EQ(answer.status, 426) << version;
    EXPECT_THAT(answer.headers, Contains(Pair("Sec-WebSocket-Version", "13")));
  }
  for (absl::string_view bad :
       {"", "short", "dGhlIHNhbXBsZSBub25jZQ", "not base64 at all!!!====",
        "dGhlIHNhbXBsZSBub25jZQ=="
        "dGhlIHNhbXBsZSBub25jZQ=="}) {
    EXPECT_EQ(with(bad, "13").status, 400) << bad;
  }
}

}  // namespace
}  // namespace roomlog
