// An HTTP request and its answer, as those see them who decide what to answer.
#ifndef ROOMLOG_NODE_ENGINEIO_HTTP_MESSAGE_H_
#define ROOMLOG_NODE_ENGINEIO_HTTP_MESSAGE_H_

#include <boost/beast/core/file.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace roomlog {

// The views last as long as the call that hands them over. A header that did
// not come is empty.
struct HttpRequest {
  absl::string_view method;
  absl::string_view target;     // Path and query, as sent.
  bool asks_websocket = false;  // To upgrade, by GET, HTTP/1.1 or later.
  absl::string_view origin;
  absl::string_view if_none_match;
  absl::string_view websocket_key;
  absl::string_view websocket_version;

  absl::string_view path() const { return target.substr(0, target.find('?')); }
  absl::string_view query() const {
    const size_t mark = target.find('?');
    return mark == target.npos ? "" : target.substr(mark + 1);
  }
  bool is_read() const { return method == "GET" || method == "HEAD"; }
};

struct HttpAnswer {
  int status = 200;  // 101 hands the connection on.
  std::string content_type;
  std::string body;
  boost::beast::file file;  // Instead of `body`, if it is open.
  std::vector<std::pair<std::string, std::string>> headers;
  bool closes = false;  // Nothing more is read from this client.
};

HttpAnswer TextAnswer(int status, absl::string_view text);

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_HTTP_MESSAGE_H_
