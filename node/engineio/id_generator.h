// Ids that nobody can guess and nobody else has.
#ifndef ROOMLOG_NODE_ENGINEIO_ID_GENERATOR_H_
#define ROOMLOG_NODE_ENGINEIO_ID_GENERATOR_H_

#include <cstdint>
#include <string>

namespace roomlog {

// Makes ids as Socket.IO does: 12 bytes from the system's secure source and a
// 3-byte counter, in 20 characters of URL-safe base64. Belongs to one thread.
class IdGenerator {
 public:
  std::string Next();

 private:
  uint32_t counter_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_ID_GENERATOR_H_
