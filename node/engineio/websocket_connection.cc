#include "node/engineio/websocket_connection.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <utility>

#include "base/limits.h"

namespace roomlog {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// An idle connection keeps no more room than this for frames to come.
constexpr size_t kIdleQueueCapacityMax = 32;

size_t CostOf(const SharedFrame& frame) {
  return frame.wire().size() + kQueuedFrameOverheadBytes;
}

}  // namespace

WebSocketConnection::WebSocketConnection(
    std::shared_ptr<EngineLoop> loop, TcpSocket socket, std::string session_id,
    const EngineTimes& times, size_t message_bytes_max, OnGone on_gone)
    : loop_(std::move(loop)),
      socket_(std::move(socket)),
      session_(std::move(session_id), times, message_bytes_max, *this,
               loop_->Now()),
      on_gone_(std::move(on_gone)),
      reader_(message_bytes_max),
      timer_(loop_->io()) {}

void WebSocketConnection::Start(const MakeHandler& make_handler,
                                std::string early) {
  handler_ = make_handler(session_, /*loop_index=*/0);
  session_.Open(*handler_);
  WantTurn();
  error_code error;
  socket_.non_blocking(true, error);
  if (error) return Finish("transport error");
  TakeInput(absl::MakeSpan(early));
  WaitForInput();
}

void WebSocketConnection::Shutdown(absl::string_view reason) {
  CloseWith(WebSocketCloseCode::kGoingAway);
  session_.Close(reason);
}

void WebSocketConnection::Abandon() {
  on_gone_ = nullptr;
  is_over_ = true;
  error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
}

// ---- Reading ----

void WebSocketConnection::WaitForInput() {
  if (is_over_) return;
  // Waits without a buffer, and reads into the loop's: an idle connection has
  // none of its own.
  socket_.async_wait(TcpSocket::wait_read,
                     [self = shared_from_this()](error_code error) {
                       if (self->is_over_) return;
                       if (error) return self->Finish("transport error");
                       self->OnReadable();
                     });
}

void WebSocketConnection::OnReadable() {
  const absl::Span<char> buffer = loop_->read_buffer();
  error_code error;
  const size_t bytes =
      socket_.read_some(asio::buffer(buffer.data(), buffer.size()), error);
  if (error == asio::error::would_block) return WaitForInput();
  if (error == asio::error::eof) return Finish("transport close");
  if (error) return Finish("transport error");
  TakeInput(buffer.first(bytes));
  WaitForInput();
}

void WebSocketConnection::TakeInput(absl::Span<char> input) {
  while (!input.empty() && !is_over_ && !peer_closed_ && !discards_input_) {
    TakeResult(reader_.Read(&input));
  }
  ArmTimer();  // A pong may have brought the next ping nearer.
}

void WebSocketConnection::TakeResult(const WebSocketReader::Result& result) {
  switch (result.kind) {
    case WebSocketReader::Kind::kNothing:
    case WebSocketReader::Kind::kPong:
      return;
    case WebSocketReader::Kind::kText:
      session_.OnText(result.payload, loop_->Now());
      return;
    case WebSocketReader::Kind::kBinary:
      session_.OnBinary(result.payload);
      return;
    case WebSocketReader::Kind::kPing:
      if (!is_closing_) {
        Send(std::make_shared<const SharedFrame>(
            EncodeFrame(WebSocketOpcode::kPong, result.payload),
            result.payload.size(), SharedFrame::Kind::kControl));
      }
      return;
    case WebSocketReader::Kind::kClose:
      peer_closed_ = true;
      CloseWith(result.close_code);
      session_.OnTransportClosed("transport close");
      WantTurn();  // Nothing may be queued; then it ends there.
      return;
    case WebSocketReader::Kind::kError:
      discards_input_ = true;
      CloseWith(result.close_code);
      session_.OnTransportClosed("transport error");
      return;
  }
}

// ---- Writing ----

void WebSocketConnection::Send(SharedFramePtr frame) {
  if (is_over_ || is_closing_) return;
  if (queued_bytes_ + CostOf(*frame) > kClientBufferBytesHardMax) {
    // The client does not read. What it would get is of no use any more, but a
    // frame that was begun must be ended before the close frame.
    const size_t keep = queue_begin_ + (written_of_first_ > 0 ? 1 : 0);
    for (size_t i = keep; i < queue_.size(); ++i) {
      queued_bytes_ -= CostOf(*queue_[i]);
    }
    queue_.resize(keep);
    session_.Close("forced server close");
    return;
  }
  Enqueue(std::move(frame));
}

