#include "node/engineio/http_connection.h"

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/file_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <chrono>
#include <utility>

#include "base/limits.h"

namespace roomlog {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr unsigned kHttpVersion = 11;

absl::string_view View(beast::string_view text) {
  return absl::string_view(text.data(), text.size());
}

beast::string_view BeastView(absl::string_view text) {
  return beast::string_view(text.data(), text.size());
}

HttpRequest RequestOf(const http::request<http::empty_body>& message) {
  const auto header = [&](http::field field) { return View(message[field]); };
  HttpRequest request;
  request.method = View(message.method_string());
  request.target = View(message.target());
  request.asks_websocket = beast::websocket::is_upgrade(message);
  request.origin = header(http::field::origin);
  request.if_none_match = header(http::field::if_none_match);
  request.websocket_key = header(http::field::sec_websocket_key);
  request.websocket_version = header(http::field::sec_websocket_version);
  return request;
}

std::chrono::nanoseconds Chrono(absl::Duration time) {
  return absl::ToChronoNanoseconds(time);
}

}  // namespace

HttpConnection::HttpConnection(TcpSocket socket, HttpHandler& handler,
                               absl::Duration header_time)
    : stream_(std::move(socket)),
      handler_(&handler),
      header_time_(header_time),
      // The head, and what a read may take beyond it.
      buffer_(2 * kHttpHeaderBytesMax) {}

HttpConnection::~HttpConnection() {
  if (handler_ != nullptr) handler_->OnHttpGone(*this);
}

void HttpConnection::Start() { ReadRequest(header_time_); }

void HttpConnection::Abandon() {
  handler_ = nullptr;
  stream_.close();
}

void HttpConnection::ReadRequest(absl::Duration time) {
  parser_.emplace();
  parser_->header_limit(kHttpHeaderBytesMax);
  stream_.expires_after(Chrono(time));
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](error_code error, size_t) {
        if (self->handler_ == nullptr) return;
        if (!error) return self->OnRequest();
        HttpAnswer answer;
        if (error == http::error::header_limit ||
            error == http::error::buffer_overflow) {
          answer = TextAnswer(431, "the request's head is too large");
        } else if (error.category() ==
                       http::make_error_code(http::error::bad_method)
                           .category() &&
                   error != http::error::end_of_stream &&
                   error != http::error::partial_message) {
          answer = TextAnswer(400, "not HTTP");
        } else {
          return;  // Closed, cut off or too slow: nobody listens.
        }
        answer.closes = true;
        self->Write(std::move(answer));
      });
}

void HttpConnection::OnRequest() {
  HttpAnswer answer = handler_->Answer(RequestOf(parser_->get()));
  // A body would be taken for the next request.
  if (!parser_->is_done()) answer.closes = true;
  Write(std::move(answer));
}

void HttpConnection::Write(HttpAnswer answer) {
  const auto& request = parser_->get();
  const bool is_head = request.method() == http::verb::head;
  http::response_header<> head;
  head.version(kHttpVersion);
  head.result(static_cast<unsigned>(answer.status));
  head.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : answer.headers) {
    head.set(BeastView(name), BeastView(value));
  }
  if (!answer.content_type.empty()) {
    head.set(http::field::content_type, BeastView(answer.content_type));
  }
  const bool keeps_alive = !answer.closes && request.keep_alive();
  error_code error;
  if (answer.status == 101 || answer.status == 304) {
    http::response<http::empty_body> message(std::move(head));
    if (answer.status == 304) message.keep_alive(keeps_alive);
    return WriteMessage(std::move(message));
  }
  if (is_head) {
    http::response<http::empty_body> message(std::move(head));
    message.content_length(answer.file.is_open() ? answer.file.size(error)
                                                 : answer.body.size());
    message.keep_alive(keeps_alive);
    return WriteMessage(std::move(message));
  }
  if (answer.file.is_open()) {
    http::response<http::file_body> message(std::move(head));
    message.body().reset(std::move(answer.file), error);
    if (error) return;  // It cannot even tell its size.
    message.prepare_payload();
    message.keep_alive(keeps_alive);
    return WriteMessage(std::move(message));
  }
  http::response<http::string_body> message(std::move(head),
                                            std::move(answer.body));
  message.prepare_payload();
  message.keep_alive(keeps_alive);
  WriteMessage(std::move(message));
}

template <typename Body>
void HttpConnection::WriteMessage(http::response<Body> message) {
  auto kept = std::make_unique<http::response<Body>>(std::move(message));
  http::response<Body>& borrowed = *kept;
  stream_.expires_after(Chrono(kHttpAnswerTime));
  http::async_write(
      stream_, borrowed,
      [self = shared_from_this(), kept = std::move(kept)](error_code error,
                                                          size_t) {
        if (self->handler_ == nullptr) return;
        if (!error && kept->result() == http::status::switching_protocols) {
          self->handler_->OnUpgraded(
              self->stream_.release_socket(),
              beast::buffers_to_string(self->buffer_.data()));
          return;
        }
        self->OnWritten(error, kept->keep_alive());
      });
}

void HttpConnection::OnWritten(error_code error, bool keeps_alive) {
  if (error) return;
  if (keeps_alive) return ReadRequest(kHttpIdleTime);
  stream_.socket().shutdown(TcpSocket::shutdown_send, error);
  if (error) return;
  stream_.expires_after(Chrono(kWebSocketCloseTime));
  Linger();
}

void HttpConnection::Linger() {
  buffer_.clear();
  stream_.async_read_some(
      buffer_.prepare(kHttpHeaderBytesMax),
      [self = shared_from_this()](error_code error, size_t) {
        if (!error && self->handler_ != nullptr) self->Linger();
      });
}

}  // namespace roomlog
