// One TCP connection for as long as it speaks HTTP.
#ifndef ROOMLOG_NODE_ENGINEIO_HTTP_CONNECTION_H_
#define ROOMLOG_NODE_ENGINEIO_HTTP_CONNECTION_H_

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "node/engineio/engine_loop.h"
#include "node/engineio/http_message.h"

namespace roomlog {

class HttpConnection;

// Who answers. Called on the loop's thread.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  virtual HttpAnswer Answer(const HttpRequest& request) = 0;
  // An answer of 101 was sent; from here on the connection is the handler's.
  // `early` are bytes that came behind the request.
  virtual void OnUpgraded(TcpSocket socket, std::string early) = 0;
  // The last word about a connection.
  virtual void OnHttpGone(HttpConnection& connection) = 0;
};

// Lives as long as an operation is under way. Every request has a deadline, and
// a bound on its head; a request's body is never read, so its answer is the
// last.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  // Borrows `handler` until Abandon(), or OnHttpGone(). The head of the first
  // request must come within `header_time`.
  HttpConnection(TcpSocket socket, HttpHandler& handler,
                 absl::Duration header_time);
  ~HttpConnection();

  void Start();

  // Cuts the connection. Nobody is told any more.
  void Abandon();

 private:
  using Stream = boost::beast::basic_stream<boost::asio::ip::tcp, LoopExecutor>;

  void ReadRequest(absl::Duration time);
  void OnRequest();
  void Write(HttpAnswer answer);
  template <typename Body>
  void WriteMessage(boost::beast::http::response<Body> message);
  void OnWritten(boost::system::error_code error, bool keeps_alive);
  // Closes our side, and waits a while for the client to close theirs: closing
  // at once on bytes not read would take the answer away from the client.
  void Linger();

  Stream stream_;
  HttpHandler* handler_;
  const absl::Duration header_time_;
  boost::beast::flat_buffer buffer_;
  // One for each request.
  std::optional<
      boost::beast::http::request_parser<boost::beast::http::empty_body>>
      parser_;
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_HTTP_CONNECTION_H_
