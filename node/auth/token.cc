#include "node/auth/token.h"

#include <simdjson.h>

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "node/auth/auth_limits.h"
#include "node/auth/base64url.h"
#include "node/auth/unique_members.h"

namespace roomlog {
namespace {

absl::Status Refuse(absl::string_view why) {
  return absl::UnauthenticatedError(why);
}

// Nothing if there is no such member; false if it is no string.
bool ReadText(simdjson::dom::object json, const char* name,
              std::optional<std::string>* text) {
  simdjson::dom::element member;
  if (json[name].get(member)) return true;
  std::string_view view;
  if (member.get(view)) return false;
  text->emplace(view);
  return true;
}

absl::Status ReadHeader(absl::string_view text, Token* token) {
  // Keeps buffers from one token to the next.
  static thread_local simdjson::dom::parser parser;
  simdjson::dom::object header;
  if (parser.parse(text.data(), text.size()).get(header)) {
    return Refuse("its header is no JSON object");
  }
  if (!HasUniqueMembers(header)) return Refuse("its header says a thing twice");
  for (const char* name : {"crit", "b64"}) {
    simdjson::dom::element extension;
    if (!header[name].get(extension)) {
      return Refuse(absl::StrCat("its header has \"", name,
                                 "\", which is not understood here"));
    }
  }
  std::optional<std::string> algorithm;
  std::optional<std::string> type;
  if (!ReadText(header, "alg", &algorithm) || !ReadText(header, "typ", &type) ||
      !ReadText(header, "kid", &token->key_id)) {
    return Refuse("alg, typ and kid in its header must be strings");
  }
  if (type.has_value() && !absl::EqualsIgnoreCase(*type, "JWT") &&
      !absl::EqualsIgnoreCase(*type, "at+jwt")) {
    return Refuse("its typ is not JWT");
  }
  const std::optional<SignatureAlgorithm> known =
      SignatureAlgorithmOf(algorithm.value_or(""));
  if (!known.has_value()) {
    return Refuse("its alg is not HS256, RS256, ES256 or EdDSA");
  }
  token->algorithm = *known;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Token> ReadToken(absl::string_view text) {
  if (text.size() > kTokenBytesMax) {
    return Refuse(absl::StrCat("it has ", text.size(), " bytes; at most ",
                               kTokenBytesMax, " are taken"));
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() != 3) return Refuse("it does not have three parts");
  std::optional<std::string> header = DecodeBase64Url(parts[0]);
  std::optional<std::string> claims = DecodeBase64Url(parts[1]);
  std::optional<std::string> signature = DecodeBase64Url(parts[2]);
  if (!header.has_value() || !claims.has_value() || !signature.has_value()) {
    return Refuse("a part of it is not base64url");
  }
  Token token = {};
  const absl::Status read = ReadHeader(*header, &token);
  if (!read.ok()) return read;
  token.signed_text = text.substr(0, parts[0].size() + 1 + parts[1].size());
  token.signature = *std::move(signature);
  token.claims_json = *std::move(claims);
  return token;
}

}  // namespace roomlog
