#include "node/engineio/http_connection.h"

#include <algorithm>
#include <chrono>

#include "base/limits.h"
#include "node/engineio/engine_limits.h"

namespace roomlog {
namespace {

using boost::system::error_code;

// As much is read ahead of the request that is being answered, and no more.
constexpr size_t kReadAheadBytesMax = kHttpHeaderBytesMax;

}  // namespace

HttpConnection::HttpConnection(std::shared_ptr<EngineLoop> loop,
                               ClientSocket socket, HttpHandler& handler,
                               const Options& options)
    : loop_(std::move(loop)),
      socket_(std::move(socket)),
      handler_(&handler),
      options_(options),
      timer_(loop_->io()),
      reader_(std::make_unique<HttpReader>()) {}

HttpConnection::HttpConnection(std::shared_ptr<EngineLoop> loop,
                               HandedOver from, HttpHandler& handler,
                               const Options& options)
    : loop_(std::move(loop)),
      socket_(loop_->io(), std::move(from.socket)),
      handler_(&handler),
      options_(options),
      timer_(loop_->io()),
      reader_(std::move(from.reader)),
      input_(std::move(from.input)) {}

HttpConnection::~HttpConnection() {
  if (handler_ != nullptr) handler_->OnHttpGone(*this);
}

void HttpConnection::Start() {
  Expect(options_.header_time);
  WaitForInput();
}

void HttpConnection::Resume() {
  OnHead();
  if (state_ != State::kOver) ReadAhead();
}

void HttpConnection::Abandon() {
  handler_ = nullptr;
  owner_ = nullptr;
  Finish();
}

HttpConnection::Detached HttpConnection::Detach() {
  Detached detached = {std::move(socket_), std::move(input_)};
  state_ = State::kOver;
  timer_.cancel();
  return detached;
}

HttpConnection::HandedOver HttpConnection::HandOver() {
  HandedOver from = {socket_.Release(), std::move(reader_), std::move(input_)};
  state_ = State::kOver;
  timer_.cancel();
  return from;
}

// ---- Deadlines ----

void HttpConnection::Expect(absl::Duration time) {
  deadline_ = time == absl::InfiniteDuration() ? time : loop_->Now() + time;
  ArmTimer();
}

void HttpConnection::ArmTimer() {
  // A timer that is too early looks again when it rings.
  if (deadline_ >= timer_at_) return;
  timer_at_ = deadline_;
  timer_.expires_at(std::chrono::steady_clock::time_point(
      absl::ToChronoNanoseconds(deadline_)));
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->state_ == State::kOver) return;
    self->timer_at_ = absl::InfiniteDuration();
    if (self->loop_->Now() < self->deadline_) return self->ArmTimer();
    self->OnClientGone();
  });
}

// ---- Reading ----

void HttpConnection::WaitForInput() {
  if (waits_for_input_ || state_ == State::kOver) return;
  waits_for_input_ = true;
  socket_.WaitReadable([self = shared_from_this()](error_code error) {
    if (self->state_ == State::kOver) return;
    self->waits_for_input_ = false;
    if (error) return self->OnClientGone();
    self->OnReadable();
  });
}

void HttpConnection::OnReadable() {
  const absl::Span<char> buffer = loop_->read_buffer();
  const ClientSocket::Outcome outcome = socket_.Read(buffer);
  switch (outcome.kind) {
    case ClientSocket::Outcome::Kind::kAgain:
      return WaitForInput();
    case ClientSocket::Outcome::Kind::kEnd:
      if (state_ != State::kWriting) return OnClientGone();
      keeps_alive_ = false;  // It has said all, and still listens.
      return;
    case ClientSocket::Outcome::Kind::kFailed:
      return OnClientGone();
    case ClientSocket::Outcome::Kind::kSome:
      break;
  }
  if (state_ == State::kLingering) return WaitForInput();
  input_.append(buffer.data(), outcome.bytes);
  Consume();
  // While an exchange is open this is how we learn that the client has left.
  ReadAhead();
}

// With more than that TCP holds the client. What is there goes on without it: a
// head without an end is refused before it is as long, of a body nothing stays,
// and behind each answer comes ConsumeSoon().
void HttpConnection::ReadAhead() {
  if (input_.size() < kReadAheadBytesMax) WaitForInput();
}

void HttpConnection::Consume() {
  if (state_ != State::kReading) return;
  absl::string_view rest = input_;
  const HttpReader::Event event = reader_->Read(&rest);
  input_.erase(0, input_.size() - rest.size());
  switch (event) {
    case HttpReader::Event::kNothing:
      return;
    case HttpReader::Event::kHead:
      return OnHead();
    case HttpReader::Event::kBody:
      // Its owner left meanwhile: nobody would ever answer.
      if (owner_ == nullptr) return OnClientGone();
      state_ = State::kExchange;
      Expect(absl::InfiniteDuration());
      return owner_->OnBody(*this, reader_->body());
    case HttpReader::Event::kTooLarge:
      if (reads_body_ && owner_ != nullptr) {
        state_ = State::kExchange;
        return owner_->OnBodyTooLarge(*this);
      }
      return Refuse(431, "the request's head is too large");
    case HttpReader::Event::kMalformed:
      if (reads_body_) return OnClientGone();
      return Refuse(400, "not HTTP");
  }
}

void HttpConnection::ConsumeSoon() {
  if (input_.empty()) return;
  boost::asio::post(loop_->io(), [self = shared_from_this()] {
    if (self->state_ != State::kReading) return;
    self->Consume();
    if (self->state_ != State::kOver) self->ReadAhead();
  });
}

