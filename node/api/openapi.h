// What the HTTP API is, for programs: node/api/openapi.json.
#ifndef ROOMLOG_NODE_API_OPENAPI_H_
#define ROOMLOG_NODE_API_OPENAPI_H_

#include "absl/strings/string_view.h"

namespace roomlog {

extern const absl::string_view kOpenApiJson;

}  // namespace roomlog

#endif  // ROOMLOG_NODE_API_OPENAPI_H_
