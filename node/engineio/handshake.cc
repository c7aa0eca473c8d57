#include "node/engineio/handshake.h"

#include <openssl/sha.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
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

std::optional<Refusal> Check(const HttpRequest& request,
                             const HandshakeRules& rules) {
  const absl::string_view query = request.query();
  if (QueryValue(query, "transport") != "websocket") return kTransportUnknown;
  // An Origin with impossible characters is no HTTP, so it never comes here.
  const std::optional<std::string> id = QueryValue(query, "sid");
  if (id.has_value()) {
    // A session of ours speaks WebSocket already, and has no other transport to
    // upgrade from.
    return rules.is_session(*id) ? kBadRequest : kSessionIdUnknown;
  }
  if (request.method != "GET") return kBadHandshakeMethod;
  if (!request.asks_websocket) return kBadRequest;
  const std::vector<std::string>& origins = rules.allowed_origins;
  if (!origins.empty() && !request.origin.empty() &&
      std::find(origins.begin(), origins.end(), request.origin) ==
          origins.end()) {
    return kForbidden;
  }
  if (QueryValue(query, "EIO") != "4") return kUnsupportedVersion;
  return std::nullopt;
}

HttpAnswer Refuse(const HttpRequest& request, const Refusal& refusal) {
  HttpAnswer answer;
  answer.closes = true;
  answer.status = 400;
  if (request.asks_websocket) {
    answer.content_type = "text/html";
    answer.body = std::string(refusal.message);
    return answer;
  }
  if (refusal.code == kForbidden.code) answer.status = 403;
  answer.content_type = "application/json";
  answer.body = absl::StrCat(R"({"code":)", refusal.code, R"(,"message":")",
                             refusal.message, R"("})");
  return answer;
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

}  // namespace

HttpAnswer AnswerHandshake(const HttpRequest& request,
                           const HandshakeRules& rules) {
  const std::optional<Refusal> refusal = Check(request, rules);
  if (refusal.has_value()) return Refuse(request, *refusal);

  HttpAnswer answer;
  if (request.websocket_version != "13") {
    answer = TextAnswer(426, "WebSocket version 13 is spoken here");
    answer.headers.emplace_back("Sec-WebSocket-Version", "13");
    answer.closes = true;
    return answer;
  }
  constexpr size_t kKeyCharacters = 24;
  std::string nonce;
  if (request.websocket_key.size() != kKeyCharacters ||
      !absl::Base64Unescape(request.websocket_key, &nonce) ||
      nonce.size() != 16) {
    answer = TextAnswer(400, "Sec-WebSocket-Key is not 16 bytes in base64");
    answer.closes = true;
    return answer;
  }
  answer.status = 101;
  answer.headers = {
      {"Upgrade", "websocket"},
      {"Connection", "Upgrade"},
      {"Sec-WebSocket-Accept", AcceptanceOf(request.websocket_key)}};
  return answer;
}

}  // namespace roomlog
