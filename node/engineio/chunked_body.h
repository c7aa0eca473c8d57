// The body of an HTTP request that comes in chunks (RFC 9112, 7.1).
#ifndef ROOMLOG_NODE_ENGINEIO_CHUNKED_BODY_H_
#define ROOMLOG_NODE_ENGINEIO_CHUNKED_BODY_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace roomlog {

// Our own, since Beast's fails an assertion on some trailers, as the fuzzer
// found: with assertions on, anybody could end the process.
class ChunkedBody {
 public:
  enum class State {
    kMore,      // More bytes are needed; all there were are taken.
    kDone,      // The body is whole; what is behind it was not taken.
    kTooLarge,  // It is larger than it may be.
    kMalformed,
  };

  explicit ChunkedBody(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Takes bytes from the front of `input` and appends what they carry.
  State Read(absl::string_view* input, std::string* body);

 private:
  enum class Part { kSizeLine, kData, kDataEnd, kTrailer };

  // Takes a line without its end. False: it is not whole yet, or too long.
  bool TakeLine(absl::string_view* input);
  // Takes the size line; false if it says none.
  bool TakeSize();

  const size_t bytes_max_;
  Part part_ = Part::kSizeLine;
  std::string line_;
  bool line_is_too_long_ = false;
  size_t trailer_bytes_ = 0;
  uint64_t chunk_bytes_left_ = 0;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_CHUNKED_BODY_H_
