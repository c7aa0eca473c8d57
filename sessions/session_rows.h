// The keys of the rows that sessions are kept in. docs/log-format.md has them.
#ifndef ROOMLOG_SESSIONS_SESSION_ROWS_H_
#define ROOMLOG_SESSIONS_SESSION_ROWS_H_

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"

namespace roomlog {

inline constexpr char kSessionRowPrefix = 's';
inline constexpr char kOwnerRowPrefix = 'o';

// "s<namespace>\0<private id>": a SessionRecord.
inline std::string SessionRowKey(absl::string_view name_space,
                                 absl::string_view private_id) {
  return absl::StrCat(absl::string_view(&kSessionRowPrefix, 1), name_space,
                      absl::string_view("\0", 1), private_id);
}

// "o", and the producer in 8 bytes, big-endian: a SessionOwnerRow.
inline std::string OwnerRowKey(ProducerId owner) {
  std::string key(1, kOwnerRowPrefix);
  for (int shift = 56; shift >= 0; shift -= 8) {
    key.push_back(static_cast<char>(owner.value() >> shift & 0xff));
  }
  return key;
}

// Nothing if it is no key of an owner's row.
inline std::optional<ProducerId> OwnerOfRow(absl::string_view key) {
  if (key.size() != 9 || key[0] != kOwnerRowPrefix) return std::nullopt;
  uint64_t number = 0;
  for (const char byte : key.substr(1)) {
    number = number << 8 | static_cast<unsigned char>(byte);
  }
  return ProducerId(number);
}

}  // namespace roomlog

#endif  // ROOMLOG_SESSIONS_SESSION_ROWS_H_
