#include "node/engineio/polling_transport.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/hash/hash.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "node/engineio/content_encoding.h"
#include "node/engineio/engine_limits.h"
#include "node/engineio/polling_payload.h"
#include "node/engineio/url.h"

namespace roomlog {
namespace {

HttpAnswer EmptyAnswer(int status) {
  HttpAnswer answer;
  answer.status = status;
  return answer;
}

void Answer(std::shared_ptr<HttpExchange> exchange, HttpAnswer answer) {
  exchange->SetOwner(nullptr);
  exchange->Answer(std::move(answer));
}

}  // namespace

PollingTransport::PollingTransport(const PollingRules& rules,
                                   PollingOwner& owner,
                                   HttpHeaders first_headers)
    : rules_(rules), owner_(owner), first_headers_(std::move(first_headers)) {}

PollingTransport::~PollingTransport() {
  if (poll_ != nullptr) poll_->SetOwner(nullptr);
  if (post_ != nullptr) post_->SetOwner(nullptr);
}

// ---- Requests ----

void PollingTransport::OnPoll(std::shared_ptr<HttpExchange> exchange) {
  const bool is_repeated = IsRepeated(exchange->request());
  if (state_ == State::kOver || poll_ != nullptr || is_repeated) {
    if (state_ != State::kOver) End("transport error", "1");
    HttpAnswer answer = EmptyAnswer(400);
    answer.headers = rules_.headers_of(exchange->request());
    return exchange->Answer(std::move(answer));
  }
  poll_ = std::move(exchange);
  poll_->SetOwner(this);
  if (state_ == State::kClosing || !queue_.empty()) owner_.OnPollingWantsTurn();
}

bool PollingTransport::IsRepeated(const HttpRequest& request) {
  const std::optional<std::string> stamp = QueryValue(request.query(), "t");
  const size_t last = std::exchange(
      last_stamp_, stamp.value_or("").empty() ? 0 : absl::HashOf(*stamp));
  return last_stamp_ != 0 && last_stamp_ == last;
}

void PollingTransport::OnPost(std::shared_ptr<HttpExchange> exchange) {
  const HttpRequest& request = exchange->request();
  const bool is_octets =
      request.headers.Find("Content-Type") == "application/octet-stream";
  if (state_ == State::kOver || post_ != nullptr || is_octets) {
    HttpAnswer answer = EmptyAnswer(400);
    answer.headers = rules_.headers_of(request);
    if (state_ != State::kOver) End("transport error", "1");
    return exchange->Answer(std::move(answer));
  }
  post_ = std::move(exchange);
  post_->SetOwner(this);
  post_->ReadBody(rules_.message_bytes_max);
}

void PollingTransport::OnBody(HttpExchange&, absl::string_view body) {
  // Answered first: what the packets bring about may end the session, and this
  // request was in order.
  HttpAnswer answer;
  answer.content_type = "text/html";  // What is text/plain some browsers save.
  answer.body = "ok";
  answer.headers = rules_.headers_of(post_->request());
  answer.headers.emplace_back("Cache-Control", "no-store");
  // The body lives in the exchange, which the answer may end.
  const std::shared_ptr<HttpExchange> post = post_;
  const std::string payload(body);
  AnswerPost(std::move(answer));
  TakePayload(payload);
}

void PollingTransport::OnBodyTooLarge(HttpExchange&) {
  HttpAnswer answer = EmptyAnswer(413);
  answer.headers = rules_.headers_of(post_->request());
  answer.closes = true;
  AnswerPost(std::move(answer));
}

void PollingTransport::OnAborted(HttpExchange& exchange) {
  (&exchange == poll_.get() ? poll_ : post_) = nullptr;
  if (state_ != State::kOver) End("transport error", "1");
}

void PollingTransport::TakePayload(absl::string_view payload) {
  if (!IsUtf8(payload)) {
    if (state_ == State::kOpen) End("parse error", "1");
    return;
  }
  PayloadReader reader(payload);
  while (state_ != State::kOver) {
    const auto packet = reader.Next();
    if (!packet.has_value()) return;
    if (packet->is_binary) {
      if (state_ == State::kOpen) owner_.OnPolledBinary(packet->data);
    } else if (!packet->data.empty() && packet->data[0] == '1') {
      return End("transport close", "6");
    } else if (state_ == State::kOpen) {
      owner_.OnPolledText(packet->data);
    }
  }
}

// ---- Answers ----

bool PollingTransport::Send(SharedFramePtr frame) {
  if (state_ != State::kOpen) return true;
  const size_t cost = frame->wire().size() + kQueuedFrameOverheadBytes;
  if (queued_bytes_ + cost > kClientBufferBytesHardMax) return false;
  queued_bytes_ += cost;
  queue_.push_back(std::move(frame));
  owner_.OnPollingWantsTurn();
  return true;
}

void PollingTransport::Close(absl::Duration now) {
  if (state_ != State::kOpen) return;
  state_ = State::kClosing;
  close_deadline_ = now + kPollingCloseTime;
  closes_a_poll_ = poll_ != nullptr;
  owner_.OnPollingWantsTurn();
}

void PollingTransport::Fail() {
  if (state_ != State::kOver) Finish("1");
}

void PollingTransport::Flush() {
  if (poll_ == nullptr || state_ == State::kOver) return;
  if (queue_.empty() && state_ == State::kOpen) return;
  const bool had_frames = !queue_.empty();
  std::string payload;
  for (const SharedFramePtr& frame : queue_) AppendToPayload(*frame, &payload);
  DropQueue();
  if (state_ == State::kClosing && had_frames) {
    // The goodbye has an answer of its own, as from the official server: the
    // official client takes in a message only after the whole answer, and what
    // comes to a connection that has closed by then it keeps for the next one,
    // where it would hear it twice.
    closes_a_poll_ = false;
  } else if (state_ == State::kClosing) {
    // It comes behind a noop, as from the official server; if this poll was
    // waiting for it, without.
    if (!closes_a_poll_) AppendToPayload("6", &payload);
    AppendToPayload("1", &payload);
    state_ = State::kOver;
    close_deadline_ = absl::InfiniteDuration();
  }
  AnswerPoll(std::move(payload));
  if (is_over()) RefusePost();  // Nobody is there for the rest of its body.
  if (had_frames && state_ == State::kOpen) owner_.OnPollingDrained();
  if (is_over()) owner_.OnPollingWantsTurn();
}

void PollingTransport::FlushNoop() {
  if (poll_ != nullptr && state_ == State::kOpen && queue_.empty()) {
    AnswerPoll("6");
  }
}

void PollingTransport::AnswerPoll(std::string payload) {
  HttpAnswer answer;
  answer.content_type = "text/plain; charset=UTF-8";
  answer.headers = rules_.headers_of(poll_->request());
  answer.headers.emplace_back("Cache-Control", "no-store");
  for (auto& header : first_headers_) {
    answer.headers.push_back(std::move(header));
  }
  HttpHeaders().swap(first_headers_);
  answer.body = std::move(payload);
  if (rules_.compresses && answer.body.size() >= kCompressedAnswerBytesMin) {
    const absl::string_view encoding =
        ChooseEncoding(poll_->request().headers.Find("Accept-Encoding"));
    if (!encoding.empty()) {
      answer.body = Compress(encoding, answer.body);
      answer.headers.emplace_back("Content-Encoding", std::string(encoding));
    }
  }
  Answer(std::exchange(poll_, nullptr), std::move(answer));
}

void PollingTransport::AnswerPost(HttpAnswer answer) {
  Answer(std::exchange(post_, nullptr), std::move(answer));
}

// ---- The end ----

void PollingTransport::End(absl::string_view reason,
                           absl::string_view goodbye) {
  Finish(goodbye);
  owner_.OnPollingClosed(reason);
}

void PollingTransport::Finish(absl::string_view goodbye) {
  state_ = State::kOver;
  close_deadline_ = absl::InfiniteDuration();
  DropQueue();
  if (poll_ != nullptr) AnswerPoll(std::string(goodbye));
  RefusePost();
}

void PollingTransport::RefusePost() {
  if (post_ == nullptr) return;
  HttpAnswer answer = EmptyAnswer(400);
  answer.headers = rules_.headers_of(post_->request());
  answer.closes = true;
  AnswerPost(std::move(answer));
}

std::vector<SharedFramePtr> PollingTransport::Release() {
  std::vector<SharedFramePtr> frames = std::move(queue_);
  Finish("6");
  return frames;
}

void PollingTransport::DropQueue() {
  std::vector<SharedFramePtr>().swap(queue_);
  queued_bytes_ = 0;
}

void PollingTransport::OnTick(absl::Duration now) {
  if (now < close_deadline_) return;
  Finish("1");
  owner_.OnPollingWantsTurn();
}

}  // namespace roomlog
