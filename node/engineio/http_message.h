// An HTTP request and its answer, as those see them who decide what to answer.
#ifndef ROOMLOG_NODE_ENGINEIO_HTTP_MESSAGE_H_
#define ROOMLOG_NODE_ENGINEIO_HTTP_MESSAGE_H_

#include <boost/beast/core/file.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "node/engineio/handshake_info.h"

namespace roomlog {

// The views last until the request is answered.
struct HttpRequest {
  absl::string_view method;
  absl::string_view target;     // Path and query, as sent.
  bool asks_websocket = false;  // To upgrade, by GET, HTTP/1.1 or later.
  HeaderList headers;
  absl::string_view remote_address;  // Without the port.
  // It came over TLS: our own, or that of a trusted proxy.
  bool is_secure = false;

  absl::string_view path() const { return target.substr(0, target.find('?')); }
  absl::string_view query() const {
    const size_t mark = target.find('?');
    return mark == target.npos ? "" : target.substr(mark + 1);
  }
  bool is_read() const { return method == "GET" || method == "HEAD"; }
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpAnswer {
  int status = 200;
  std::string content_type;
  std::string body;
  boost::beast::file file;  // Instead of `body`, if it is open.
  HttpHeaders headers;
  bool closes = false;  // Nothing more is read from this client.
};

HttpAnswer TextAnswer(int status, absl::string_view text);

// The answer as it goes over the wire, up to the empty line; a body of
// `body_bytes` follows. No length is said for 1xx, 204 and 304.
std::string EncodeAnswerHead(const HttpAnswer& answer, uint64_t body_bytes,
                             bool keeps_alive);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_HTTP_MESSAGE_H_
