// What backends ask of the HTTP API, read from requests and checked against
// every rule that needs no state. docs/http-api.md says it to those who ask.
#ifndef ROOMLOG_NODE_API_API_REQUEST_H_
#define ROOMLOG_NODE_API_API_REQUEST_H_

#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "node/api/api_error.h"
#include "node/application/request.h"

namespace roomlog {

// All requests are below it.
inline constexpr absl::string_view kApiPrefix = "/api/v1/";

struct ApiBatch {
  // In their order; what is wrong with one does not hinder the others.
  std::vector<std::variant<ClientPublish, ApiError>> events;
};

// Which requests are there?
struct ApiDescription {};

// The state of a user, or how it is to change.
struct ApiUserState {
  std::string name_space;
  ClientUserState state;
};

// A page of the rooms that somebody is in.
struct ApiRooms {
  std::string name_space;
  PresenceQuery query;
};

// Whose sockets are to go.
struct ApiDismissal {
  std::string user;       // All of his, in every namespace; or, if it is empty,
  std::string socket_id;  // this one,
  std::string name_space;  // in this namespace.
  bool revokes = false;    // His tokens, too.
};

using ApiRequest = std::variant<ClientPublish, ApiBatch, ClientHistory,
                                ClientPresence, ApiRooms, ApiUserState,
                                ApiDismissal, ApiDescription, ApiError>;

struct ApiInput {
  std::vector<std::string> names;  // What stands for {...} in the route's path.
  absl::string_view query;
  absl::string_view body;  // Empty unless the route takes one.
};

struct ApiRoute {
  absl::string_view method;
  absl::string_view path;  // Below the prefix: "rooms/{room}/history".
  bool takes_body;
  bool is_public;  // Needs no key.
  ApiRequest (*read)(const ApiInput& input);
};

// All there are.
absl::Span<const ApiRoute> ApiRoutes();

// The route of a request and what stands for its {...}, or what is wrong with
// it. `path` begins with the prefix.
struct ApiMatch {
  const ApiRoute* route;
  std::vector<std::string> names;
};
std::variant<ApiMatch, ApiError> MatchApiRoute(absl::string_view method,
                                               absl::string_view path);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_API_API_REQUEST_H_
