#include "node/engineio/http_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "absl/strings/match.h"
#include "base/limits.h"

namespace roomlog {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

absl::string_view View(beast::string_view text) {
  return absl::string_view(text.data(), text.size());
}

}  // namespace

void HttpReader::NextRequest() {
  parser_.emplace();
  parser_->header_limit(kHttpHeaderBytesMax);
  parser_->body_limit(boost::none);  // AllowBody() decides.
  parser_->eager(false);
  parser_->skip(true);
  head_bytes_ = 0;
  reads_body_ = false;
  is_done_ = false;
  is_body_told_ = false;
  body_bytes_left_ = 0;
  chunks_.reset();
  std::string().swap(body_);
}

HttpReader::Event HttpReader::Read(absl::string_view* input) {
  if (!parser_->is_header_done()) return ReadHead(input);
  if (!reads_body_ || is_body_told_) return Event::kNothing;
  return ReadBody(input);
}

HttpReader::Event HttpReader::ReadHead(absl::string_view* input) {
  if (input->empty()) return Event::kNothing;
  boost::system::error_code error;
  const size_t taken =
      parser_->put(boost::asio::buffer(input->data(), input->size()), error);
  input->remove_prefix(taken);
  head_bytes_ += taken;
  if (error == http::error::header_limit || head_bytes_ > kHttpHeaderBytesMax) {
    return Event::kTooLarge;
  }
  if (error == http::error::need_more) return Event::kNothing;
  if (error) return Event::kMalformed;
  if (!parser_->is_header_done()) return Event::kNothing;
  if (!parser_->chunked()) {
    const auto length = parser_->content_length();
    body_bytes_left_ = length ? *length : 0;
    is_done_ = body_bytes_left_ == 0;
  }
  return Event::kHead;
}

HttpReader::Event HttpReader::ReadBody(absl::string_view* input) {
  if (chunks_.has_value()) {
    switch (chunks_->Read(input, &body_)) {
      case ChunkedBody::State::kMore:
        return Event::kNothing;
      case ChunkedBody::State::kTooLarge:
        return Event::kTooLarge;
      case ChunkedBody::State::kMalformed:
        return Event::kMalformed;
      case ChunkedBody::State::kDone:
        break;
    }
  } else {
    const size_t bytes = static_cast<size_t>(
        std::min<uint64_t>(body_bytes_left_, input->size()));
    body_.append(input->data(), bytes);
    input->remove_prefix(bytes);
    body_bytes_left_ -= bytes;
    if (body_bytes_left_ > 0) return Event::kNothing;
  }
  is_done_ = true;
  is_body_told_ = true;
  return Event::kBody;
}

HttpRequest HttpReader::request() const {
  const auto& message = parser_->get();
  HttpRequest request;
  request.method = View(message.method_string());
  request.target = View(message.target());
  request.asks_websocket = beast::websocket::is_upgrade(message);
  for (const auto& field : message) {
    request.headers.Add(View(field.name_string()), View(field.value()));
  }
  return request;
}

bool HttpReader::expects_continue() const {
  return absl::EqualsIgnoreCase(View(parser_->get()[http::field::expect]),
                                "100-continue");
}

HttpReader::Event HttpReader::AllowBody(size_t bytes_max) {
  reads_body_ = true;
  if (parser_->chunked()) {
    chunks_.emplace(bytes_max);
  } else if (body_bytes_left_ > bytes_max) {
    return Event::kTooLarge;
  }
  return Event::kNothing;
}

}  // namespace roomlog
