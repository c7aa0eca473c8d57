// The base64 of tokens (RFC 7515: url-safe, no padding).
#ifndef ROOMLOG_NODE_AUTH_BASE64URL_H_
#define ROOMLOG_NODE_AUTH_BASE64URL_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace roomlog {

// Nothing unless `text` is the one way of writing some bytes: no padding, no
// space, no other alphabet, and no bits that say nothing but are set. (Abseil's
// takes all of these.)
std::optional<std::string> DecodeBase64Url(absl::string_view text);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_AUTH_BASE64URL_H_
