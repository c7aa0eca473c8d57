#include "node/api/api_request.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/json.h"
#include "base/utf8.h"
#include "node/api/api_limits.h"
#include "node/api/json_members.h"
#include "node/engineio/url.h"

namespace roomlog {
namespace {

ApiError BadRequest(std::string message) {
  return ErrorOf({ErrorCode::kBadRequest, std::move(message)});
}

// The same as a client of the room application would ask. `arguments` are JSON.
ClientRequest ReadAsClient(absl::string_view name_space,
                           absl::string_view request,
                           std::initializer_list<absl::string_view> arguments) {
  // Those that begin with $ are the nodes' own.
  if (!absl::StartsWith(name_space, "/") ||
      absl::StartsWith(name_space, "/$")) {
    return Refusal{ErrorCode::kBadRequest,
                   absl::StrCat("no namespace: ", Quote(ShownOf(name_space)),
                                "; it begins with /")};
  }
  // Keeps buffers from one request to the next.
  static thread_local RequestReader reader;
  const std::string array = absl::StrCat("[", Quote(request), ",",
                                         absl::StrJoin(arguments, ","), "]");
  return reader.Read(name_space, request, Args(array, {}, 1));
}

template <typename Wanted>
ApiRequest Of(ClientRequest read) {
  if (auto* refusal = std::get_if<Refusal>(&read)) return ErrorOf(*refusal);
  return std::get<Wanted>(std::move(read));
}

// ---- Queries ----

// The parameters of a query as the JSON of options; "namespace" is none.
struct Parameters {
  std::string name_space = "/";
  std::string options;
  std::optional<ApiError> error;
};

Parameters ReadParameters(absl::string_view query,
                          absl::Span<const absl::string_view> known) {
  Parameters read;
  std::vector<std::string> options;
  for (const absl::string_view part :
       absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const absl::string_view name = part.substr(0, part.find('='));
    const std::optional<std::string> value = QueryValue(query, name);
    if (!value.has_value() || !IsUtf8(*value)) {
      read.error = BadRequest(
          absl::StrCat("the parameter ", Quote(ShownOf(name)),
                       " is there twice, or not percent-encoded UTF-8"));
    } else if (name == "namespace") {
      read.name_space = *value;
    } else if (!absl::c_linear_search(known, name)) {
      read.error = BadRequest(absl::StrCat(
          "unknown parameter ", Quote(ShownOf(name)), ", not namespace",
          known.empty() ? "" : ", ", absl::StrJoin(known, ", ")));
    } else {
      const bool is_number = !value->empty() &&
                             absl::c_all_of(*value, absl::ascii_isdigit) &&
                             name == "limit" && IsJson(*value);
      options.push_back(
          absl::StrCat(Quote(name), ":", is_number ? *value : Quote(*value)));
    }
  }
  read.options = absl::StrCat("{", absl::StrJoin(options, ","), "}");
  return read;
}

ApiRequest ReadHistory(const ApiInput& input) {
  static constexpr std::array<absl::string_view, 3> kKnown = {"before", "after",
                                                              "limit"};
  const Parameters parameters = ReadParameters(input.query, kKnown);
  if (parameters.error.has_value()) return *parameters.error;
  return Of<ClientHistory>(
      ReadAsClient(parameters.name_space, "history",
                   {Quote(input.names[0]), parameters.options}));
}

ApiRequest ReadPresenceOf(absl::string_view room, const ApiInput& input) {
  static constexpr std::array<absl::string_view, 4> kKnown = {"list", "after",
                                                              "limit", "user"};
  const Parameters parameters = ReadParameters(input.query, kKnown);
  if (parameters.error.has_value()) return *parameters.error;
  return Of<ClientPresence>(ReadAsClient(parameters.name_space, "presence",
                                         {Quote(room), parameters.options}));
}

ApiRequest ReadPresence(const ApiInput& input) {
  if (input.names[0].empty()) {
    return ErrorOf({ErrorCode::kBadRoom, "a room needs a name"});
  }
  return ReadPresenceOf(input.names[0], input);
}

ApiRequest ReadNamespacePresence(const ApiInput& input) {
  return ReadPresenceOf("", input);
}

ApiRequest ReadRooms(const ApiInput& input) {
  static constexpr std::array<absl::string_view, 2> kKnown = {"after", "limit"};
  const Parameters parameters = ReadParameters(input.query, kKnown);
  if (parameters.error.has_value()) return *parameters.error;
  // Pages are asked for as those of members are.
  ClientRequest read = ReadAsClient(parameters.name_space, "presence",
                                    {Quote(""), parameters.options});
  if (auto* refusal = std::get_if<Refusal>(&read)) return ErrorOf(*refusal);
  ApiRooms rooms{parameters.name_space,
                 std::get<ClientPresence>(std::move(read)).query};
  rooms.query.what = PresenceQuery::What::kRooms;
  return rooms;
}

// `body` are the options of a change, as a client would give them; null: it
// only asks.
ApiRequest ReadUserStateOf(const ApiInput& input, absl::string_view name_space,
                           absl::string_view options) {
  if (input.names[0].empty()) return BadRequest("a user needs a name");
  ClientRequest read =
      ReadAsClient(name_space, "user_state", {Quote(input.names[0]), options});
  if (auto* refusal = std::get_if<Refusal>(&read)) return ErrorOf(*refusal);
  return ApiUserState{std::string(name_space),
                      std::get<ClientUserState>(std::move(read))};
}

ApiRequest ReadUserState(const ApiInput& input) {
  const Parameters parameters = ReadParameters(input.query, {});
  if (parameters.error.has_value()) return *parameters.error;
  return ReadUserStateOf(input, parameters.name_space, "null");
}

ApiRequest ReadRemoveUserState(const ApiInput& input) {
  static constexpr std::array<absl::string_view, 1> kKnown = {"version"};
  const Parameters parameters = ReadParameters(input.query, kKnown);
  if (parameters.error.has_value()) return *parameters.error;
  std::string options = parameters.options;
  options.insert(1, options == "{}" ? "\"remove\":true" : "\"remove\":true,");
  return ReadUserStateOf(input, parameters.name_space, options);
}

ApiRequest ReadUserDismissal(const ApiInput& input, bool revokes) {
  if (input.names[0].empty()) return BadRequest("a user needs a name");
  if (!input.query.empty()) {
    return BadRequest("this takes no parameters: it is of all namespaces");
  }
  return ApiDismissal{input.names[0], "", "", revokes};
}

ApiRequest ReadDisconnectUser(const ApiInput& input) {
  return ReadUserDismissal(input, /*revokes=*/false);
}

ApiRequest ReadRevokeUser(const ApiInput& input) {
  return ReadUserDismissal(input, /*revokes=*/true);
}

ApiRequest ReadDisconnectSocket(const ApiInput& input) {
  const Parameters parameters = ReadParameters(input.query, {});
  if (parameters.error.has_value()) return *parameters.error;
  if (input.names[0].empty()) return BadRequest("a socket needs an id");
  return ApiDismissal{"", input.names[0], parameters.name_space};
}

// ---- Bodies ----

// {namespace, state, version, ttl}; `change` is "set" or "merge".
ApiRequest ReadUserStateChange(const ApiInput& input,
                               absl::string_view change) {
  const absl::StatusOr<JsonMembers> members = JsonMembers::Of(input.body);
  if (!members.ok()) return BadRequest(std::string(members.status().message()));
  static constexpr std::array<absl::string_view, 4> kKnown = {
      "namespace", "state", "version", "ttl"};
  if (const auto unknown = members->FirstBut(kKnown)) {
    return BadRequest(absl::StrCat("unknown member ", Quote(ShownOf(*unknown)),
                                   ", not ", absl::StrJoin(kKnown, ", ")));
  }
  const absl::string_view name_space = members->Find("namespace");
  if (!name_space.empty() && name_space[0] != '"') {
    return BadRequest("namespace must be a string");
  }
  if (members->Find("state").empty()) return BadRequest("state is missing");
  std::string options =
      absl::StrCat("{", Quote(change), ":", members->Find("state"));
  for (const absl::string_view name : {"version", "ttl"}) {
    const absl::string_view value = members->Find(name);
    if (value.empty()) continue;
    absl::StrAppend(&options, ",", Quote(name), ":", value);
  }
  return ReadUserStateOf(input, name_space.empty() ? "/" : Unquote(name_space),
                         absl::StrCat(options, "}"));
}

ApiRequest ReadSetUserState(const ApiInput& input) {
  return ReadUserStateChange(input, "set");
}

ApiRequest ReadMergeUserState(const ApiInput& input) {
  return ReadUserStateChange(input, "merge");
}

// One event to publish; `json` is an object.
std::variant<ClientPublish, ApiError> ReadEvent(absl::string_view json) {
  absl::StatusOr<JsonMembers> members = JsonMembers::Of(json);
  if (!members.ok()) return BadRequest(std::string(members.status().message()));
  static constexpr std::array<absl::string_view, 5> kKnown = {
      "namespace", "room", "event", "data", "id"};
  if (const auto unknown = members->FirstBut(kKnown)) {
    return BadRequest(absl::StrCat("unknown member ", Quote(ShownOf(*unknown)),
                                   ", not ", absl::StrJoin(kKnown, ", ")));
  }
  const absl::string_view name_space = members->Find("namespace");
  if (!name_space.empty() && name_space[0] != '"') {
    return BadRequest("namespace must be a string");
  }
  const auto json_of = [&](absl::string_view name) {
    const absl::string_view found = members->Find(name);
    return found.empty() ? absl::string_view("null") : found;
  };
  const absl::string_view id = members->Find("id");
  ClientRequest read = ReadAsClient(
      name_space.empty() ? "/" : Unquote(name_space), "publish",
      {json_of("room"), json_of("event"), json_of("data"),
       id.empty() || id == "null" ? "null"
                                  : absl::StrCat("{\"id\":", id, "}")});
  if (const auto* refusal = std::get_if<Refusal>(&read)) {
    return ErrorOf(*refusal);
  }
  return std::get<ClientPublish>(std::move(read));
}

ApiRequest ReadPublish(const ApiInput& input) {
  auto read = ReadEvent(input.body);
  if (auto* error = std::get_if<ApiError>(&read)) return std::move(*error);
  return std::get<ClientPublish>(std::move(read));
}

ApiRequest ReadBatch(const ApiInput& input) {
  const absl::StatusOr<JsonMembers> members = JsonMembers::Of(input.body);
  if (!members.ok()) return BadRequest(std::string(members.status().message()));
  const absl::string_view events = members->Find("events");
  if (members->size() != 1 || events.empty() || events[0] != '[') {
    return BadRequest(R"(the body must be {"events": [...]})");
  }
  const auto elements = Elements(events, kApiBatchEventsMax);
  if (!elements.has_value()) {
    return ErrorOf({ErrorCode::kTooLarge,
                    absl::StrCat("more than ", kApiBatchEventsMax,
                                 " events are not published by one request")});
  }
  ApiBatch batch;
  for (const absl::string_view element : *elements) {
    batch.events.push_back(ReadEvent(element));
  }
  return batch;
}

ApiRequest ReadDescription(const ApiInput&) { return ApiDescription(); }

constexpr std::array<ApiRoute, 14> kRoutes = {{
    {"GET", "openapi.json", false, true, ReadDescription},
    {"POST", "publish", true, false, ReadPublish},
    {"POST", "publish/batch", true, false, ReadBatch},
    {"GET", "presence", false, false, ReadNamespacePresence},
    {"GET", "rooms", false, false, ReadRooms},
    {"GET", "rooms/{room}/history", false, false, ReadHistory},
    {"GET", "rooms/{room}/presence", false, false, ReadPresence},
    {"GET", "users/{user}/state", false, false, ReadUserState},
    {"PUT", "users/{user}/state", true, false, ReadSetUserState},
    {"PATCH", "users/{user}/state", true, false, ReadMergeUserState},
    {"DELETE", "users/{user}/state", false, false, ReadRemoveUserState},
    {"POST", "users/{user}/disconnect", false, false, ReadDisconnectUser},
    {"POST", "users/{user}/revoke", false, false, ReadRevokeUser},
    {"POST", "sockets/{socket}/disconnect", false, false, ReadDisconnectSocket},
}};

// What stands for the {...} of `pattern` in `path`; nothing if it is another.
std::optional<std::vector<std::string>> NamesIn(absl::string_view pattern,
                                                absl::string_view path) {
  const std::vector<absl::string_view> wanted = absl::StrSplit(pattern, '/');
  const std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
  if (wanted.size() != parts.size()) return std::nullopt;
  std::vector<std::string> names;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!absl::StartsWith(wanted[i], "{")) {
      if (wanted[i] != parts[i]) return std::nullopt;
      continue;
    }
    std::optional<std::string> name = PercentDecode(parts[i]);
    if (!name.has_value() || !IsUtf8(*name)) return std::nullopt;
    names.push_back(*std::move(name));
  }
  return names;
}

}  // namespace

absl::Span<const ApiRoute> ApiRoutes() { return kRoutes; }

std::variant<ApiMatch, ApiError> MatchApiRoute(absl::string_view method,
                                               absl::string_view path) {
  const absl::string_view below = path.substr(kApiPrefix.size());
  std::vector<absl::string_view> other_methods;
  for (const ApiRoute& route : kRoutes) {
    std::optional<std::vector<std::string>> names = NamesIn(route.path, below);
    if (!names.has_value()) continue;
    if (method == route.method) return ApiMatch{&route, *std::move(names)};
    other_methods.push_back(route.method);
  }
  if (!other_methods.empty()) {
    return ApiError{
        405, "bad_method",
        absl::StrCat("this takes ", absl::StrJoin(other_methods, ", "),
                     ", not ", ShownOf(method))};
  }
  return ApiError{404, "not_found",
                  absl::StrCat("there is nothing here; ", kApiPrefix,
                               "openapi.json says what there is")};
}

}  // namespace roomlog
