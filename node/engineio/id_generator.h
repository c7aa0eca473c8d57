// Ids that nobody can guess and nobody else has.
#ifndef ROOMLOG_NODE_ENGINEIO_ID_GENERATOR_H_
#define ROOMLOG_NODE_ENGINEIO_ID_GENERATOR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/ids.h"

namespace roomlog {

// Makes ids as Socket.IO does: 15 bytes in 20 characters of URL-safe base64.
// One names the event loop. With a tag, five name the node and 9 come from the
// system's secure source; without one, 12 do and two count. Belongs to one
// thread.
class IdGenerator {
 public:
  explicit IdGenerator(uint8_t loop_index = 0,
                       std::optional<NodeTag> tag = std::nullopt)
      : loop_index_(loop_index), tag_(tag) {}

  std::string Next();

  // The loop whose generator made this id. Nothing: it is none of ours.
  static std::optional<uint8_t> LoopOf(absl::string_view id);
  // The node, if its generator had a tag. Nothing: it is none of ours.
  static std::optional<NodeTag> TagOf(absl::string_view id);
  // Draws one. Never 0.
  static NodeTag DrawTag();

 private:
  const uint8_t loop_index_;
  const std::optional<NodeTag> tag_;
  uint16_t counter_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_ID_GENERATOR_H_
