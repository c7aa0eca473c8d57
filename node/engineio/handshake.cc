#include "node/engineio/handshake.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "node/engineio/url.h"

namespace roomlog {
namespace {

// Engine.IO's numbers, and its words.
struct Refusal {
  int code;
  absl::string_view message;
};
constexpr Refusal kTransportUnknown = {0, "Transport unknown"};
constexpr Refusal kSessionIdUnknown = {1, "Session ID unknown"};
constexpr Refusal kBadHandshakeMethod = {2, "Bad handshake method"};
constexpr Refusal kBadRequest = {3, "Bad request"};
constexpr Refusal kForbidden = {4, "Forbidden"};
constexpr Refusal kUnsupportedVersion = {5, "Unsupported protocol version"};

// A JSON string.
std::string Quote(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", absl::string_view(&c, 1));
    } else if (static_cast<uint8_t>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out.push_back(c);
    }
  }
  return out += '"';
}

Verdict Refuse(const HttpRequest& request, const Refusal& refusal,
               absl::string_view message) {
  Verdict verdict;
  HttpAnswer& answer = verdict.answer;
  answer.status = 400;
  if (request.asks_websocket) {
    answer.closes = true;
    answer.content_type = "text/html";
    answer.body = std::string(message);
    return verdict;
  }
  if (refusal.code == kForbidden.code) answer.status = 403;
  answer.content_type = "application/json";
  answer.body = absl::StrCat(R"({"code":)", refusal.code, R"(,"message":)",
                             Quote(message), "}");
  return verdict;
}

Verdict Refuse(const HttpRequest& request, const Refusal& refusal) {
  return Refuse(request, refusal, refusal.message);
}

// Whether a header may have this value at all, by Node.js' rule.
bool IsHeaderValue(absl::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return c == '\t' || (static_cast<uint8_t>(c) >= 0x20 && c != 0x7f);
  });
}

// What proves that the server speaks WebSocket (RFC 6455, 4.2.2).
std::string AcceptanceOf(absl::string_view key) {
  const std::string text =
      absl::StrCat(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       digest);
  return absl::Base64Escape(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

// The answer that makes a WebSocket of the connection, or says why not.
HttpAnswer AnswerUpgrade(const HttpRequest& request) {
  HttpAnswer answer;
  if (request.headers.Find("Sec-WebSocket-Version") != "13") {
    answer = TextAnswer(426, "WebSocket version 13 is spoken here");
    answer.headers.emplace_back("Sec-WebSocket-Version", "13");
    answer.closes = true;
    return answer;
  }
  constexpr size_t kKeyCharacters = 24;
  const absl::string_view key = request.headers.Find("Sec-WebSocket-Key");
  std::string nonce;
  if (key.size() != kKeyCharacters || !absl::Base64Unescape(key, &nonce) ||
      nonce.size() != 16) {
    answer = TextAnswer(400, "Sec-WebSocket-Key is not 16 bytes in base64");
    answer.closes = true;
    return answer;
  }
  answer.status = 101;
  answer.headers = {{"Upgrade", "websocket"},
                    {"Connection", "Upgrade"},
                    {"Sec-WebSocket-Accept", AcceptanceOf(key)}};
  return answer;
}

Verdict Upgrade(const HttpRequest& request, Verdict::Kind kind) {
  Verdict verdict = {.kind = kind, .answer = AnswerUpgrade(request)};
  if (verdict.answer.status != 101) verdict.kind = Verdict::Kind::kRefused;
  return verdict;
}

Verdict JudgeFirst(const HttpRequest& request, const HandshakeRules& rules,
                   bool is_websocket) {
  if (request.method != "GET") return Refuse(request, kBadHandshakeMethod);
  if (is_websocket && !request.asks_websocket) {
    return Refuse(request, kBadRequest);
  }
  const std::vector<std::string>& origins = rules.allowed_origins;
  const absl::string_view origin = request.headers.Find("Origin");
  if (!origins.empty() && !origin.empty() &&
      std::find(origins.begin(), origins.end(), origin) == origins.end()) {
    return Refuse(request, kForbidden,
                  "pages of this origin may not connect here");
  }
  if (rules.allow_request) {
    const std::optional<std::string> message = rules.allow_request(request);
    if (message.has_value()) {
      return Refuse(request, kForbidden,
                    message->empty() ? kForbidden.message : *message);
    }
  }
  // Before anything is promised: the official server sends its 101 first.
  if (QueryValue(request.query(), "EIO") != "4") {
    return Refuse(request, kUnsupportedVersion);
  }
  if (!request.asks_websocket) return {.kind = Verdict::Kind::kOpenPolling};
  return Upgrade(request, is_websocket ? Verdict::Kind::kOpenWebSocket
                                       : Verdict::Kind::kMisfit);
}

}  // namespace

std::string SessionIdOf(const HttpRequest& request) {
  return QueryValue(request.query(), "sid").value_or("");
}

Verdict JudgeRequest(const HttpRequest& request, const HandshakeRules& rules,
                     CarriedBy carried_by) {
  const absl::string_view query = request.query();
  const std::optional<std::string> transport = QueryValue(query, "transport");
  const bool is_websocket = transport == "websocket";
  if (!(is_websocket && rules.allows_websocket) &&
      !(transport == "polling" && rules.allows_polling)) {
    return Refuse(request, kTransportUnknown);
  }
  if (!IsHeaderValue(request.headers.Find("Origin"))) {
    return Refuse(request, kBadRequest);
  }
  if (SessionIdOf(request).empty()) {
    return JudgeFirst(request, rules, is_websocket);
  }
  if (carried_by == CarriedBy::kNoSuchSession) {
    return Refuse(request, kSessionIdUnknown);
  }
  // A plain request for a WebSocket's session has no answer of its own.
  if (!request.asks_websocket &&
      (is_websocket || carried_by == CarriedBy::kWebSocket)) {
    return Refuse(request, kBadRequest);
  }
  if (QueryValue(query, "EIO") != "4") return Refuse(request, kBadRequest);
  if (request.asks_websocket) {
    return Upgrade(request, is_websocket && carried_by == CarriedBy::kPolling
                                ? Verdict::Kind::kUpgrade
                                : Verdict::Kind::kMisfit);
  }
  if (request.method == "GET") return {.kind = Verdict::Kind::kPoll};
  if (request.method == "POST") return {.kind = Verdict::Kind::kPost};
  return {.kind = Verdict::Kind::kBadMethod};
}

}  // namespace roomlog
