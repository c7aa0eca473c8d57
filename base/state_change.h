// A change of what the log keeps beside the rooms.
#ifndef ROOMLOG_BASE_STATE_CHANGE_H_
#define ROOMLOG_BASE_STATE_CHANGE_H_

#include <optional>
#include <string>

namespace roomlog {

// A row of state: put, or taken away if there is no value.
struct StateChange {
  std::string key;
  std::optional<std::string> value;

  friend bool operator==(const StateChange&, const StateChange&) = default;
};

}  // namespace roomlog

#endif  // ROOMLOG_BASE_STATE_CHANGE_H_
