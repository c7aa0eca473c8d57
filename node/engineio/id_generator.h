// Ids that nobody can guess and nobody else has.
#ifndef ROOMLOG_NODE_ENGINEIO_ID_GENERATOR_H_
#define ROOMLOG_NODE_ENGINEIO_ID_GENERATOR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace roomlog {

// Makes ids as Socket.IO does: 12 bytes from the system's secure source and 3
// others, in 20 characters of URL-safe base64. Of those 3, one names the event
// loop and two count. Belongs to one thread.
class IdGenerator {
 public:
  explicit IdGenerator(uint8_t loop_index = 0) : loop_index_(loop_index) {}

  std::string Next();

  // The loop whose generator made this id. Nothing: it is none of ours.
  static std::optional<uint8_t> LoopOf(absl::string_view id);

 private:
  const uint8_t loop_index_;
  uint16_t counter_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_ID_GENERATOR_H_
