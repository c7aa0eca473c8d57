#include "node/auth/claims.h"

#include <simdjson.h>

#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/limits.h"
#include "node/auth/auth_limits.h"
#include "node/auth/unique_members.h"

namespace roomlog {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

absl::Status Refuse(absl::string_view why) {
  return absl::UnauthenticatedError(why);
}

// False if it is there and no string.
bool ReadText(object json, const char* name, std::optional<std::string>* text) {
  element member;
  if (json[name].get(member)) return true;
  std::string_view view;
  if (member.get(view)) return false;
  text->emplace(view);
  return true;
}

// Seconds since 1970, perhaps with a fraction. False if it is there and none,
// or beyond the year 9999: who writes milliseconds shall be told, rather than
// have tokens that never end.
bool ReadTime(object json, const char* name, std::optional<absl::Time>* time) {
  constexpr double kSecondsMax = 253402300799;
  element member;
  if (json[name].get(member)) return true;
  double seconds = 0;
  if (member.get(seconds) || !(seconds >= 0 && seconds <= kSecondsMax)) {
    return false;
  }
  *time = absl::UnixEpoch() + absl::Seconds(seconds);
  return true;
}

// A string, or an array of them (RFC 7519, 4.1.3).
bool ReadAudiences(object json, std::vector<std::string>* audiences) {
  element member;
  if (json["aud"].get(member)) return true;
  std::string_view text;
  if (!member.get(text)) {
    audiences->emplace_back(text);
    return true;
  }
  simdjson::dom::array list;
  if (member.get(list)) return false;
  for (const element each : list) {
    if (each.get(text)) return false;
    audiences->emplace_back(text);
  }
  return !audiences->empty();
}

}  // namespace

absl::StatusOr<Claims> ReadClaims(absl::string_view json) {
  // Keeps buffers from one token to the next.
  static thread_local simdjson::dom::parser parser;
  object members;
  if (parser.parse(json.data(), json.size()).get(members)) {
    return Refuse("its claims are no JSON object");
  }
  if (!HasUniqueMembers(members)) return Refuse("it makes a claim twice");
  Claims claims;
  std::optional<std::string> user;
  std::optional<absl::Time> expires;
  if (!ReadText(members, "sub", &user) || !user.has_value() || user->empty()) {
    return Refuse("sub, the user's name, is missing or no string");
  }
  if (user->size() > kUserNameBytesMax ||
      absl::StrContains(*user, absl::string_view("\0", 1))) {
    return Refuse(absl::StrCat("sub is longer than ", kUserNameBytesMax,
                               " bytes, or holds a NUL"));
  }
  if (!ReadTime(members, "exp", &expires) || !expires.has_value()) {
    return Refuse("exp is missing, or not a time in seconds");
  }
  if (!ReadTime(members, "nbf", &claims.not_before) ||
      !ReadTime(members, "iat", &claims.issued_at)) {
    return Refuse("nbf or iat is not a time in seconds");
  }
  if (!ReadText(members, "iss", &claims.issuer)) {
    return Refuse("iss is no string");
  }
  if (!ReadAudiences(members, &claims.audiences)) {
    return Refuse("aud is neither a string nor an array of strings");
  }
  if (element rules; !members["roomlog"].get(rules)) {
    absl::StatusOr<Grants> grants = Grants::FromJson(rules);
    if (!grants.ok()) {
      return Refuse(absl::StrCat("claim roomlog: ", grants.status().message()));
    }
    claims.grants = *std::move(grants);
  }
  claims.user = *std::move(user);
  claims.expires = *expires;
  return claims;
}

}  // namespace roomlog
