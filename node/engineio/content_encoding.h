// Compression of HTTP answers.
#ifndef ROOMLOG_NODE_ENGINEIO_CONTENT_ENCODING_H_
#define ROOMLOG_NODE_ENGINEIO_CONTENT_ENCODING_H_

#include <string>

#include "absl/strings/string_view.h"

namespace roomlog {

// The encoding to answer with, "gzip" or "deflate", for a client that sent this
// Accept-Encoding; the one it likes better, else gzip. Empty: neither.
absl::string_view ChooseEncoding(absl::string_view accept_encoding);

// `body`, in one of the encodings above.
std::string Compress(absl::string_view encoding, absl::string_view body);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_CONTENT_ENCODING_H_
