#include "base/utf8.h"

#include <simdjson.h>

namespace roomlog {

bool IsUtf8(absl::string_view bytes) {
  return simdjson::validate_utf8(bytes.data(), bytes.size());
}

}  // namespace roomlog
