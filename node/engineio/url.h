// The parts of a URL that clients may write in more than one way.
#ifndef ROOMLOG_NODE_ENGINEIO_URL_H_
#define ROOMLOG_NODE_ENGINEIO_URL_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace roomlog {

// `text` with each %XX replaced by its byte. Nothing: a % is followed by
// something else.
std::optional<std::string> PercentDecode(absl::string_view text);

// The value of `name` in a query such as "EIO=4&transport=websocket". Nothing:
// it is absent, there twice, or not decodable.
std::optional<std::string> QueryValue(absl::string_view query,
                                      absl::string_view name);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_URL_H_
