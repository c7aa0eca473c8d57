// Which addresses nobody but this machine can reach.
#ifndef ROOMLOG_BASE_LOOPBACK_H_
#define ROOMLOG_BASE_LOOPBACK_H_

#include "absl/strings/string_view.h"

namespace roomlog {

// Whether "127.0.0.1:8080", "[::1]:8080" or "localhost:8080" is. False for
// whatever is not certain, such as the name of an interface.
bool IsLoopbackAddress(absl::string_view address);

}  // namespace roomlog

#endif  // ROOMLOG_BASE_LOOPBACK_H_
