// Whether bytes are text.
#ifndef ROOMLOG_BASE_UTF8_H_
#define ROOMLOG_BASE_UTF8_H_

#include "absl/strings/string_view.h"

namespace roomlog {

// Whether `bytes` is well-formed UTF-8 (RFC 3629).
bool IsUtf8(absl::string_view bytes);

}  // namespace roomlog

#endif  // ROOMLOG_BASE_UTF8_H_
