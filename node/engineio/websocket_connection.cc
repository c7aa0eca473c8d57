#include "node/engineio/websocket_connection.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/limits.h"
#include "node/engineio/polling_payload.h"

namespace roomlog {
namespace {

using boost::system::error_code;

// An idle connection keeps no more room than this for frames to come.
constexpr size_t kIdleQueueCapacityMax = 32;

size_t CostOf(const SharedFrame& frame) {
  return frame.wire().size() + kQueuedFrameOverheadBytes;
}

SharedFramePtr MakeControlFrame(std::string wire, size_t payload_bytes) {
  return std::make_shared<const SharedFrame>(std::move(wire), payload_bytes,
                                             SharedFrame::Kind::kControl);
}

}  // namespace

WebSocketConnection::WebSocketConnection(std::shared_ptr<EngineLoop> loop,
                                         ClientSocket socket,
                                         const Options& options,
                                         WebSocketOwner* owner, OnGone on_gone)
    : sends_base64_(options.sends_base64),
      is_deflated_(options.is_deflated),
      loop_(std::move(loop)),
      socket_(std::move(socket)),
      owner_(owner),
      reader_(options.message_bytes_max,
              options.is_deflated ? &loop_->deflater().inflater() : nullptr),
      on_gone_(std::move(on_gone)) {}

WebSocketConnection::~WebSocketConnection() {
  if (on_gone_) on_gone_(*this);
}

void WebSocketConnection::SendHead(std::string head) {
  Enqueue(MakeControlFrame(std::move(head), 0));
}

void WebSocketConnection::Start(std::string early) {
  TakeInput(absl::MakeSpan(early));
  WaitForInput();
}

void WebSocketConnection::Abandon() {
  owner_ = nullptr;
  on_gone_ = nullptr;
  Finish("");
}

// ---- Reading ----

void WebSocketConnection::WaitForInput() {
  if (is_over_) return;
  // Waits without a buffer, and reads into the loop's: an idle connection has
  // none of its own.
  socket_.WaitReadable([self = shared_from_this()](error_code error) {
    if (self->is_over_) return;
    if (error) return self->Finish("transport error");
    self->OnReadable();
  });
}

void WebSocketConnection::OnReadable() {
  const absl::Span<char> buffer = loop_->read_buffer();
  const ClientSocket::Outcome outcome = socket_.Read(buffer);
  switch (outcome.kind) {
    case ClientSocket::Outcome::Kind::kAgain:
      return WaitForInput();
    case ClientSocket::Outcome::Kind::kEnd:
      return Finish("transport close");
    case ClientSocket::Outcome::Kind::kFailed:
      return Finish("transport error");
    case ClientSocket::Outcome::Kind::kSome:
      TakeInput(buffer.first(outcome.bytes));
      return WaitForInput();
  }
}

void WebSocketConnection::TakeInput(absl::Span<char> input) {
  while (!input.empty() && !is_over_ && !peer_closed_ && !discards_input_) {
    TakeResult(reader_.Read(&input));
  }
}

void WebSocketConnection::TakeResult(const WebSocketReader::Result& result) {
  switch (result.kind) {
    case WebSocketReader::Kind::kNothing:
    case WebSocketReader::Kind::kPong:
      return;
    case WebSocketReader::Kind::kText:
      if (owner_ != nullptr) owner_->OnWebSocketText(*this, result.payload);
      return;
    case WebSocketReader::Kind::kBinary:
      if (owner_ != nullptr) owner_->OnWebSocketBinary(*this, result.payload);
      return;
    case WebSocketReader::Kind::kPing:
      // One that reads nothing gets no pong.
      Send(MakeControlFrame(EncodeFrame(WebSocketOpcode::kPong, result.payload),
                            result.payload.size()));
      return;
    case WebSocketReader::Kind::kClose:
      peer_closed_ = true;
      Close(result.close_code);
      TellClosed("transport close");
      WantTurn();  // Nothing may be queued; then it ends there.
      return;
    case WebSocketReader::Kind::kError:
      discards_input_ = true;
      Close(result.close_code);
      TellClosed("transport error");
      return;
  }
}

// ---- Writing ----

bool WebSocketConnection::Send(SharedFramePtr frame) {
  if (is_over_ || is_closing_) return true;
  if (queued_bytes_ + CostOf(*frame) > kClientBufferBytesHardMax) return false;
  if (sends_base64_ && frame->is_binary()) {
    const std::string text = EncodeBinaryAsText(frame->payload());
    frame = MakeEngineFrame(text[0], absl::string_view(text).substr(1));
  }
  if (is_deflated_) frame = loop_->deflater().Deflate(std::move(frame));
  Enqueue(std::move(frame));
  return true;
}

bool WebSocketConnection::SendAll(absl::Span<const SharedFramePtr> frames) {
  if (is_over_ || is_closing_) return true;
  if (is_deflated_) return false;  // Each for itself.
  size_t cost = 0;
  for (const SharedFramePtr& frame : frames) {
    if (sends_base64_ && frame->is_binary()) return false;
    cost += CostOf(*frame);
  }
  if (queued_bytes_ + cost > kClientBufferBytesHardMax) return false;
  queued_bytes_ += cost;
  if (queued_bytes_ > kClientBufferBytesMax / 2) was_beyond_half_ = true;
  queue_.insert(queue_.end(), frames.begin(), frames.end());
  FlushAtTurnEnd();
  return true;
}

void WebSocketConnection::Enqueue(SharedFramePtr frame) {
  queued_bytes_ += CostOf(*frame);
  if (queued_bytes_ > kClientBufferBytesMax / 2) was_beyond_half_ = true;
  queue_.push_back(std::move(frame));
  FlushAtTurnEnd();
}

void WebSocketConnection::DropQueue() {
  // A frame that was begun must be ended before the close frame.
  const size_t keep = queue_begin_ + (written_of_first_ > 0 ? 1 : 0);
  for (size_t i = keep; i < queue_.size(); ++i) {
    queued_bytes_ -= CostOf(*queue_[i]);
  }
  queue_.resize(keep);
}

void WebSocketConnection::WantTurn() {
  wants_turn_ = true;
  FlushAtTurnEnd();
}

void WebSocketConnection::FlushAtTurnEnd() {
  if (in_turn_) return;
  in_turn_ = true;
  loop_->AtTurnEnd(shared_from_this());
}

void WebSocketConnection::OnTurnEnd() {
  in_turn_ = false;
  if (wants_turn_) {
    wants_turn_ = false;
    if (owner_ != nullptr) owner_->OnWebSocketTurn(*this);
  }
  Flush();
}

void WebSocketConnection::Flush() {
  if (is_over_ || waits_for_output_) return;
  while (queue_begin_ < queue_.size() || socket_.has_unsent()) {
    const size_t count =
        std::min(queue_.size() - queue_begin_, kFramesPerWriteMax);
    std::array<absl::string_view, kFramesPerWriteMax> pieces;
    const absl::Span<const absl::string_view> to_write = loop_->joiner().Join(
        absl::MakeConstSpan(queue_).subspan(queue_begin_, count),
        written_of_first_, absl::MakeSpan(pieces));
    size_t bytes = 0;
    for (const absl::string_view piece : to_write) bytes += piece.size();
    const ClientSocket::Outcome outcome = socket_.Write(to_write);
    if (outcome.kind == ClientSocket::Outcome::Kind::kSome) {
      DropWritten(outcome.bytes);
      if (outcome.bytes == bytes && !socket_.has_unsent()) continue;
      if (socket_.is_secure() && !socket_.has_unsent()) continue;  // A record.
    } else if (outcome.kind != ClientSocket::Outcome::Kind::kAgain) {
      return Finish("transport error");
    }
    waits_for_output_ = true;
    socket_.WaitWritable([self = shared_from_this()](error_code error) {
      if (self->is_over_) return;
      if (error) return self->Finish("transport error");
      self->OnWritable();
    });
    break;
  }
  if (queue_begin_ == queue_.size()) {
    queue_.clear();
    queue_begin_ = 0;
    if (queue_.capacity() > kIdleQueueCapacityMax) {
      std::vector<SharedFramePtr>().swap(queue_);
    }
    // Both have said goodbye: the server hangs up.
    if (is_closing_ && peer_closed_ && !socket_.has_unsent()) {
      return Finish("transport close");
    }
  } else if (queue_begin_ > queue_.size() / 2) {
    queue_.erase(queue_.begin(), queue_.begin() + queue_begin_);
    queue_begin_ = 0;
  }
  if (was_beyond_half_ && queued_bytes_ <= kClientBufferBytesMax / 2) {
    was_beyond_half_ = false;
    if (owner_ != nullptr) owner_->OnWebSocketDrained(*this);
  }
}

void WebSocketConnection::DropWritten(size_t bytes) {
  while (bytes > 0) {
    SharedFramePtr& first = queue_[queue_begin_];
    const size_t left = first->wire().size() - written_of_first_;
    if (bytes < left) {
      written_of_first_ += bytes;
      return;
    }
    bytes -= left;
    written_of_first_ = 0;
    queued_bytes_ -= CostOf(*first);
    first.reset();
    ++queue_begin_;
  }
}

void WebSocketConnection::OnWritable() {
  waits_for_output_ = false;
  Flush();
}

// ---- The end ----

void WebSocketConnection::Close(WebSocketCloseCode code) {
  if (is_over_ || is_closing_) return;
  is_closing_ = true;
  Enqueue(MakeControlFrame(EncodeCloseFrame(code),
                           code == WebSocketCloseCode::kNone ? 0 : 2));
  close_timer_ = std::make_unique<LoopTimer>(loop_->io());
  close_timer_->expires_after(absl::ToChronoNanoseconds(kWebSocketCloseTime));
  close_timer_->async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->is_over_) return;
    self->Finish("transport close");
  });
}

void WebSocketConnection::TellClosed(absl::string_view reason) {
  if (owner_ == nullptr) return;
  std::exchange(owner_, nullptr)->OnWebSocketClosed(*this, reason);
}

void WebSocketConnection::Finish(absl::string_view reason) {
  if (is_over_) return;
  const auto self = shared_from_this();
  is_over_ = true;
  socket_.Close();
  if (close_timer_ != nullptr) close_timer_->cancel();
  queue_.clear();
  queue_begin_ = 0;
  queued_bytes_ = 0;
  TellClosed(reason);
}

}  // namespace roomlog
