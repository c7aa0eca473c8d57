#include "node/auth/grants.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "node/auth/auth_limits.h"
#include "node/auth/unique_members.h"

namespace roomlog {
namespace {

std::optional<Right> RightOf(absl::string_view name) {
  for (const Right right : kRights) {
    if (NameOf(right) == name) return right;
  }
  return std::nullopt;
}

absl::Status NoRight(absl::string_view name) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(name.substr(0, 64)),
                   "\" is no right: join, publish, history, presence, state, "
                   "state_change or dismiss"));
}

}  // namespace

absl::string_view NameOf(Right right) {
  switch (right) {
    case Right::kJoin:
      return "join";
    case Right::kPublish:
      return "publish";
    case Right::kHistory:
      return "history";
    case Right::kPresence:
      return "presence";
    case Right::kState:
      return "state";
    case Right::kStateChange:
      return "state_change";
    case Right::kDismiss:
      return "dismiss";
  }
  return "";
}

absl::Status Grants::Add(Right right, absl::string_view text) {
  auto& patterns = patterns_[static_cast<size_t>(right)];
  if (patterns.size() == kRoomPatternsMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "more than ", kRoomPatternsMax, " room patterns for ", NameOf(right)));
  }
  absl::StatusOr<RoomPattern> pattern = RoomPattern::Parse(text);
  if (!pattern.ok()) return pattern.status();
  patterns.push_back(*std::move(pattern));
  return absl::OkStatus();
}

absl::StatusOr<Grants> Grants::Parse(absl::string_view text) {
  Grants grants;
  for (const absl::string_view rule :
       absl::StrSplit(text, ';', absl::SkipWhitespace())) {
    const size_t equals = rule.find('=');
    if (equals == rule.npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", rule, "\" is no rule such as join=chat/*"));
    }
    std::vector<Right> rights;
    for (absl::string_view name : absl::StrSplit(rule.substr(0, equals), ',')) {
      name = absl::StripAsciiWhitespace(name);
      if (name == "all") {
        rights.assign(kRights.begin(), kRights.end());
      } else if (const std::optional<Right> right = RightOf(name)) {
        rights.push_back(*right);
      } else {
        return NoRight(name);
      }
    }
    for (const absl::string_view pattern :
         absl::StrSplit(rule.substr(equals + 1), ',')) {
      for (const Right right : rights) {
        const absl::Status added =
            grants.Add(right, absl::StripAsciiWhitespace(pattern));
        if (!added.ok()) return added;
      }
    }
  }
  return grants;
}

absl::StatusOr<Grants> Grants::FromJson(simdjson::dom::element json) {
  simdjson::dom::object object;
  if (json.get(object) || !HasUniqueMembers(object)) {
    return absl::InvalidArgumentError(
        "it must be an object with each right once");
  }
  Grants grants;
  for (const auto member : object) {
    const absl::string_view name(member.key.data(), member.key.size());
    const std::optional<Right> right = RightOf(name);
    if (!right.has_value()) return NoRight(name);
    simdjson::dom::array patterns;
    if (member.value.get(patterns)) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " must be an array of room patterns"));
    }
    for (const simdjson::dom::element element : patterns) {
      std::string_view text;
      if (element.get(text)) {
        return absl::InvalidArgumentError("a room pattern must be a string");
      }
      const absl::Status added = grants.Add(*right, {text.data(), text.size()});
      if (!added.ok()) return added;
    }
  }
  return grants;
}

bool Grants::Allow(Right right, absl::string_view name_space,
                   absl::string_view room, absl::string_view user) const {
  return absl::c_any_of(patterns_[static_cast<size_t>(right)],
                        [&](const RoomPattern& pattern) {
                          return pattern.Matches(name_space, room, user);
                        });
}

}  // namespace roomlog