void WebSocketConnection::Enqueue(SharedFramePtr frame) {
  queued_bytes_ += CostOf(*frame);
  if (queued_bytes_ > kClientBufferBytesMax / 2) was_beyond_half_ = true;
  queue_.push_back(std::move(frame));
  WantTurn();
}

void WebSocketConnection::WantTurn() {
  if (in_turn_) return;
  in_turn_ = true;
  loop_->AtTurnEnd(shared_from_this());
}

void WebSocketConnection::OnTurnEnd() {
  in_turn_ = false;
  if (on_gone_ == nullptr) return;  // Gone, or abandoned.
  session_.OnTurn();
  if (is_over_) {
    const OnGone on_gone = std::exchange(on_gone_, nullptr);
    return on_gone(*this);
  }
  Flush();
  ArmTimer();
}

void WebSocketConnection::Flush() {
  if (is_over_ || waits_for_output_) return;
  while (queue_begin_ < queue_.size()) {
    std::array<asio::const_buffer, kFramesPerWriteMax> buffers;
    size_t count = 0;
    size_t bytes = 0;
    for (size_t i = queue_begin_; i < queue_.size() && count < buffers.size();
         ++i) {
      absl::string_view wire = queue_[i]->wire();
      if (count == 0) wire.remove_prefix(written_of_first_);
      buffers[count++] = asio::const_buffer(wire.data(), wire.size());
      bytes += wire.size();
    }
    error_code error;
    const size_t written =
        socket_.write_some(absl::MakeConstSpan(buffers.data(), count), error);
    if (error && error != asio::error::would_block) {
      return Finish("transport error");
    }
    DropWritten(written);
    if (written < bytes) {
      waits_for_output_ = true;
      socket_.async_wait(TcpSocket::wait_write,
                         [self = shared_from_this()](error_code error) {
                           if (self->is_over_) return;
                           if (error) return self->Finish("transport error");
                           self->OnWritable();
                         });
      break;
    }
  }
  if (queue_begin_ == queue_.size()) {
    queue_.clear();
    queue_begin_ = 0;
    if (queue_.capacity() > kIdleQueueCapacityMax) {
      std::vector<SharedFramePtr>().swap(queue_);
    }
    // Both have said goodbye: the server hangs up.
    if (is_closing_ && peer_closed_) return Finish("transport close");
  } else if (queue_begin_ > queue_.size() / 2) {
    queue_.erase(queue_.begin(), queue_.begin() + queue_begin_);
    queue_begin_ = 0;
  }
  if (was_beyond_half_ && queued_bytes_ <= kClientBufferBytesMax / 2) {
    was_beyond_half_ = false;
    session_.OnDrained();
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

void WebSocketConnection::CloseWith(WebSocketCloseCode code) {
  if (is_over_ || is_closing_) return;
  is_closing_ = true;
  close_deadline_ = loop_->Now() + kWebSocketCloseTime;
  Enqueue(std::make_shared<const SharedFrame>(
      EncodeCloseFrame(code), code == WebSocketCloseCode::kNone ? 0 : 2,
      SharedFrame::Kind::kControl));
}

void WebSocketConnection::Finish(absl::string_view reason) {
  if (is_over_) return;
  is_over_ = true;
  session_.OnTransportClosed(reason);
  error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_both, ignored);
  socket_.close(ignored);
  timer_.cancel();
  queue_.clear();
  WantTurn();
}

absl::Duration WebSocketConnection::deadline() const {
  return is_closing_ ? close_deadline_ : session_.deadline();
}

void WebSocketConnection::ArmTimer() {
  if (is_over_) return;
  const absl::Duration at = deadline();
  // A timer that is too early looks again when it rings: most deadlines move
  // back long before they come.
  if (at >= timer_at_) return;
  timer_at_ = at;
  timer_.expires_at(
      std::chrono::steady_clock::time_point(absl::ToChronoNanoseconds(at)));
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->is_over_) return;  // Armed anew, or over.
    self->OnTimer();
  });
}

void WebSocketConnection::OnTimer() {
  timer_at_ = absl::InfiniteDuration();
  const absl::Duration now = loop_->Now();
  if (now >= close_deadline_) return Finish("transport close");
  session_.OnTick(now);
  ArmTimer();
}

}  // namespace roomlog
