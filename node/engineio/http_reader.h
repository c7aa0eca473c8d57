// Takes a client's HTTP requests apart, head by head and body by body. Sees no
// socket.
#ifndef ROOMLOG_NODE_ENGINEIO_HTTP_READER_H_
#define ROOMLOG_NODE_ENGINEIO_HTTP_READER_H_

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "node/engineio/chunked_body.h"
#include "node/engineio/http_message.h"

namespace roomlog {

class HttpReader {
 public:
  enum class Event {
    kNothing,    // More bytes are needed.
    kHead,       // request() is there. Next: ReadBody(), or NextRequest().
    kBody,       // body() is there.
    kTooLarge,   // The head is (431), or the body is (413).
    kMalformed,  // It is no HTTP.
  };

  HttpReader() { NextRequest(); }

  // Takes bytes from the front of `input` up to the next event. The head must
  // have been told before the body is read.
  Event Read(absl::string_view* input);

  // The head that came last; its views last until NextRequest().
  HttpRequest request() const;
  bool keeps_alive() const { return parser_->get().keep_alive(); }
  // The request has no body, or it was read.
  bool is_done() const { return is_done_; }
  // The client waits for "100 Continue" before it sends the body.
  bool expects_continue() const;

  // Lets the body in, up to that size. kTooLarge: it says that it is larger.
  Event AllowBody(size_t bytes_max);
  absl::string_view body() const { return body_; }

  // Forgets the request, to read another.
  void NextRequest();

 private:
  using Parser =
      boost::beast::http::request_parser<boost::beast::http::empty_body>;

  Event ReadHead(absl::string_view* input);
  Event ReadBody(absl::string_view* input);

  std::optional<Parser> parser_;  // Of the head.
  size_t head_bytes_ = 0;
  bool reads_body_ = false;
  bool is_done_ = false;
  bool is_body_told_ = false;
  uint64_t body_bytes_left_ = 0;
  std::optional<ChunkedBody> chunks_;
  std::string body_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_HTTP_READER_H_