void HttpConnection::OnHead() {
  state_ = State::kExchange;
  Expect(absl::InfiniteDuration());
  request_ = reader_->request();
  if (remote_address_.empty()) remote_address_ = socket_.RemoteAddress();
  client_address_ =
      options_.trusted_proxies->ClientOf(remote_address_, request_.headers);
  request_.remote_address = client_address_;
  request_.is_secure =
      socket_.is_secure() ||
      options_.trusted_proxies->IsSecure(remote_address_, request_.headers);
  if (handler_ != nullptr) handler_->OnRequest(shared_from_this());
}

void HttpConnection::ReadBody(size_t bytes_max) {
  reads_body_ = true;
  if (reader_->AllowBody(bytes_max) == HttpReader::Event::kTooLarge) {
    return owner_->OnBodyTooLarge(*this);
  }
  state_ = State::kReading;
  Expect(kHttpBodyTime);
  if (reader_->expects_continue() && input_.empty()) {
    // So short that the system takes it; who does not get it sends anyhow.
    const absl::string_view line = "HTTP/1.1 100 Continue\r\n\r\n";
    socket_.Write(absl::MakeConstSpan(&line, 1));
  }
  if (reader_->is_done()) {
    // There is none: told later all the same, as any other.
    boost::asio::post(loop_->io(),
                      [self = shared_from_this()] { self->Consume(); });
  } else {
    ConsumeSoon();
  }
}

// ---- Answering ----

void HttpConnection::Refuse(int status, absl::string_view text) {
  HttpAnswer answer = TextAnswer(status, text);
  answer.closes = true;
  state_ = State::kExchange;
  Answer(std::move(answer));
}

void HttpConnection::Answer(HttpAnswer answer) {
  if (state_ == State::kOver) return;
  owner_ = nullptr;
  // A body that was not read would be taken for the next request.
  keeps_alive_ = !answer.closes && reader_->is_done() && reader_->keeps_alive();
  const bool is_head = request_.method == "HEAD";
  const bool has_body = !is_head && answer.status != 304;
  uint64_t body_bytes = answer.body.size();
  if (answer.file.is_open()) {
    error_code error;
    body_bytes = answer.file.size(error);
    if (error) return Finish();  // It cannot even tell its size.
    if (has_body) file_ = std::move(answer.file);
    file_bytes_left_ = body_bytes;
  }
  output_ = EncodeAnswerHead(answer, body_bytes, keeps_alive_);
  if (has_body) output_ += answer.body;
  written_ = 0;
  state_ = State::kWriting;
  Expect(kHttpAnswerTime);
  Write();
}

void HttpConnection::Write() {
  while (true) {
    const absl::string_view rest = absl::string_view(output_).substr(written_);
    if (rest.empty() && !socket_.has_unsent()) {
      if (file_.is_open() && FillFromFile()) continue;
      if (state_ == State::kOver) return;
      return OnWritten();
    }
    const ClientSocket::Outcome outcome =
        socket_.Write(absl::MakeConstSpan(&rest, rest.empty() ? 0 : 1));
    if (outcome.kind == ClientSocket::Outcome::Kind::kSome) {
      written_ += outcome.bytes;
      continue;
    }
    if (outcome.kind != ClientSocket::Outcome::Kind::kAgain) {
      return OnClientGone();
    }
    break;
  }
  if (waits_for_output_) return;
  waits_for_output_ = true;
  socket_.WaitWritable([self = shared_from_this()](error_code error) {
    if (self->state_ == State::kOver) return;
    self->waits_for_output_ = false;
    if (error) return self->OnClientGone();
    if (self->state_ == State::kWriting) self->Write();
  });
}

bool HttpConnection::FillFromFile() {
  // The file may change meanwhile, but its length has been said.
  output_.resize(std::min<uint64_t>(kReadBufferBytes, file_bytes_left_));
  written_ = 0;
  error_code error;
  const size_t bytes = file_.read(output_.data(), output_.size(), error);
  output_.resize(error ? 0 : bytes);
  file_bytes_left_ -= output_.size();
  if (!output_.empty()) return true;
  // Only the end of the connection tells that the rest is missing.
  if (file_bytes_left_ > 0) Finish();
  file_.close(error);
  return false;
}

void HttpConnection::OnWritten() {
  std::string().swap(output_);
  written_ = 0;
  if (!keeps_alive_) return Linger();
  reads_body_ = false;
  request_ = HttpRequest();
  reader_->NextRequest();
  state_ = State::kReading;
  Expect(kHttpIdleTime);
  if (input_.empty()) {
    // Where memory matters is where many wait.
    std::string().swap(input_);
    return WaitForInput();
  }
  ConsumeSoon();
}

// Closes our side, and waits a while for the client to close theirs: closing at
// once on bytes not read would take the answer away from the client.
void HttpConnection::Linger() {
  state_ = State::kLingering;
  std::string().swap(input_);
  socket_.ShutdownSend();
  Expect(kWebSocketCloseTime);
  WaitForInput();
}

// ---- The end ----

void HttpConnection::OnClientGone() {
  ExchangeOwner* const owner = std::exchange(owner_, nullptr);
  const auto self = shared_from_this();
  Finish();
  if (owner != nullptr) owner->OnAborted(*this);
}

void HttpConnection::Finish() {
  if (state_ == State::kOver) return;
  state_ = State::kOver;
  socket_.Close();
  timer_.cancel();
}

}  // namespace roomlog
