// What a request to the HTTP API is refused with.
#ifndef ROOMLOG_NODE_API_API_ERROR_H_
#define ROOMLOG_NODE_API_API_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "node/application/answer.h"

namespace roomlog {

struct ApiError {
  int status;           // Of HTTP: 4xx or 5xx.
  std::string code;     // Programs compare these, so a name once used stays.
  std::string message;  // For people: what is wrong, with the facts.
};

// The same as a client of the room application would be told.
ApiError ErrorOf(const Refusal& refusal);

// {"ok":false,"error":{...}}
std::string ToJson(const ApiError& error);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_API_API_ERROR_H_
